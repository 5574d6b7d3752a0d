"""What conditions ask for."""

from __future__ import annotations

from ivr.flow.explore.answers import bodies, event_properties
from ivr.flow.explore.openings import openings
from ivr.flow.explore.vocabulary import learn
from ivr.flow.jsonpath import JsonPath
from ivr.flow.sim import Given
from ivr.settings import Calendar
from tests.kit.flow import make_flow

FLOW = """
variables: {account: "", pin: "", state: "", total: 0, spoken: "", pins: {"1001": "2468"}}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: check}
  check:
    type: branch
    conditions:
      - {name: right, when: "pins[account] == pin", to: where}
      - {name: boss, value: "{{ call.from }}", is: "+15550100", to: where}
      - {name: gold, when: 'profile.tier == "gold" and not profile.blocked', to: where}
      - {name: much, value: "{{ total }}", greater_than: 3, to: where}
      - {name: open, when: settings.open, to: where}
    branches: {otherwise: where}
  where:
    type: branch
    conditions: [{name: shipped, value: "{{ state }}", is: shipped, to: say}]
    branches: {otherwise: say}
  say: {type: play, text: "{{ spoken }}", next: count}
  count: {type: set_variable, variables: {total: "{{ result.count + 1 }}", spoken: "{{ call.line }}"}, next: bye}
  bye: {type: hang_up}
"""


def test_constants_belong_to_the_names_beside_them() -> None:
    found = learn([make_flow(FLOW)])
    assert found.values[("state",)] == ("shipped",)
    assert found.values[("pin",)] == ("1001", "2468")
    assert found.values[("account",)] == ("1001", "2468")
    assert found.values[("call", "from")] == ("+15550100",)
    assert found.values[("profile", "tier")] == ("gold",)
    assert found.values[("total",)] == (3, 4, 2)
    assert found.values[("settings", "open")] == (True, False)


def test_what_a_variable_is_worked_out_of_has_its_constants_too() -> None:
    found = learn([make_flow(FLOW)])
    assert found.values[("result", "count")] == (3, 4, 2)
    assert {"result", "state", "pin", "profile", "total"} <= found.decisive


def test_what_is_only_spoken_decides_nothing() -> None:
    found = learn([make_flow(FLOW)])
    assert "spoken" not in found.decisive
    assert ("call", "line") not in found.paths


def test_beginnings() -> None:
    flow = make_flow(FLOW)
    found = openings(flow, Given(), [flow], learn([flow]), {})
    assert [opening.given.caller for opening in found[:3]] == ["+15550199", "", "+15550100"]
    assert {"tier": "gold"} in [opening.given.profile for opening in found]


SPLIT = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: half}
  half: {type: split, ways: {a: 50, b: 49, c: 1}, branches: {a: hours, b: hours, c: hours}}
  hours: {type: hours, calendar: office, branches: {open: bye, closed: bye, holiday: bye}}
  bye: {type: hang_up}
"""


def test_every_way_of_a_split_and_every_state_of_a_calendar_is_a_beginning() -> None:
    flow = make_flow(SPLIT)
    office = Calendar.model_validate(
        {"time_zone": "UTC", "hours": {"mon-fri": "09:00-17:00"}, "holidays": [{"from": "2026-12-25", "name": "C"}]}
    )
    found = openings(flow, Given(), [flow], learn([flow]), {"office": office})
    half = flow.elements["half"]
    ways = {half.way_of(opening.given.caller, "main/half") for opening in found}  # type: ignore[attr-defined]
    assert ways == {"a", "b", "c"}
    assert [opening.given.time.isoformat()[:13] for opening in found[:3]] == [
        "2026-03-02T12",
        "2026-03-02T20",
        "2026-12-25T12",
    ]


def test_answers_give_what_is_asked_for() -> None:
    vocabulary = learn([make_flow(FLOW)])
    assert bodies({"state": JsonPath("$.order.state"), "name": JsonPath("$.people[1].name")}, vocabulary) == [
        {"order": {"state": "shipped"}, "people": [{"name": "1"}, {"name": "1"}]}
    ]
    assert len(bodies({"total": JsonPath("$.total")}, vocabulary)) == 3


WAITS = """
variables: {state: "", number: ""}
elements:
  begin:
    type: start_from_audience
    event: order.paid
    conditions: [{property: order.sum, at_least: 10}, {property: note, is_empty: true}]
    save: {state: order.state}
    next: where
  where:
    type: branch
    conditions: [{name: shipped, value: "{{ state }}", is: shipped, to: wait}]
    branches: {otherwise: wait}
  wait: {type: wait_for_event, event: done, conditions: [{property: number, is: "{{ number }}"}], timeout: 1h}
"""


def test_events_hold_what_their_conditions_ask_for() -> None:
    flow = make_flow(WAITS)
    begin, wait = flow.elements["begin"], flow.elements["wait"]
    vocabulary = learn([flow])
    found = event_properties(begin.conditions, begin.save, vocabulary, "+1555")  # type: ignore[attr-defined]
    assert found[0] == {"order": {"state": "1", "sum": 10}, "note": None}
    assert found[1]["order"]["state"] == "shipped"
    assert event_properties(wait.conditions, {}, vocabulary, "+1555") == [{"number": "+1555"}]  # type: ignore[attr-defined]
