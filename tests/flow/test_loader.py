"""Loading flows: what is refused, with which words, and where."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import Fault, FlowLoadError
from ivr.flow.loader import flow_files, join_flows, load_flow, load_folder, parse_flow
from ivr.settings import Limits, Settings

HELLO = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello}
"""


def faults_of(text: str, limits: Limits | None = None) -> list[Fault]:
    with pytest.raises(FlowLoadError) as caught:
        parse_flow(textwrap.dedent(text), "test", limits=limits or Limits())
    return list(caught.value.faults)


def lines_of(text: str) -> list[str]:
    return [str(fault) for fault in faults_of(text)]


def element(fields: str) -> str:
    """A flow with an entry, a target, and one element to look at (on line 6)."""
    return f"""
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: it}}
  bye: {{type: hang_up}}
  sub: {{type: start_from_flow, next: bye}}
  it: {fields}
"""


def test_a_flow() -> None:
    flow = parse_flow(
        """
description: Front desk
variables: {language: en, tries: 0}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: "Hello {{ language }}", next: sub}
  sub: {type: start_from_flow, next: bye}
  bye: {type: hang_up}
""",
        "reception",
    )
    assert flow.name == "reception"
    assert flow.description == "Front desk"
    assert flow.variables == {"language": "en", "tries": 0}
    assert flow.sensitive == {"pin"}
    assert list(flow.elements) == ["start", "hello", "sub", "bye"]
    assert flow.entries == ("start", "sub")
    assert flow.flow_entry == "sub"
    assert flow.line("hello", "text") == 7


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # YAML and what it bends
        (
            element("{type: play, type: play, text: x}"),
            "test.yaml:6: element it: key type stands twice, first in line 6",
        ),
        (element("{type: play, text: x, on: bye}"), 'test.yaml:6: element it: quote this key: "on"'),
        (element("{type: collect, responses: {1: bye}}"), 'test.yaml:6: element it responses: quote the digits: "1"'),
        (element("{type: start_incoming_call, numbers: *}"), "test.yaml:6: element it numbers: quote the star"),
        (element("{type: start_incoming_call, numbers: [0123]}"), "numbers.0: quote the digits (found 0123"),
        (element("{type: start_incoming_call, numbers: [08]}"), "numbers.0: quote the digits (found 08"),
        (
            element("{type: start_incoming_call, numbers: +15550100}"),
            'quote the digits (found +15550100; expected "+155',
        ),
        (element("{type: forward_call, to: 200}"), "element it to: quote the digits (found 200"),
        (element("{type: play, text: 1:30}"), "element it text: quote the digits (found 1:30"),
        (element("{type: play, text: no}"), "element it text: quote the word"),
        (element("\n    type: collect\n    terminator: #\n"), "quote the #: without quotes it begins a comment"),
        ("a: [1", "not valid YAML"),
        ("elements: {a: *x}", "has no anchor"),
        ("[1]", "a flow is a mapping"),
        ("", "a flow is a mapping"),
        ("elements: " + "[" * 40 + "]" * 40, "nested too deep"),
        # Fields
        (element("{type: play}"), "element it: exactly one of text, file, url, voicemail"),
        (element("{type: play, text: a, file: b}"), "exactly one of"),
        (element("{type: play, txt: a}"), "element it txt: unknown field, did you mean text?"),
        (element("{type: play, text: a, zzzzz: 1}"), "element it zzzzz: unknown field (expected one of"),
        (element("{type: play, text: a, pause: 6s}"), "element it pause: too large (found 6s; expected at most 5)"),
        (element("{type: play, text: a, pause: soon}"), "pause: not a duration (found soon; expected seconds, or"),
        (element("{type: play, text: a, rate: fast}"), "must be a number (found fast; expected a number)"),
        (element("{type: play, text: a, interruptible: maybe}"), "must be true or false (found maybe"),
        (element("{type: play, text: [a]}"), "element it text: must be text (found a list)"),
        (element("{type: play, text: '{{ a + }}'}"), "a value is missing before the end (column 4)"),
        (element("{type: play, text: '{{ a'}"), "{{ has no }} after it"),
        (element("{type: collect, attempts: 2.5}"), "must be a whole number (found 2.5"),
        (element("{type: collect, retry_prompt: {txt: a}}"), "retry_prompt.txt: unknown field, did you mean text?"),
        (element("{type: collect, responses: {x: bye}}"), "responses.x: keys are of 0123456789*#ABCD (found x)"),
        (element("{type: forward_call, to: a, mode: bridg}"), "did you mean bridge? (found bridg"),
        (element("{type: forward_call}"), "element it to: the field is missing"),
        (element("{type: forward_call, to: []}"), "element it to: too few items (found a list; expected at least 1)"),
        (element("{type: set_variable, variables: {2a: 1}}"), "variables.2a: not the name of a variable"),
        # Elements
        (element("{type: plai}"), "element it type: unknown type, did you mean play? (found plai)"),
        (element("{text: a}"), "element it: the type is missing"),
        (element("play"), "element it: an element is a mapping with a type"),
        (element("{type: [play]}"), "element it type: unknown type"),
        # References
        (element("{type: play, text: a, next: by}"), "element it next: there is no such element, did you mean bye?"),
        (element("{type: play, text: a, next: 5}"), "element it next: quote the digits"),
        (
            element("{type: collect, responses: {'1': zzz}}"),
            "element it responses.1: there is no such element (found zzz)",
        ),
        (element("{type: play, text: a, branches: {call_end: bye}}"), "did you mean call_ended?"),
        (element("{type: play, text: a, branches: {zzz: bye}}"), "play has no such branch (found zzz; expected one of"),
        (element("{type: play, text: a, next: bye, branches: {audio_played: bye}}"), "next is short for audio_played"),
        (element("{type: collect, responses: {'1': bye}, next: bye}"), "a collect with responses has no next"),
        (element("{type: branch, conditions: [{when: a, to: zzz}]}"), "conditions.0.to: there is no such element"),
        (element("{type: play, bad: 1, next: zzz}"), "element it next: there is no such element (found zzz)"),
        ("elements: {a: {type: hang_up}}", "elements: nothing starts this flow"),
        ("elements: {}", "elements: a flow needs elements"),
        ("description: x", "elements: a flow needs elements"),
        # The flow
        ("variable: {}" + HELLO, "variable: unknown key, did you mean variables?"),
        ("description: [1]" + HELLO, "description: must be text"),
        ("variables: [a]" + HELLO, "variables: must be a mapping"),
        ("variables: {call: 1}" + HELLO, "variables.call: this name has a meaning of its own"),
        ("variables: {not: 1}" + HELLO, "variables.not: this name has a meaning of its own"),
        ("variables: {a-b: 1}" + HELLO, "variables.a-b: not the name of a variable"),
        ("variables: {a: '{{ b }}'}" + HELLO, "variables.a: a default holds no expression"),
        ("sensitive: pin" + HELLO, "sensitive: must be a list"),
        ("sensitive: [1]" + HELLO, "sensitive.0: not the name"),
    ],
)
def test_fault(text: str, line: str) -> None:
    found = lines_of(text)
    assert any(line in each for each in found), found


def test_all_faults_at_once_by_line() -> None:
    found = faults_of(
        """
        elements:
          start: {type: start_incoming_call, numbers: [100], next: helo}
          hello: {type: play, txt: Hello, rate: 9, next: nowhere}
          menu: {type: colect}
        """
    )
    places = [(fault.line, fault.element, fault.field) for fault in found]
    assert {(3, "start", "numbers.0"), (3, "start", "next"), (4, "hello", "txt"), (4, "hello", "rate")} <= set(places)
    assert {(4, "hello", "next"), (5, "menu", "type")} <= set(places)
    assert [fault.line for fault in found] == sorted(fault.line or 0 for fault in found)


def test_too_many_elements() -> None:
    many = "".join(f"  e{number}: {{type: hang_up}}\n" for number in range(100))
    text = 'elements:\n  start: {type: start_incoming_call, numbers: ["1"]}\n' + many
    (fault,) = faults_of(text)
    assert "split the flow" in fault.text
    assert fault.found == "101"
    assert parse_flow(text, "test", limits=Limits(elements_per_flow=101))


def test_a_text_too_long_to_be_spoken() -> None:
    (fault,) = faults_of(element(f"{{type: play, text: {'a' * 1001}}}"))
    assert (fault.element, fault.field, fault.found) == ("it", "text", "1001 characters")


def test_hostile_aliases_are_bounded() -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
    )
    (fault,) = faults_of(bomb)
    assert "too many" in fault.text


def test_a_name_that_no_flow_can_have() -> None:
    with pytest.raises(FlowLoadError, match="cannot name a flow"):
        parse_flow(HELLO, "front desk!")


def test_the_version_is_the_content() -> None:
    one, other = parse_flow(HELLO, "a"), parse_flow(HELLO + "\n", "a")
    assert one.version == parse_flow(HELLO, "b").version
    assert one.version != other.version
    assert len(one.version) == 12


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_whatever_is_in_a_file_is_a_flow_or_faults(text: str | bytes) -> None:
    with pytest.raises(FlowLoadError):
        parse_flow(text, "test")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TYPES = ["play", "collect", "forward_call", "hang_up", "branch", "set_variable", "pause", "transfer_to_flow"]
FIELDS = ["text", "file", "to", "next", "branches", "responses", "conditions", "variables", "flow", "duration", "pause"]


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_fields_is_a_flow_or_faults(kind: str, fields: dict[str, object]) -> None:
    start = {"type": "start_incoming_call", "numbers": ["1"]}
    data = {"elements": {"start": start, "it": {"type": kind, **fields}}}
    try:
        parse_flow(json.dumps(data), "test")
    except FlowLoadError as error:
        assert all(fault.line for fault in error.faults)


# Folders


def write(folder: Path, **flows: str) -> None:
    for name, text in flows.items():
        (folder / f"{name.replace('__', '.')}.yaml").write_text(text)


def entry(number: str, line: str = "") -> str:
    where = f", line: {line}" if line else ""
    return f'elements: {{start: {{type: start_incoming_call, numbers: ["{number}"]{where}}}}}\n'


def sub(flow: str) -> str:
    return f"elements: {{start: {{type: start_from_flow, next: go}}, go: {{type: transfer_to_flow, flow: {flow}}}}}\n"


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path, a=HELLO, a__test="- name: x", b=sub("c"), c=sub("b"))
    (tmp_path / ".hidden.yaml").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.yaml").mkdir()
    assert [path.name for path in flow_files(tmp_path)] == ["a.yaml", "b.yaml", "c.yaml"]
    found = load_folder(tmp_path)
    assert list(found) == ["a", "b", "c"]
    assert found.number == 1
    assert found["a"].source == tmp_path / "a.yaml"


def test_all_or_nothing(tmp_path: Path) -> None:
    write(tmp_path, a=HELLO, b="x: 1", c="[1", d=sub("b"))
    with pytest.raises(FlowLoadError) as caught:
        load_folder(tmp_path)
    files = {Path(fault.file).name for fault in caught.value.faults}
    assert files == {"b.yaml", "c.yaml"}  # and nothing about d, whose target is there, with faults of its own


def test_a_reload_keeps_what_did_not_change(tmp_path: Path) -> None:
    write(tmp_path, a=HELLO, b=entry("101"))
    first = load_folder(tmp_path)
    write(tmp_path, b=entry("102"))
    second = load_folder(tmp_path, previous=first)
    assert second.number == 2
    assert second["a"] is first["a"]
    assert second["b"].version != first["b"].version
    assert first.find("101") and not first.find("102")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FlowLoadError, match="cannot be read"):
        load_folder(tmp_path / "none")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FlowLoadError, match="No such file"):
        load_flow(tmp_path / "none.yaml")


def test_a_number_is_taken_once_per_line(tmp_path: Path) -> None:
    write(tmp_path, a=entry("+1 555 0100"), b=entry("+15550100"))
    with pytest.raises(FlowLoadError) as caught:
        load_folder(tmp_path)
    (fault,) = caught.value.faults
    assert Path(fault.file).name == "b.yaml"
    assert "a.yaml:1" in fault.text
    write(tmp_path, b=entry("+15550100", "pbx"))
    assert load_folder(tmp_path, Settings())


def test_two_files_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, a=HELLO)
    (tmp_path / "a.yml").write_text(entry("7"))
    with pytest.raises(FlowLoadError, match="there twice"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("flow", "text"),
    [("nowhere", "there is no such flow"), ("recepton", "did you mean reception"), ("reception", "cannot be entered")],
)
def test_a_transfer_needs_its_target(flow: str, text: str) -> None:
    flows = [parse_flow(HELLO, "reception"), parse_flow(sub(flow), "b")]
    with pytest.raises(FlowLoadError, match=text) as caught:
        join_flows(flows)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.element, fault.field) == ("b.yaml", 1, "go", "flow")


def test_a_transfer_by_expression_is_left_to_the_call() -> None:
    assert join_flows([parse_flow(sub('"{{ call.to }}"'), "b")])


def test_what_is_no_name_is_neither_secret_nor_shared() -> None:
    with pytest.raises(FlowLoadError) as caught:
        parse_flow("variables: {}\nsensitive: [[]]\nshareable: [{}]\nelements: {}\n", "odd")
    assert any("sensitive" in str(fault) for fault in caught.value.faults)
