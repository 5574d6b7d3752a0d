"""The search: its bounds, what it covers, and what it says of engines that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.flow.elements.play import PlayElement
from ivr.flow.explore import Bounds, Report, as_case, explore, given_data
from ivr.flow.model import FlowSet
from ivr.flow.sim import Given
from ivr.flow.testing import parse_cases, run_case
from tests.kit.flow import make_flow

MENU = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask: {type: play, text: For sales press 1., interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": sales, "2": bye}, branches: {no_input: bye, no_match: bye}}
  sales: {type: forward_call, to: "sip:200@pbx", branches: {call_not_forwarded: message}}
  message: {type: record_voicemail, next: bye, branches: {nothing_recorded: bye, error: bye}}
  bye: {type: hang_up, prompt: Goodbye.}
"""


def explored(source: str, bounds: Bounds | None = None, **others: str) -> Report:
    flow = make_flow(source)
    flows = FlowSet({"main": flow, **{name: make_flow(text, name) for name, text in others.items()}})
    return explore(flow, flows, bounds=bounds)


def test_every_branch_is_reached() -> None:
    report = explored(MENU)
    assert (report.findings, report.complete) == ((), True)
    assert report.coverage.flows["main"].missed == ()


def test_it_is_the_same_every_time() -> None:
    one, other = explored(MENU), explored(MENU)
    assert (one.runs, one.states) == (other.runs, other.states)


def test_bounds_end_it() -> None:
    report = explored(MENU, Bounds(runs=5))
    assert not report.complete
    assert report.runs <= 6
    assert not explored(MENU, Bounds(out_of_time=lambda: True)).complete
    assert explored(MENU, Bounds(steps=0)).runs == 1


def test_a_subroutine_goes_back_and_loses_nobody() -> None:
    main = MENU.replace("next: ask}", "next: language}", 1) + (
        "  language: {type: transfer_to_flow, flow: language, return_to: ask, branches: {other: ask}}\n"
    )
    language = """
variables: {language: en}
elements:
  start: {type: start_from_flow, next: english}
  english: {type: play, text: For English press 1., interruptible: true, next: choice}
  choice: {type: collect, responses: {"1": set}, branches: {no_input: set, no_match: set}}
  set: {type: set_variable, variables: {language: en}}
"""
    report = explored(main, language=language)
    assert (report.findings, report.scope) == ((), ("main", "language"))
    assert explored(language).findings == ()


def test_an_element_that_fails_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, ctx: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(PlayElement, "run", fail)
    (finding,) = explored(MENU).findings
    assert (finding.kind, finding.element, finding.script.steps) == ("crash", "ask", ())
    assert "ZeroDivisionError" in finding.text


def test_an_engine_that_fails_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.flow.sim.sound.Sound.play", lambda *_: 1 / 0)
    (finding,) = explored(MENU).findings
    assert (finding.kind, finding.element) == ("crash", "ask")
    assert "the engine itself fails" in finding.text


def test_elements_of_two_flows_with_one_name_are_told_apart() -> None:
    main = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu: {type: transfer_to_flow, flow: sub}
"""
    sub = """
elements:
  start: {type: start_from_flow, next: ask}
  ask: {type: play, text: Press 1., interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": bye}, attempts: 2, retry_prompt: Press 1., branches: {no_input: bye}}
  bye: {type: hang_up}
"""
    report = explored(main, sub=sub)
    (finding,) = report.findings
    assert (finding.kind, finding.flow, finding.element) == ("lost_caller", "sub", "menu")
    assert 'silence: "sub/menu"' in as_case(finding)


def test_what_a_case_is_given() -> None:
    given = Given(caller="", profile={"a": 1}, tags=("x",), properties={"b": 2}, entry="start")
    assert given_data(given, {"m"}) == {
        "caller": "",
        "profile": {"a": 1},
        "entry": "start",
        "tags": ["x"],
        "properties": {"b": 2},
        "recordings": {"m": "failed"},
    }


BALANCE = """
variables: {balance: null}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: say}
  say: {type: play, text: 'Your balance is {{ money(balance, "EUR") }}.', next: bye}
  bye: {type: hang_up, prompt: Goodbye.}
"""


def test_words_that_are_left_out_are_found() -> None:
    report = explored(BALANCE)
    (finding,) = report.findings
    assert (finding.kind, finding.element, finding.script.steps) == ("broken_words", "say", ())
    assert "null" in finding.text
    flow = make_flow(BALANCE)
    (case,) = parse_cases(as_case(finding), Path("main.test.yaml"))
    assert not run_case(case, flow, FlowSet({"main": flow})).passed
    mended = BALANCE.replace("money(balance", "money(balance or 0")
    assert explored(mended).findings == ()
    mended_flow = make_flow(mended)
    assert run_case(case, mended_flow, FlowSet({"main": mended_flow})).passed


def test_values_that_the_explorer_makes_up_are_no_broken_words() -> None:
    source = (
        BALANCE.replace('money(balance, "EUR")', "date(day)")
        .replace("next: say", "next: ask")
        .replace("{balance: null}", "{day: null}")
    )
    source += (
        "  ask: {type: call_api, url: 'http://example.com/', save: {day: $.day}, next: say, "
        "branches: {client_error: bye, server_error: bye, error: bye}}\n"
    )
    assert explored(source).findings == ()


def test_a_pause_that_is_longer_than_a_call_is_no_loop_in_words() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: monday}
  monday: {type: pause, until: {weekday: mon, at: "09:00"}, hold_music: true, next: bye}
  bye: {type: hang_up}
"""
    texts = {(finding.element, finding.text) for finding in explored(source).findings}
    assert texts == {
        ("monday", "nothing goes round: the caller waits here longer than limits.call_duration, which ends the call")
    }


def test_calls_of_a_flow_are_tried_in_every_way() -> None:
    report = explored(
        """
elements:
  start: {type: start_from_audience, next: call}
  call:
    type: start_outgoing_call
    retry: {times: 2, min_minutes: 5}
    machine_detection: beep
    next: hello
    branches: {voicemail: message, busy: busy, no_answer: away, declined: never, call_ended: note}
  hello: {type: play, text: Hello, next: bye}
  message: {type: play, text: Call back., next: bye}
  bye: {type: hang_up}
  busy: {type: tag, tags: busy}
  away: {type: tag, tags: away}
  never: {type: tag, tags: never}
  note: {type: tag, tags: failed}
"""
    )
    assert (report.findings, report.complete) == ((), True)
    assert report.coverage.flows["main"].missed == ()


def test_a_loop_of_calls_is_found() -> None:
    report = explored(
        """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, next: bye, branches: {call_ended: call}}
  bye: {type: hang_up}
"""
    )
    assert [finding.kind for finding in report.findings] == ["endless_loop"]
