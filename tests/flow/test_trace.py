"""The trace as records keep it."""

from __future__ import annotations

import pytest

from ivr.flow.expressions import Sensitive
from ivr.flow.ports import CallInfo, EventArrived, WaitForEvent
from ivr.flow.session import ENTRIES_IN_TRACE
from ivr.flow.trace import Step, digits, origin, path
from ivr.settings import Limits
from tests.kit.flow import NOON, Talk, make_flow


def test_path_and_digits() -> None:
    steps = [
        Step("main", "hello", "play", 10.0, 12.0, "audio_played", {"ended": "completed"}),
        Step("main", "keys", "collect", 12.0, None, None, {"status": "collected", "digits": "1", "keys": []}),
        Step("main", "pin", "collect", 12.0, None, None, {"status": "collected"}),
    ]
    assert path(steps, 1000.0)[0] == {
        "element": "hello",
        "type": "play",
        "entered_at": 1010.0,
        "left_at": 1012.0,
        "branch": "audio_played",
        "flow": "main",
        "ended": "completed",
    }
    assert path(steps, 1000.0)[1]["left_at"] is None
    assert digits(steps) == [{"flow": "main", "element": "keys", "status": "collected", "digits": "1", "keys": []}]


def test_what_a_call_began_with() -> None:
    flow = make_flow("elements:\n  start: {type: start_incoming_call, numbers: ['1']}\n")
    call = CallInfo("c", "1", "2", NOON, line="pbx", headers={f"x_{number}": "v" * 500 for number in range(30)})
    found = origin(call, {"main": flow}, {"name": "Anna", "pin": Sensitive("1")}, {"order": 7})
    assert found["line"] == "pbx"
    assert found["flows"] == {"main": {"version": flow.version, "number": None}}
    assert (found["profile"], found["properties"], found["hidden"]) == ({"name": "Anna"}, {"order": 7}, ["profile.pin"])
    assert len(found["headers"]) == 20
    assert set(found["headers"].values()) == {"v" * 200}
    assert "long" in origin(call, {}, {"long": "x" * 3000}, {})["profile"]
    assert origin(call, {}, {"long": "x" * 5000}, {})["hidden"] == ["profile"]


LONG = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: keys}
  keys: {type: collect, max_digits: 1, terminator: "#", wait: 2s, wait_between: 1s, min_digits: 1,
         responses: {"1": keys, "12": keys}, branches: {no_input: wait, no_match: wait}}
  wait: {type: wait_for_event, event: paid, timeout: 5s, hold_music: true, save: {sum: sum}, next: keys,
         branches: {timeout: bye}}
  bye: {type: hang_up}
variables: {sum: 0}
"""


def test_timers_tell_what_was_waited_for() -> None:
    call = Talk(LONG).start().finish()
    timers = [timer for step in call.machine.path() for timer in step.get("timers", ())]
    assert timers == [
        {"for": "keys", "due": 2.0, "at": 2.0},
        {"for": "an event", "due": 7.0, "at": 7.0},
    ]


@pytest.mark.parametrize("secret", [False, True])
def test_events_tell_their_properties_unless_something_sensitive_is_made_of_them(secret: bool) -> None:
    call = Talk(LONG + ("sensitive: [sum]\n" if secret else "")).start().wait(2.5)
    (command,) = call.commands(WaitForEvent)
    call.send(EventArrived(command.id, "paid", {"sum": 5}, NOON))
    (event,) = call.details("wait")["events"]
    assert event == {"name": "paid", "at": 2.5, "posted": 0.0, **({} if secret else {"properties": {"sum": 5}})}


HELLO = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: hello, next: keys}
  keys: {type: collect, max_digits: 3, next: bye, branches: {no_match: bye}}
  bye: {type: hang_up}
"""


def test_terminators_and_ignored_keys() -> None:
    call = Talk(HELLO).start().wait(0.5).press("5").wait(2.0).press("1#").finish()
    details = call.details("keys")
    assert details["ignored_keys"] == 1
    assert [key["key"] for key in details["keys"]] == ["1"]
    assert [(key["key"], key["source"]) for key in details["terminators"]] == [("#", "rfc4733")]


def test_a_trace_is_bounded() -> None:
    call = Talk(LONG.replace("max_digits: 1, ", ""), limits=Limits(steps_per_call=100_000)).start()
    while not call.machine.finished and call.now < 4000:
        call.press("1", gap=1.5)
    entries = sum(
        len(step[what]) for step in call.machine.path() for what in ("keys", "played", "timers") if what in step
    )
    assert entries <= ENTRIES_IN_TRACE
    assert call.machine.origin().get("trace") == ("full" if entries == ENTRIES_IN_TRACE else None)
