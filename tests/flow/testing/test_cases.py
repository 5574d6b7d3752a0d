"""Files of cases: what is read, and what is refused in which words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ivr.flow.sim import MONDAY_NOON
from ivr.flow.testing import Case, CaseError, case_files, load_cases, lone_tests, parse_cases

FILE = "desk.test.yaml"

# As the specification has it, word for word.
SPECIFIED = """
- name: sales is busy
  given: {caller: "+15550199", time: "2026-03-02T10:00:00+01:00"}
  when: [{at: welcome, press: "1"}, {forward: sales, result: busy}, {hang_up_after: 5s}]
  expect: {path: [start, welcome, menu, sales, voicemail], said: ["Welcome*"], ended_by: user_hung_up}
"""


def read(text: str) -> tuple[Case, ...]:
    return parse_cases(text, FILE)


def faults(text: str) -> list[str]:
    with pytest.raises(CaseError) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_specified_form() -> None:
    (case,) = read(SPECIFIED)
    assert (case.name, case.flow, case.file, case.line) == ("sales is busy", "desk", FILE, 2)
    assert case.given.caller == "+15550199"
    assert case.given.time == datetime.fromisoformat("2026-03-02T10:00:00+01:00")
    assert [step.KIND for step in case.when.steps] == ["press", "forward", "hang_up_after"]
    assert case.expect.path == ("start", "welcome", "menu", "sales", "voicemail")
    assert case.expect.ended_by == "user_hung_up"
    assert case.line_of("when", 1) == 4
    assert case.line_of("expect", "path", 2) == 5
    assert case.line_of("nothing") == 2


def test_what_is_left_out() -> None:
    (case,) = read("- {name: nothing happens}")
    assert case.given.time == MONDAY_NOON
    assert not case.when.steps
    assert case.expect.path is None


def test_the_file_gives_what_cases_do_not() -> None:
    first, second = read(
        """
given: {caller: "1", variables: {a: 1, b: 2}, http: {check: 500, "*": {status: 404}}}
cases:
  - {name: first}
  - {name: second, given: {caller: "2", variables: {b: 3}, http: {check: 503}}}
"""
    )
    assert (first.given.caller, first.given.variables) == ("1", {"a": 1, "b": 2})
    assert (second.given.caller, second.given.variables) == ("2", {"a": 1, "b": 3})
    assert [(stub.match, stub.status) for stub in second.stubs.http] == [("check", 503), ("*", 404)]


def test_stubs() -> None:
    (case,) = read(
        """
- name: the world
  given:
    http:
      check: [503, {status: 200, body: {a: 1}, after: 2s}]
      "https://crm.example/*": {error: timeout}
    forwards: {sales: [busy, answered], "phone:*": {result: answered, talk: 9s, then: hang_up}}
    mails: {"*": nobody there}
    recordings: {record: failed}
"""
    )
    http = case.stubs.http
    assert [(stub.match, stub.status, stub.times) for stub in http] == [
        ("check", 503, 1),
        ("check", 200, None),
        ("https://crm.example/*", 200, None),
    ]
    assert (http[1].body, http[1].after, http[2].error) == ({"a": 1}, 2.0, "timeout")
    assert [(stub.match, stub.result, stub.times) for stub in case.stubs.forwards] == [
        ("sales", "busy", 1),
        ("sales", "answered", None),
        ("phone:*", "answered", None),
    ]
    assert (case.stubs.forwards[2].talk, case.stubs.forwards[2].leaves) == (9.0, "caller")
    assert case.stubs.mails[0].error == "nobody there"
    assert case.stubs.failing_recordings == {"record"}


def test_the_call() -> None:
    (case,) = read(
        """
- name: the call
  given:
    caller: ""
    called: "0100"
    line: pbx
    time: 2026-03-02T10:00:00Z
    profile: {vip: true}
    settings: {company: Example}
    headers: {X-Account: "7"}
    tags: [new]
    entry: start
    seed: 7
    events:
      - {name: paid, at: "2026-03-02T08:00:00Z"}
      - {name: ordered, at: "2026-03-01T08:00:00Z", properties: {order: 1}}
    calendars: {office: {time_zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
    )
    given = case.given
    assert (given.caller, given.called, given.line, given.entry, given.seed) == ("", "0100", "pbx", "start", 7)
    assert (given.profile, given.settings, given.headers) == ({"vip": True}, {"company": "Example"}, {"x_account": "7"})
    assert given.tags == ("new",)
    assert [event.name for event in given.events] == ["ordered", "paid"]
    assert given.calendars["office"].time_zone == "Europe/Berlin"


def test_lengths_of_prompts() -> None:
    each, same = read(
        '- {name: a, given: {prompts: {hello.wav: 4s, "gone.wav": missing}}}\n- {name: b, given: {prompts: 2s}}'
    )
    assert each.speech.files == {"hello.wav": 4.0}
    assert each.speech.missing == {"gone.wav"}
    assert same.speech.fixed == 2.0


def test_each() -> None:
    cases = read(
        """
- name: key <key> leads to <to>
  each:
    - {key: "1", to: sales, path: [start, sales]}
    - {key: "2", to: support, path: [start, support]}
  when: [{at: menu, press: <key>}]
  expect: {path: <path>, branches: {menu: <key>}, said: ["* <to>", "<unknown>"], visits: {<to>: 1}}
"""
    )
    assert [case.name for case in cases] == ["key 1 leads to sales", "key 2 leads to support"]
    assert cases[1].when.data() == [{"at": "menu", "press": "2"}]
    assert cases[1].expect.path == ("start", "support")
    assert cases[1].expect.visits == {"support": 1}
    assert [prompt.text for prompt in cases[1].expect.said] == ["* support", "<unknown>"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", " a file of tests is a list of cases (expected - name: …)"),
        ("x", "1: a file of tests is a list of cases"),
        ("given: {}", "1: cases: a file of tests is a list of cases"),
        ("givn: {}\ncases: []", "1: givn: unknown key, did you mean given? (expected one of given, cases)"),
        ("- nothing", "1: a case is a mapping (expected name, given, when, expect)"),
        ("- {given: {}}", "1: a case needs a name (expected name: …)"),
        ("- name: a\n  whn: []", "2: whn: unknown key, did you mean when?"),
        ("- name: a\n- name: a", "2: name: two cases have this name, first in line 1 (found a)"),
        ("- name: a\n  name: b", "2: key name stands twice, first in line 1"),
        ("- name: a\n  given:\n    caler: x", "3: given.caler: unknown field, did you mean caller?"),
        ("- name: a\n  given: {caller: 4711}", "2: given.caller: quote the digits"),
        ("- name: a\n  given: {caller: 0815}", "2: given.caller: quote the digits"),
        ("- name: a\n  given: {time: noon}", "2: given.time: not a time"),
        ('- name: a\n  given: {time: "2026-03-02T10:00:00"}', "2: given.time: a time needs its zone"),
        ("- name: a\n  given: {http: {x: {stauts: 1}}}", "2: given.http.x.stauts: unknown field, did you mean status?"),
        ("- name: a\n  given: {http: {x: []}}", "2: given.http.x: not an answer (expected {status: …})"),
        ("- name: a\n  when: {}", "2: when: must be a list of steps"),
        ("- name: a\n  given: {forwards: {sales: bussy}}", "2: given.forwards.sales: not one of the values"),
        ("given: {forwards: {x: 1}}\ncases: []", "1: given.forwards.x: not an answer"),
        ("- name: a\n  given: {recordings: {x: lost}}", "2: given.recordings.x: not one of the values allowed"),
        ("- name: a\n  when: [{at: x, press: 1}]", "2: when.0.press: quote the digits"),
        ("- name: a\n  when: [{pres: '1'}]", "2: when.0: not a step, did you mean press?"),
        ("- name: a\n  expect: {pth: []}", "2: expect.pth: unknown field, did you mean path?"),
        ("- name: a\n  expect: {ended_by: hung_up}", "2: expect.ended_by: not one of the values allowed"),
        ("- name: a\n  expect: {branches: {menu: 1}}", "2: expect.branches.menu: quote the digits"),
        ("- name: a\n  expect:\n    duration: soon", "3: expect.duration: not a range of time"),
        ("- name: a\n  expect: {visits: {menu: -1}}", "2: expect.visits.menu: too small"),
        ("- name: a\n  expect: {requests: [{ulr: x}]}", "2: expect.requests.0.ulr: unknown field, did you mean url?"),
        ("- name: a\n  each: []", "2: each: each is a list of mappings"),
        ("- name: a\n  each: [{k: x}]", "2: each.0.k: <k> stands nowhere in the case"),
        (
            "- name: a\n  when: [{press: <k>}]\n  each: [{k: x}, {k: y}]",
            "1: name: two cases have this name, name what differs: <key>",
        ),
        ("- name: " + "a" * 201, "1: name: the name is too long"),
        ("- name: a\n  *", "2: "),
    ],
)
def test_faults(text: str, fault: str) -> None:
    found = faults(text)
    assert found[0].startswith(f"{FILE}:{fault}"), found


def test_all_faults_are_told_in_their_order() -> None:
    found = faults("- name: a\n  when: [{press: 1}]\n  expect: {pth: []}\n- name: b\n  given: {caler: x}\n- 7")
    assert [fault.split(": ")[0] for fault in found] == [f"{FILE}:{line}" for line in (2, 3, 5, 6)]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text("elements: {}")
    (tmp_path / "desk.test.yaml").write_text("- {name: a}")
    (tmp_path / "dest.test.yml").write_text("- {name: a}")
    (tmp_path / ".hidden.test.yaml").write_text("- {name: a}")
    (tmp_path / "sub.test.yaml").mkdir()
    assert [path.name for path in case_files(tmp_path)] == ["desk.test.yaml", "dest.test.yml"]
    (lone,) = lone_tests(tmp_path)
    assert str(lone).startswith(f"{tmp_path}/dest.test.yml: tests of a flow that is not there, did you mean desk?")
    assert load_cases(tmp_path / "desk.test.yaml")[0].flow == "desk"
    with pytest.raises(CaseError, match="cannot be read"):
        load_cases(tmp_path / "none.test.yaml")
    with pytest.raises(CaseError, match="cannot be read"):
        case_files(tmp_path / "none")
