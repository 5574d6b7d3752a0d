"""What nothing leads to, where callers are cut off, loops that nobody leaves."""

from __future__ import annotations

import pytest

from ivr.flow.lint import World, check_flows
from ivr.flow.loader import parse_flow
from tests.kit.lint import alone, codes, lint

START = "elements:\n  start: {type: start_incoming_call, numbers: ['1'], next: one}\n"
BYE = "  bye: {type: hang_up}\n"


def test_what_only_unreachable_elements_lead_to() -> None:
    text = START + "  one: {type: hang_up}\n  two: {type: play, text: a, next: three}\n  three: {type: hang_up}\n"
    found = [(each.element, each.message) for each in lint(text)]
    assert found == [
        ("two", "nothing leads here"),
        ("three", "nothing leads here: only two leads here, which nothing leads to"),
    ]


def test_the_path_is_the_shortest_one() -> None:
    text = (
        START
        + """
  one: {type: collect, responses: {"1": long, "2": short}, branches: {no_match: bye}}
  long: {type: play, text: a, next: longer}
  longer: {type: play, text: a, next: end}
  short: {type: play, text: a, next: end}
  end: {type: play, text: a}
"""
        + BYE
    )
    assert {each.path for each in lint(text)} == {("start", "one", "short", "end")}


def test_a_branch_for_the_end_of_the_call_is_no_dead_end() -> None:
    text = START + "  one: {type: play, text: a, next: bye, branches: {user_hung_up: note}}\n" + BYE
    assert codes("variables: {a: 1}\n" + text + "  note: {type: set_variable, variables: {a: 2}}\n") == []


def test_a_split_without_a_target_is_a_dead_end() -> None:
    assert codes(START + "  one: {type: split, ways: {a: 1, b: 1}, branches: {a: bye}}\n" + BYE) == ["G002"]


def test_failures_that_are_not_named() -> None:
    text = (
        START
        + """
  one: {type: hours, calendar: office, next: two}
  two: {type: transfer_to_flow, flow: subroutine, return_to: three}
  three: {type: collect, responses: {"1": bye}}
"""
        + BYE
    )
    found = [(each.element, each.field) for each in lint(text) if each.code == "G003"]
    assert found == [("one", "branches.closed"), ("two", "branches.other"), ("three", "branches.no_match")]


def test_the_end_of_a_subroutine_is_no_dead_end() -> None:
    text = "elements:\n  in: {type: start_from_flow, next: one}\n  one: {type: play, text: a}\n"
    assert [each.code for each in alone(text)] == ["F002"]


def flows_with(transfer: str) -> list[str]:
    """Findings of a flow that ends without a hang_up, when another one comes there by this transfer."""
    caller = START + f"  one: {transfer}\n" + BYE
    target = "elements:\n  in: {type: start_from_flow, next: one}\n  one: {type: play, text: a}\n"
    found = check_flows([parse_flow(caller, "caller"), parse_flow(target, "target")], World())
    return [each.code for each in found["target"]]


def test_who_comes_for_good_is_cut_off_at_the_end() -> None:
    assert flows_with("{type: transfer_to_flow, flow: target, return_to: bye, branches: {other: bye}}") == ["F002"]
    assert flows_with("{type: transfer_to_flow, flow: target, branches: {other: bye}}") == ["G002", "F002"]


# Loops

MENU = """
  one: {type: play, text: a, interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": bye}, branches: %s}
"""


def test_loops_of_silence() -> None:
    assert codes(START + MENU % "{no_input: one, no_match: bye}" + BYE) == ["G004"]
    assert codes(START + MENU % "{no_match: one}" + BYE) == ["G004"]
    assert codes(START + MENU % "{no_input: bye, no_match: one}" + BYE) == []


def test_the_path_of_a_loop_goes_round() -> None:
    found = lint(START + MENU % "{no_match: one}" + BYE)[0]
    assert found.path == ("start", "one", "menu", "one")
    assert found.message == "a caller who presses nothing never leaves one, menu"


def test_a_count_leads_out_of_a_loop() -> None:
    text = (
        "variables: {turns: 0}\n"
        + START
        + MENU % "{no_match: bye, no_input: count}"
        + """
  count: {type: set_variable, variables: {turns: "{{ turns + 1 }}"}, next: often}
  often: {type: branch, conditions: [{when: turns > 3, to: bye}], branches: {otherwise: one}}
"""
        + BYE
    )
    assert codes(text) == []


@pytest.mark.parametrize(
    ("condition", "leaves"),
    [
        ("{when: turns > 3, to: bye}", False),
        ("{value: '{{ turns }}', at_least: 3, to: bye}", False),
        ("{value: '{{ turns }}', is: x, to: bye}", False),
        ("{value: '{{ turns }}', less_than: x, to: bye}", False),
        ("{when: turns == 0, to: bye}", True),
        ("{when: call.to == '2', to: bye}", True),
        ("{value: '{{ turns }}', today: true, to: bye}", True),
        ("{when: turns > 3 or settings.pbx, to: bye}", True),
    ],
)
def test_a_count_that_nothing_counts(condition: str, leaves: bool) -> None:
    text = "variables: {turns: 0}\n" + START + MENU % "{no_match: bye, no_input: often}"
    text += f"  often: {{type: branch, conditions: [{condition}], branches: {{otherwise: one}}}}\n" + BYE
    assert ("G004" not in codes(text)) is leaves


def test_a_count_that_another_flow_gives() -> None:
    text = """
variables: {turns: 0}
elements:
  in: {type: start_from_flow, next: one}
  one: {type: play, text: a, interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": bye}, branches: {no_match: often}}
  often: {type: branch, conditions: [{when: turns > 3, to: bye}], branches: {otherwise: one}}
  bye: {type: hang_up}
"""
    assert "G004" not in [each.code for each in alone(text)]


def test_voice_in_a_flow_that_is_entered_without_a_caller() -> None:
    caller = START + "  one: {type: hang_up, next: two}\n  two: {type: transfer_to_flow, flow: target}\n"
    target = "elements:\n  in: {type: start_from_flow, next: one}\n  one: {type: play, text: a}\n"
    found = check_flows([parse_flow(caller, "caller"), parse_flow(target, "target")], World())
    assert "S002" in [each.code for each in found["target"]]


@pytest.mark.parametrize(
    ("transfer", "target", "leaves"),
    [
        ("flow: target, branches: {other: one}", "say: {type: play, text: a}", True),
        ("flow: target, return_to: one, branches: {other: one}", "say: {type: play, text: a}", False),
        ("flow: target, return_to: one, branches: {other: one}", "say: {type: hang_up}", True),
        ("flow: target, return_to: one, branches: {other: one}", "say: {type: forward_call, to: phone:200}", True),
        ("flow: target, return_to: one, branches: {other: one}", "say: {type: transfer_to_flow, flow: target}", True),
        ("flow: '{{ call.to }}', return_to: one, branches: {other: one}", "say: {type: play, text: a}", True),
    ],
)
def test_another_flow_may_lead_out_of_a_loop(transfer: str, target: str, leaves: bool) -> None:
    caller = START + f"  one: {{type: play, text: a, next: two}}\n  two: {{type: transfer_to_flow, {transfer}}}\n"
    other = f"elements:\n  in: {{type: start_from_flow, next: say}}\n  {target}\n"
    found = check_flows([parse_flow(caller, "caller"), parse_flow(other, "target")], World())
    assert ("G005" not in [each.code for each in found["caller"]]) is leaves


def test_a_prompt_for_ever() -> None:
    text = START + "  one: {type: play, text: a, interruptible: true, loop: forever, next: bye}\n" + BYE
    assert codes(text) == ["G004"]


def test_a_forward_leads_out_of_a_loop() -> None:
    assert codes(START + "  one: {type: forward_call, to: phone:200, branches: {call_not_forwarded: one}}\n") == []


def test_a_loop_after_the_end_of_the_call() -> None:
    text = (
        START
        + """
  one: {type: hang_up, next: ask}
  ask: {type: call_api, url: "https://x.example/", next: ask, branches: {error: ask}}
"""
    )
    found = [each for each in lint(text) if each.code == "G005"]
    assert [each.message for each in found] == ["no branch leads out of ask, after the end of the call"]
    assert found[0].path == ("start", "one", "ask", "ask")


def test_a_flow_outside_calls_may_wait_for_event_after_event() -> None:
    text = """
elements:
  start: {type: start_from_audience, event: began, next: wait}
  wait: {type: wait_for_event, event: moved, next: tell, branches: {timeout: tell}}
  tell: {type: notify, to: desk@x.example, text: Moved., next: wait}
"""
    assert codes(text) == []


def test_a_loop_that_ends_in_a_closed_loop_is_not_told_twice() -> None:
    text = START + "  one: {type: play, text: a, next: two}\n  two: {type: play, text: b, next: one}\n"
    assert codes(text) == ["G005"]
