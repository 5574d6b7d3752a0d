"""Simulated flows that begin outside a call."""

from __future__ import annotations

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import Given, SimulatedCall, parse_script

FLOW = parse_flow(
    """
variables: {day: null, who: null}
elements:
  booked: {type: start_from_audience, event: booked, save: {day: date, who: number}, next: wait}
  wait: {type: wait_for_date, date: "{{ day }}", before: 1d, next: answer, branches: {past: answer}}
  answer: {type: wait_for_event, event: answered, timeout: 1h, branches: {timeout: late}}
  late: {type: tag, tags: late}
""",
    "main",
)


def test_what_came_with_the_event_is_there_and_days_pass() -> None:
    given = Given(properties={"date": "2026-03-05"})
    call = SimulatedCall(FLOW, FlowSet({"main": FLOW}), given)
    parse_script([{"event": "answered", "at": "answer", "after": "10m"}]).run(call)
    assert call.path == ["booked", "wait", "answer"]
    assert call.variables() == {"day": "2026-03-05", "who": "+15550199"}
    assert call.finished
    assert call.cause is None
    assert call.said == []


def test_a_wait_ends_at_its_time() -> None:
    call = SimulatedCall(FLOW, FlowSet({"main": FLOW}), Given(properties={"date": "2026-03-05", "number": "200"}))
    parse_script([]).run(call)
    assert call.path[-1] == "late"
    assert call.variables()["who"] == "200"
    assert call.now == 37 * 3600
