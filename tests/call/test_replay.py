"""Live calls run again from their records alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ivr.call.moving import taken_flow
from ivr.flow import ports
from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.replay import Replay, read_record, replay
from ivr.flow.sim import configured
from tests.kit.house import CELL, DESK, House

DESK_FLOW = """
description: desk
variables: {pin: "", name: ""}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: welcome}
  welcome: {type: play, text: welcome, interruptible: true, next: menu}
  menu:
    type: collect
    responses: {"1": desk, "2": message, "3": ask, "4": ask_name}
    attempts: 2
    retry_prompt: again
    branches: {no_match: bye, no_input: bye}
  desk: {type: forward_call, to: phone:200, timeout: 20s, branches: {busy: taken, call_not_forwarded: missed}}
  taken: {type: play, text: taken, next: bye}
  missed: {type: play, text: missed, next: bye}
  message: {type: record_voicemail, next: bye, branches: {nothing_recorded: missed}}
  ask: {type: play, text: your pin, interruptible: true, next: pin}
  pin: {type: collect, max_digits: 4, save_as: pin, reporting: hide, next: check, branches: {no_match: bye}}
  check:
    type: branch
    conditions: [{name: right, when: 'pin == "2468"', to: taken}]
    branches: {otherwise: missed}
  ask_name:
    type: call_api
    url: "https://crm.example/people?token=abc&id=7"
    save: {name: $.name}
    next: known
    branches: {error: missed}
  known:
    type: branch
    conditions: [{name: anna, value: "{{ name }}", is: Anna, to: taken}]
    branches: {otherwise: missed}
  bye: {type: hang_up}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"desk": DESK_FLOW})


def again(house: House, source: str = DESK_FLOW) -> tuple[dict[str, Any], Replay]:
    house.settled()
    record = json.loads(json.dumps(asdict(house.record)))
    flow = parse_flow(source, "desk")
    return record, replay(read_record(record, UTC), flow, FlowSet({"desk": flow}), configured(house.settings))


def test_keys_and_a_busy_phone(house: House) -> None:
    desk = house.phone("200", DESK)
    caller = house.party()
    caller.call("100")
    house.run(0.5)
    house.press("9")
    house.play_out()
    house.press("1")
    desk.refuse(486)
    house.run(1.0)
    house.play_out()
    record, found = again(house)
    assert [step["element"] for step in record["path"]] == ["start", "welcome", "menu", "desk", "taken", "bye"]
    assert found.divergence is None
    assert found.path == ("start", "welcome", "menu", "desk", "taken", "bye")


def test_another_version_goes_another_way(house: House) -> None:
    desk = house.phone("200", DESK)
    caller = house.party()
    caller.call("100")
    house.press("1")
    desk.refuse(486)
    house.run(1.0)
    house.play_out()
    _, found = again(house, DESK_FLOW.replace("busy: taken", "busy: missed"))
    assert found.divergence is not None
    assert (found.divergence.element, found.divergence.expected, found.divergence.actual) == (
        "desk",
        "busy -> taken",
        "busy -> missed",
    )
    assert found.divergence.why == "branch busy leads elsewhere"


def test_a_caller_who_talks_and_hangs_up(house: House) -> None:
    desk = house.phone("200", CELL)
    caller = house.party()
    caller.call("100")
    house.press("1")
    desk.answer()
    house.run(7.0)
    caller.hang_up()
    record, found = again(house)
    assert record["cause"] == "forwarded"
    assert found.divergence is None


def test_a_caller_who_hangs_up_in_a_prompt(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.run(0.7)
    caller.hang_up()
    record, found = again(house)
    assert record["cause"] == "user_hung_up"
    assert found.divergence is None


def test_silence(house: House) -> None:
    house.party().call("100")
    house.play_out()
    house.run(5.5)
    house.play_out()
    house.run(6.0)
    record, found = again(house)
    assert [step["element"] for step in record["path"]] == ["start", "welcome", "menu", "bye"]
    assert [timer["for"] for timer in record["path"][2]["timers"]] == ["keys", "keys"]
    assert found.divergence is None


def test_a_message(house: House) -> None:
    house.party().call("100")
    house.press("2")
    house.play_out()
    house.run(6.0)
    house.press("#")
    record, found = again(house)
    assert record["path"][3]["terminators"][0]["key"] == "#"
    assert found.divergence is None


def test_a_hidden_input_takes_the_way_it_took(house: House) -> None:
    house.party().call("100")
    house.press("3")
    house.press("2468")
    house.play_out()
    record, found = again(house)
    assert "2468" not in json.dumps(record)
    assert found.divergence is None
    assert found.path[-3:] == ("check", "taken", "bye")
    assert any("pin" in note and "hidden" in note for note in found.notes)
    _, other = again(house, DESK_FLOW.replace("to: taken}]", "to: bye}]"))
    assert other.divergence is not None
    assert other.divergence.element == "check"


def test_an_answer_of_another_system(house: House) -> None:
    house.party().call("100")
    house.press("4")
    (request,) = house.outside.asked
    house.run(2.0)
    house.outside.answer(ports.RequestDone(request.id, 200, {}, {"name": "Anna"}, elapsed=2.0))
    house.run(0.1)
    house.play_out()
    record, found = again(house)
    assert record["path"][3]["requests"] == [
        {
            "method": "GET",
            "url": "https://crm.example/people?token=xxxx&id=7",
            "at": pytest.approx(record["path"][3]["requests"][0]["at"]),
            "status": 200,
            "elapsed": 2.0,
            "body": {"name": "Anna"},
        }
    ]
    assert found.divergence is None
    assert found.path[-3:] == ("known", "taken", "bye")


def test_the_record_keeps_versions_and_media(house: House) -> None:
    caller = house.party()
    caller.call("100")
    caller.hang_up()
    house.settled()
    details = house.record.details
    assert details["flows"] == {"desk": {"version": parse_flow(DESK_FLOW, "desk").version, "number": None}}
    assert details["media"]["codec"] == "pcmu"


TARGET_FLOW = """
elements:
  start: {type: start_from_flow, next: welcome}
  welcome: {type: play, text: elsewhere, next: bye}
  bye: {type: hang_up}
"""


def test_a_call_that_was_moved_is_moved_again(tmp_path: Path) -> None:
    house = House(tmp_path, {"desk": DESK_FLOW, "target": TARGET_FLOW})
    house.party().call("100")
    [call] = house.manager.calls.values()
    house.run(1.0)
    target = house.manager.flows["target"]
    house.manager.move(call.report.id, target, "start", "console")
    house.play_out()
    house.settled()
    record = json.loads(json.dumps(asdict(house.record)))
    assert [step["branch"] for step in record["path"]][1] == "moved by console"
    found = replay(
        read_record(record, UTC), house.manager.flows["desk"], house.manager.flows, configured(house.settings)
    )
    assert found.divergence is None
    assert found.path[-1] == "bye"


def test_what_was_made_for_one_call_is_made_again(tmp_path: Path) -> None:
    house = House(tmp_path, {"desk": DESK_FLOW})
    caller = house.party()
    caller.call("100")
    [call] = house.manager.calls.values()
    house.run(1.0)
    goal = taken_flow("console", 10.0, "none", None)
    house.manager.move(call.report.id, goal.flow, goal.entry, "console")
    house.manager.instruct(call.report.id, "say", {"text": "Hello from outside"})
    house.run(0.5)
    house.play_out()
    house.run(11.0)
    caller.hang_up()
    house.settled()
    record = json.loads(json.dumps(asdict(house.record)))
    found = replay(
        read_record(record, UTC), house.manager.flows["desk"], house.manager.flows, configured(house.settings)
    )
    assert found.divergence is None
    left, control, again = record["path"][-3:]
    assert found.path[-3:] == (left["element"], "control", left["element"])
    assert again["flow"] == left["flow"] == "desk"
    assert control["instructions"][0]["fields"] == {"text": "Hello from outside"}
