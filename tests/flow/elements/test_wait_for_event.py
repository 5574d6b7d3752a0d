"""wait_for_event and start_from_audience: what happens outside, and what comes with it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.start import StartFromAudienceElement
from ivr.flow.elements.wait_for_event import WaitForEventElement
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import EventArrived, Play, StopPlay, StopWaiting, WaitForEvent
from tests.kit.flow import NOON, Talk
from tests.kit.life import Life


def life(fields: str = "", **options: Any) -> Life:
    return Life(
        f"""
variables: {{order: 5, tracking: "", pin: "", longest: 1d}}
sensitive: [pin]
elements:
  start: {{type: start_from_audience, next: wait}}
  wait: {{type: wait_for_event, event: shipped, {fields} next: done, branches: {{timeout: late}}}}
  done: {{type: set_variable, variables: {{found: "{{{{ result }}}}"}}}}
  late: {{type: set_variable, variables: {{found: "{{{{ result }}}}"}}}}
""",
        **options,
    )


def test_an_event_comes_and_its_properties_are_kept() -> None:
    found = life("save: {tracking: tracking, order: parcel.order, pin: nothing},")
    found.event("other", after=10).event("shipped", {"tracking": "T1", "parcel": {"order": "7"}}, after=60).run()
    assert found.path == ["start", "wait", "done"]
    assert found.machine.variables["pin"] == Sensitive(None)
    assert (found.variables["tracking"], found.variables["order"]) == ("T1", "7")
    assert found.commands(WaitForEvent) == [WaitForEvent(1, "shipped")]
    assert found.commands(StopWaiting) == [StopWaiting(1)]
    result = found.variables["found"]
    assert (result["status"], result["event"]) == ("received", "shipped")
    assert result["at"].isoformat() == "2026-03-02T12:01:00+00:00"


def test_what_a_sensitive_variable_gets_is_sensitive_in_the_result_too() -> None:
    found = life("save: {pin: card.pin},").event("shipped", {"card": {"pin": "1234", "name": "A"}, "x": 1}).run()
    assert found.machine.variables["found"] == Sensitive(
        {
            "status": "received",
            "event": "shipped",
            "properties": {"card": {"pin": "1234", "name": "A"}, "x": 1},
            "at": NOON,
        }
    )


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ("[]", 0),
        ('[{property: order, is: "{{ order }}"}]', 2),
        ('[{property: order, is: "{{ order }}"}, {property: state, in_list: [done, sent]}]', 3),
        ("[{property: order, at_least: 9}]", None),
        ("[{property: order, is_empty: true}]", 1),
        ("[{property: parcel.weight, between: [1, 2]}]", 3),
        ("[{property: at, today: true}]", 2),
    ],
)
def test_other_events_are_passed_over(conditions: str, taken: int | None) -> None:
    events: list[dict[str, Any]] = [
        {"order": 4},
        {},
        {"order": 5, "at": "2026-03-02"},
        {"order": "5", "state": "sent", "parcel": {"weight": 2}},
    ]
    found = life(f"conditions: {conditions}, timeout: 1h,")
    for number, properties in enumerate(events):
        found.event("shipped", {**properties, "number": number}, after=10.0 * number)
    found.run()
    result = found.variables["found"]
    assert result["properties"].get("number") == taken
    assert found.path[-1] == ("late" if taken is None else "done")


def test_time_is_over() -> None:
    for timeout in ("1d", "'{{ longest }}'"):
        found = life(f"timeout: {timeout},").run()
        assert found.branches[1] == "timeout"
        assert found.wall.isoformat() == "2026-03-03T12:00:00+00:00"
        assert found.variables["found"] == {"status": "timeout", "event": "shipped", "properties": {}, "at": None}
        assert found.commands(StopWaiting) == [StopWaiting(1)]


def test_a_time_limit_that_cannot_be_worked_out_is_none() -> None:
    found = life("timeout: '{{ order }} parsecs',").event("shipped", after=100 * 86400).run()
    assert found.path[-1] == "done"
    assert found.notes[0].startswith("timeout: not a duration")


PAST = """
elements:
  start: {{type: start_from_audience, next: nap}}
  nap: {{type: pause, duration: 1h, next: wait}}
  wait: {{type: wait_for_event, event: shipped, include_past: {past}, timeout: 1m, next: done}}
  done: {{type: tag, tags: "{{{{ result.properties.number }}}}"}}
"""


@pytest.mark.parametrize(
    ("past", "expected"), [("false", []), ("true", ["0"]), ("20m", ["2"]), ("1200", ["2"]), ("1s", [])]
)
def test_events_of_the_past(past: str, expected: list[str]) -> None:
    found = Life(PAST.format(past=past))
    for number in range(3):
        found.event("shipped", {"number": number}, after=600.0 + number * 1300)
    assert found.run().machine.tags == expected


def test_going_round_for_events_has_no_end_but_for_past_ones() -> None:
    flow = """
elements:
  start: {{type: start_from_audience, next: wait}}
  wait:
    {{type: wait_for_event, event: shipped, include_past: {past}, timeout: 5d, next: wait, branches: {{timeout: done}}}}
  done: {{type: tag, tags: done}}
"""
    found = Life(flow.format(past="false"))
    for number in range(1500):
        found.event("shipped", after=number)
    found.run()
    assert found.machine.tags == ["done"]
    found = Life(flow.format(past="true")).event("shipped", after=1.0).run()
    assert found.machine.fault == "limits.visits_without_input is reached at element wait"


def test_with_a_caller() -> None:
    flow = """
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: wait}}
  wait: {{type: wait_for_event, event: paid, timeout: 1m, {fields}next: thanks, branches: {{timeout: sorry}}}}
  thanks: {{type: play, text: Thanks}}
  sorry: {{type: play, text: Sorry}}
"""
    talk = Talk(flow.format(fields="hold_music: true, ")).start().wait(20.0)
    number = talk.commands(WaitForEvent)[0].id
    talk.send(EventArrived(99, "paid", {}, NOON)).send(EventArrived(number, "paid", {}, NOON)).finish()
    assert talk.path == ["start", "wait", "thanks"]
    assert len(talk.commands(StopPlay)) == 1
    assert [play.loop for play in talk.commands(Play)] == [0, 1]
    talk = Talk(flow.format(fields="hold_music: {text: Wait}, ")).start().finish()
    assert talk.path == ["start", "wait", "sorry"]
    talk = Talk(flow.format(fields="")).start().wait(10.0)
    assert talk.path == ["start", "wait", "sorry"]
    assert talk.notes == ["wait_for_event: cut to 10 s, the caller hears nothing (hold_music)"]


def test_who_hangs_up_waits_no_more() -> None:
    talk = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: wait}
  wait: {type: wait_for_event, event: paid, hold_music: true, next: bye, branches: {user_hung_up: after}}
  after: {type: tag, tags: left}
  bye: {type: hang_up}
"""
    )
    talk.start().wait(20.0).hang_up()
    assert talk.machine.tags == ["left"]
    assert len(talk.commands(StopWaiting)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event": "x", "conditions": [{"property": "a"}]},
        {"event": "x", "conditions": [{"is": 1}]},
        {"event": "x", "conditions": [{"property": "", "is": 1}]},
        {"event": "x", "include_past": "yesterday"},
        {"event": "x", "save": {"call": "a", "not a name": "b"}},
    ],
)
def test_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WaitForEventElement.model_validate({"type": "wait_for_event", **fields})


# Where it begins

START = """
variables: {{order: "", pin: ""}}
sensitive: [pin]
elements:
  start: {{type: start_from_audience, {fields} next: done, branches: {{other: nope}}}}
  done: {{type: set_variable, variables: {{found: "{{{{ result.properties.order }}}}", who: "{{{{ call.from }}}}"}}}}
  nope: {{type: tag, tags: nope}}
"""


def test_a_contact_comes_with_properties() -> None:
    found = Life(
        START.format(fields="save: {order: order, pin: pin},"), properties={"order": 7, "pin": "12", "x": None}
    ).run()
    assert found.variables["order"] == found.variables["found"] == 7
    assert found.variables["who"] == "+15550199"
    assert found.machine.variables["pin"] == Sensitive("12")
    assert found.machine.cause is None and found.machine.finished


def test_an_event_with_other_properties_is_none_for_the_flow() -> None:
    fields = "event: ordered, conditions: [{property: order, at_least: 7}],"
    assert Life(START.format(fields=fields), properties={"order": 7}).run().path == ["start", "done"]
    assert Life(START.format(fields=fields), properties={"order": 6}).run().path == ["start", "nope"]


def test_flows_are_found_by_their_event() -> None:
    found = Life(START.format(fields="event: ordered,"), {"sub": START.format(fields="")}).flows
    assert [(flow.name, entry) for flow, entry in found.started_by("ordered")] == [("main", "start")]
    assert found.started_by("other") == ()
    assert found["sub"].audience_entry == "start"


def test_conditions_need_an_event() -> None:
    with pytest.raises(ValidationError):
        StartFromAudienceElement.model_validate(
            {"type": "start_from_audience", "conditions": [{"property": "a", "is": 1}]}
        )
