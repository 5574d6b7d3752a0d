"""What the feed is told of a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.feed import FeedEvent
from tests.kit.house import DESK, House

MENU = """
sensitive: [pin]
variables: {pin: ""}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: welcome}
  welcome: {type: play, text: welcome, next: mark}
  mark: {type: set_variable, variables: {a: "1"}, next: ask}
  ask: {type: collect, max_digits: 4, wait: 5s, save_as: pin, next: take, branches: {no_match: take}}
  take: {type: record_voicemail, max_silence: 0, beep: false, next: bye, branches: {nothing_recorded: bye}}
  bye: {type: hang_up}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"menu": MENU})


AWAY = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: away}
  away: {type: forward_call, to: "phone:200", next: bye, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
ELSEWHERE = """
elements:
  start: {type: start_from_flow, next: words}
  words: {type: play, text: elsewhere, next: bye}
  bye: {type: hang_up}
"""


def told(house: House) -> list[FeedEvent]:
    found = house.services.feed.since(0)
    assert found is not None
    return found


def brief(events: list[FeedEvent]) -> list[tuple[str, Any]]:
    return [(event.type, event.data.get("element")) for event in events]


def test_a_call_from_its_beginning_to_its_end(house: House) -> None:
    house.party().call("100")
    call = next(iter(house.manager.calls))
    house.play_out()
    for digit in "4711":
        house.press(digit)
    house.port.recorded("silence", 3.0)
    house.settled()
    events = told(house)
    assert brief(events) == [
        ("call.started", None),
        ("call.element", "welcome"),
        ("call.answered", None),
        ("call.element", "ask"),
        ("call.element", "take"),
        ("call.ended", None),
        ("recording.ready", None),
    ]
    assert {event.call for event in events} == {call}
    first, last = events[0].data, events[-2].data
    assert (first["id"], first["direction"], first["to"], first["flow"]) == (call, "inbound", "100", "menu")
    assert (last["cause"], last["answered"], last["flow_number"]) == ("ended_by_flow", True, first["flow_number"])
    assert "4711" not in str([dict(event.data) for event in events])


def test_a_step_is_told_once_however_long_it_waits(house: House) -> None:
    house.party().call("100")
    house.play_out()
    house.press("1")
    house.press("2")
    assert brief(told(house))[-1] == ("call.element", "ask")
    assert len(brief(told(house))) == 4


def test_a_move_is_told_once(tmp_path: Path) -> None:
    house = House(tmp_path, {"menu": MENU, "elsewhere": ELSEWHERE})
    house.party().call("100")
    name = next(iter(house.manager.calls))
    house.manager.move(name, house.manager.flows["elsewhere"], "start", "console")
    moved = [event.data for event in told(house) if event.type == "call.moved"]
    assert [(data["by"], data["flow"], data["element"]) for data in moved] == [("console", "elsewhere", "start")]
    assert brief(told(house))[-2:] == [("call.moved", "start"), ("call.element", "words")]


def test_a_caller_who_leaves_the_one_he_talks_to_was_forwarded(tmp_path: Path) -> None:
    house = House(tmp_path, {"away": AWAY})
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    caller.hang_up()
    house.settled()
    [forwarded] = [event.data for event in told(house) if event.type == "call.forwarded"]
    assert (forwarded["target"], forwarded["outcome"]) == ("phone:200", "forwarded")
