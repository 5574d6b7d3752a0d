"""Who was called is a party like any other: keys, forwards, transfers, a flow that began with somebody else's call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.sip import Answered, Ended, NameAddr, Uri
from tests.kit.house import CALLER, DESK, TRUNK
from tests.kit.placing import Placing

NUMBER = "+15550100"
SETTINGS = """
sip: {transfers: {accept: all}}
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10}
phones:
  "200": {password: secret-200}
"""
MENU = """
elements:
  start: {type: start_from_audience, next: dial}
  dial: {type: start_outgoing_call, branches: {call_answered: menu}}
  menu: {type: collect, max_digits: 1, wait: 60s, responses: {"1": desk, "2": bye},
         branches: {no_match: bye, user_hung_up: left}}
  desk: {type: forward_call, to: "phone:200", after: return, record_call: true,
         branches: {returned: bye, call_not_forwarded: bye, no_answer: bye, busy: bye}}
  bye: {type: hang_up}
  left: {type: tag, tags: [left]}
"""
BACK = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up, next: back}
  back: {type: start_outgoing_call, to: "tel:+15550123", branches: {call_answered: hello}}
  hello: {type: play, text: hello, next: done}
  done: {type: hang_up}
"""


def answered(tmp_path: Path) -> tuple[Placing, Any]:
    calls = Placing(tmp_path, {"menu": MENU}, SETTINGS)
    callee = calls.house.party(TRUNK)
    calls.contact("menu", number=NUMBER)
    callee.answer()
    return calls, callee


def test_keys_of_who_was_called(tmp_path: Path) -> None:
    calls, _ = answered(tmp_path)
    calls.house.press("2")
    calls.settled()
    assert calls.path == ["start", "dial", "menu", "bye"]
    assert calls.record.cause == "ended_by_flow"


def test_who_was_called_is_forwarded_and_recorded(tmp_path: Path) -> None:
    calls, callee = answered(tmp_path)
    desk = calls.house.phone("200", DESK)
    calls.house.press("1")
    assert desk.session.request.from_.uri.user == NUMBER
    desk.answer()
    assert calls.house.port.bridged is calls.house.pool.ports[1]
    assert len(calls.house.port.recordings) == 1
    desk.hang_up()
    calls.settled()
    assert callee.got(Ended)[0].cause == "bye"
    assert calls.record.hand_offs[0]["outcome"] == "returned"


def test_who_was_called_has_somebody_else_take_the_place(tmp_path: Path) -> None:
    calls, callee = answered(tmp_path)
    desk = calls.house.phone("200", DESK)
    callee.session.refer(Uri("sip", "200", "192.0.2.2"), calls.house.now)
    calls.house.run(0.5)
    desk.answer()
    calls.house.run(3.0)
    assert callee.session.ended
    assert desk.session.state.value == "confirmed"
    calls.house.press("2")
    calls.settled()
    assert desk.got(Ended)[0].cause == "bye"
    assert calls.record.details["transfers"][0]["by"] == "called"


def test_silence_ends_the_call(tmp_path: Path) -> None:
    calls, _ = answered(tmp_path)
    calls.house.port.timeout()
    calls.settled()
    assert calls.record.cause == "media_timeout"


def test_a_flow_whose_caller_has_left_calls_somebody(tmp_path: Path) -> None:
    calls = Placing(tmp_path, {"back": BACK}, SETTINGS)
    calls.keep_flows()
    callee, caller = calls.house.party(TRUNK), calls.house.party(CALLER)
    caller.call("100")
    assert caller.got(Answered)
    calls.house.run(5.0)
    callee.answer()
    calls.house.pool.ports[-1].played()
    calls.settled()
    record = calls.record
    assert (record.direction, record.cause, record.called, record.line) == ("inbound", "ended_by_flow", "100", None)
    (attempt,) = record.details["attempts"]
    assert (attempt["outcome"], attempt["to"], attempt["cause"]) == ("answered", "+15550123", "ended_by_flow")
    assert attempt["quality"]["packets_in"] == 50
    assert [step["element"] for step in record.path] == ["start", "bye", "back", "hello", "done"]


@pytest.mark.parametrize(
    ("to", "policy", "placed"),
    [
        ("tel:+15550123", "{}", True),
        ("tel:{{ call.from }}", "{}", False),
        ("tel:{{ call.from }}", '{guests: ["+1555*"]}', True),
    ],
)
def test_a_guest_is_called_back_only_where_guests_may_be(tmp_path: Path, to: str, policy: str, placed: bool) -> None:
    flow = BACK.replace("tel:+15550123", to).replace("call_answered: hello", "call_answered: hello, call_ended: done")
    calls = Placing(tmp_path, {"back": flow}, f"{SETTINGS}outbound_policy: {policy}\n")
    calls.keep_flows()
    callee, caller = calls.house.party(TRUNK), calls.house.party(CALLER)
    caller.call("100", from_=NameAddr(Uri("sip", "+15550666", "192.0.2.66")))
    calls.house.run(5.0)
    assert bool(callee.calls) == placed
    if placed:
        callee.answer()
        calls.house.pool.ports[-1].played()
    calls.settled()
    (attempt,) = calls.record.details["attempts"]
    assert attempt.get("status") == (None if placed else "not_permitted")


@pytest.mark.parametrize(("named", "placed"), [("", False), (NUMBER, True)])
def test_who_is_called_for_a_guest_is_named_by_the_flow(tmp_path: Path, named: str, placed: bool) -> None:
    calls = Placing(tmp_path, {"menu": MENU}, SETTINGS)
    callee = calls.house.party(TRUNK)
    wait = calls.starts.contact("menu", None, {"number": NUMBER}, 0)
    wait.snapshot["record"]["details"]["guest"] = named
    calls.rows[wait.id] = wait
    calls.wake(wait)
    calls.house.run(0.5)
    assert bool(callee.calls) == placed
    if placed:
        callee.answer()
        calls.house.press("2")
    calls.settled()


MISSED = """
elements:
  start: {type: start_from_audience, event: call.ended, contact: from, next: back}
  back: {type: start_outgoing_call, branches: {call_answered: bye}}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(("line", "placed"), [(None, False), ("pbx", True)])
def test_the_end_of_a_guests_call_makes_no_flow_dial_for_him(tmp_path: Path, line: str | None, placed: bool) -> None:
    calls = Placing(tmp_path, {"missed": MISSED}, SETTINGS)
    callee = calls.house.party(TRUNK)
    over = {"direction": "inbound", "line": line, "from": NUMBER}
    (wait,) = calls.starts.by_event("call.ended", over, 0.0, 0)
    calls.rows[wait.id] = wait
    calls.wake(wait)
    calls.house.run(0.5)
    assert bool(callee.calls) == placed
    if placed:
        callee.answer()
    calls.settled()
