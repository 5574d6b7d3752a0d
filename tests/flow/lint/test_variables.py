"""Variables: declared and used, and set before they are read."""

from __future__ import annotations

import pytest

from ivr.flow.lint import World, check_flows
from ivr.flow.loader import parse_flow
from tests.kit.lint import alone, codes, lint

START = 'elements:\n  start: {type: start_incoming_call, numbers: ["1"], next: one}\n'
BYE = "  bye: {type: hang_up}\n"


def test_undeclared_variables_wherever_they_stand() -> None:
    text = (
        "variables: {a: 1}\nsensitive: [f, a]\n"
        + START
        + """
  one: {type: branch, conditions: [{when: "b == 1 and a", to: two}], branches: {otherwise: two}}
  two: {type: set_variable, variables: {c: "{{ d + d }}"}, next: three}
  three: {type: play, voicemail: e, next: keys}
  keys: {type: collect, save_as: g, next: bye, branches: {no_match: bye}}
"""
        + BYE
    )
    found = [(each.element, each.field, each.message) for each in lint(text) if each.code == "V001"]
    assert found == [
        (None, "sensitive", "f is sensitive and not declared"),
        ("one", "conditions.0.when", "b is not declared"),
        ("two", "variables.c", "d is not declared"),
        ("two", "variables.c", "c is set and not declared"),
        ("three", "voicemail", "e is not declared"),
        ("keys", "save_as", "g is set and not declared"),
    ]


def test_the_line_of_a_sensitive_name() -> None:
    text = "variables: {a: 1}\nsensitive:\n- z\n- a\n- b\n" + START + "  one: {type: hang_up, prompt: '{{ a }}'}\n"
    found = [each for each in lint(text) if each.code == "V001"]
    assert [(each.line, each.message[0]) for each in found] == [(3, "z"), (5, "b")]


def test_unused_variables() -> None:
    text = "variables: {a: 1, b: 2, c: '', d: x, language: en}\n" + START
    text += "  one: {type: collect, save_as: c, next: two, branches: {no_match: two}}\n"
    text += "  two: {type: play, text: '{{ a }}', next: three}\n  three: {type: play, voicemail: d, next: bye}\n" + BYE
    found = [(each.line, each.field) for each in lint(text) if each.code == "V002"]
    assert found == [(1, "variables.b")]


CALLER = """
variables: {x: 1}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: sub}
  sub: {type: transfer_to_flow, flow: target, pass: %s, return_to: keep, branches: {other: bye}}
  keep: {type: set_variable, variables: {x: "{{ %s }}"}, next: bye}
  bye: {type: hang_up}
"""


def target(text: str, passed: str = "{}", read: str = "1") -> list[str]:
    flows = [parse_flow(CALLER % (passed, read), "caller"), parse_flow(text, "target")]
    return [each.code for each in check_flows(flows, World())["target"] if each.code != "F002"]


def test_what_another_flow_reads_of_a_subroutine_is_used() -> None:
    text = "variables: {a: 1}\nelements: {in: {type: start_from_flow}}\n"
    assert target(text) == ["V002"]
    assert target(text, read="result.variables.a") == []
    assert target(text, read="result.variables") == []
    assert target(text, read="result.status") == ["V002"]
    assert alone(text)[0].code == "F002"


# Set before they are read

SAYS = START + "  one: %s\n  say: {type: play, text: 'You {{ a }}.', next: bye}\n" + BYE


@pytest.mark.parametrize(
    ("default", "one", "unset"),
    [
        ("''", "{type: collect, save_as: a, next: say, branches: {no_match: bye}}", False),
        ("''", "{type: collect, save_as: a, next: say, branches: {no_match: say}}", True),
        ("null", "{type: collect, save_as: a, next: say, branches: {no_input: say, no_match: bye}}", True),
        ("x", "{type: collect, save_as: a, next: say, branches: {no_match: say}}", False),
        ("0", "{type: collect, save_as: a, next: say, branches: {no_match: say}}", False),
        ("[]", "{type: set_variable, variables: {a: 1}, next: say}", False),
        ("''", "{type: set_variable, variables: {a: 'b{{ a }}'}, next: say}", True),
        ("''", "{type: record_voicemail, save_as: a, next: say, branches: {nothing_recorded: bye}}", False),
        ("''", "{type: record_voicemail, save_as: a, next: say}", True),
        ("''", "{type: call_api, url: 'https://x', save: {a: $.a}, next: say, branches: {error: bye}}", False),
        ("''", "{type: call_api, url: 'https://x', save: {a: $.a}, next: say, branches: {error: say}}", True),
        ("''", "{type: branch, conditions: [{value: '{{ a }}', is_not_empty: true, to: say}], next: bye}", False),
        ("''", "{type: branch, conditions: [{value: '{{ a }}', is_not_empty: true, to: bye}], next: say}", True),
        ("''", "{type: branch, conditions: [{value: '{{ a }}', is_empty: true, to: bye}], next: say}", False),
        ("''", "{type: branch, conditions: [{value: '{{ a }}', is_empty: true, to: say}], next: bye}", True),
        ("''", "{type: branch, conditions: [{when: a, to: say}], next: bye}", False),
        ("''", "{type: branch, conditions: [{when: not a, to: say}], next: bye}", True),
        ("''", "{type: branch, conditions: [{when: not a, to: bye}], next: say}", False),
        ("''", "{type: branch, conditions: [{when: a == '1', to: say}], next: bye}", False),
        ("''", "{type: branch, conditions: [{when: call.to == '1', to: say}], next: bye}", True),
    ],
)
def test_set_before_read(default: str, one: str, unset: bool) -> None:
    found = [each for each in lint(f"variables: {{a: {default}}}\n" + SAYS % one) if each.code == "V003"]
    assert bool(found) is unset
    if unset:
        assert found[0].path in (("start", "one", "say"), ("start", "one"))


def test_conditions_before_one_that_holds_have_been_asked() -> None:
    one = """{type: branch, next: bye, conditions: [
      {value: '{{ a }}', is_empty: true, to: bye}, {when: call.to == '1', to: say}]}"""
    assert codes("variables: {a: ''}\n" + SAYS % one) == []


@pytest.mark.parametrize(
    "text", ["a or 'friend'", "a if a else 'you'", "'you' if not a else a", "len(a)", "'' if a == '' else a"]
)
def test_expressions_that_care_for_it_themselves(text: str) -> None:
    flow = "variables: {a: ''}\n" + START + f'  one: {{type: play, text: "{{{{ {text} }}}}", next: two}}\n'
    flow += "  two: {type: set_variable, variables: {a: x}, next: bye}\n" + BYE
    assert codes(flow) == []


def test_an_earlier_variable_of_the_same_element() -> None:
    flow = "variables: {a: '', b: ''}\n" + START
    flow += "  one: {type: set_variable, variables: {a: x, b: '{{ a }}'}, next: bye}\n" + BYE
    assert codes(flow) == []
    assert codes(flow.replace("{a: x, b: '{{ a }}'}", "{b: '{{ a }}', a: x}")) == ["V003"]


def test_the_path_is_one_on_which_it_is_not_set() -> None:
    text = (
        "variables: {a: ''}\n"
        + START
        + """
  one: {type: collect, save_as: a, next: say, branches: {no_input: note, no_match: bye}}
  note: {type: tag, tags: silent, next: more}
  more: {type: tag, tags: very, next: say}
  say: {type: play, text: "{{ a }}", next: bye}
"""
        + BYE
    )
    assert [each.path for each in lint(text)] == [("start", "one", "note", "more", "say")]


def test_what_a_flow_is_passed() -> None:
    text = """
variables: {a: ''}
elements:
  in: {type: start_from_flow, next: say}
  say: {type: play, text: "{{ a }}"}
"""
    assert target(text, "{a: 1}") == []
    assert target(text, "{}") == ["V003"]
    assert [each.code for each in alone(text)] == ["F002"]


def test_what_a_contact_brings() -> None:
    text = """
variables: {a: ''}
elements:
  start: {type: start_from_audience, next: send}
  send: {type: call_api, url: "https://x.example/", body: "{{ a }}"}
"""
    assert codes(text) == []


def test_passing_what_the_other_flow_does_not_have() -> None:
    flows = [parse_flow(CALLER % ("{a: 1, b: 2}", "1"), "caller")]
    flows.append(parse_flow("variables: {a: 1}\nelements: {in: {type: start_from_flow}}\n", "target"))
    found = [each for each in check_flows(flows, World())["caller"] if each.code == "V004"]
    assert [(each.field, each.mend) for each in found] == [("pass.b", "its variables: a")]
