"""Which version of a flow a call gets, what it knows of its caller, and that its end is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ivr.flow import FlowSet, parse_flow
from ivr.flow.model import Candidate
from ivr.sip import Answered
from tests.kit.house import HOUSE, House

FLOW = """
variables: {{said: none}}
elements:
  start: {{type: start_incoming_call, numbers: [{numbers}], next: go}}
  go: {{type: transfer_to_flow, flow: part}}
"""
PART = """
elements:
  start: {{type: start_from_flow, next: say}}
  say: {{type: play, text: "{text}", next: bye}}
  bye: {{type: hang_up}}
"""
PROFILE = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: say}
  say: {type: play, text: "Hello {{ profile.name }}.", next: bye}
  bye: {type: hang_up}
"""


def version(text: str, name: str, number: int) -> Any:
    from dataclasses import replace

    return replace(parse_flow(text, name), number=number)


def heard(house: House) -> str:
    """What the first caller heard last."""
    sounds, _ = house.port.plays[max(house.port.plays)]
    return sounds[0].path.name


def trying(house: House, share: float, numbers: str = '"100"') -> None:
    """A candidate of the flow and of the part that it goes on in."""
    main = version(FLOW.format(numbers='"100"'), "main", 1)
    part = version(PART.format(text="old"), "part", 1)
    house.manager.flows = FlowSet(
        {"main": main, "part": part},
        candidates={
            "main": Candidate(version("description: new\n" + FLOW.format(numbers=numbers), "main", 2), share),
            "part": Candidate(version(PART.format(text="new"), "part", 2), share),
        },
    )


def test_a_caller_who_tries_has_the_candidates_everywhere(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.format(numbers='"100"'), "part": PART.format(text="old")})
    trying(house, 1.0)
    caller = house.party()
    caller.call("100")
    assert heard(house) == "new"
    assert house.manager.by_version() == {("main", 2): 1}
    house.play_out()
    house.run()
    assert (house.record.flow_number, house.record.flow_version) == (
        2,
        house.manager.flows.candidates["main"].flow.version,
    )


def test_a_reload_leaves_calls_where_they_are(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.format(numbers='"100"'), "part": PART.format(text="old")})
    trying(house, 1e-12)
    caller = house.party()
    caller.call("100")
    trying(house, 1.0)
    assert heard(house) == "old"
    house.play_out()
    house.run()
    assert house.record.flow_number == 1


def test_a_candidate_without_the_number_leaves_it_to_the_active_version(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.format(numbers='"100"'), "part": PART.format(text="old")})
    trying(house, 1.0, numbers='"200"')
    caller = house.party()
    caller.call("100")
    assert house.manager.by_version() == {("main", 1): 1}
    assert heard(house) == "new"  # of the part, which it tries


def test_a_call_starts_when_the_profile_is_there(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": PROFILE})
    caller = house.party()
    caller.call("100")
    assert not caller.got(Answered)
    assert house.link.lines(HOUSE) == ["100"]
    [(number, then)] = house.outside.reads
    assert number
    then({"name": "Anna"})
    house.run(0.5)
    assert caller.got(Answered)
    assert heard(house) == "Hello Anna."


def test_who_gives_up_before_the_profile_is_there_is_gone(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": PROFILE})
    caller = house.party()
    caller.call("100")
    caller.hang_up()
    [(_, then)] = house.outside.reads
    then({"name": "Anna"})
    house.run()
    assert (house.record.cause, house.record.path) == ("user_hung_up", [])
    house.settled()


def test_flows_that_ask_nothing_of_the_caller_read_no_profile(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.format(numbers='"100"'), "part": PART.format(text="x")})
    caller = house.party()
    caller.call("100")
    assert house.outside.reads == []
    assert caller.got(Answered)


def test_the_end_of_a_call_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.format(numbers='"100"'), "part": PART.format(text="x")})
    ended: list[dict[str, Any]] = []
    house.manager.on_ended = lambda call_id, summary: ended.append(summary)
    caller = house.party()
    caller.call("100")
    house.run(2.0)
    caller.hang_up()
    [summary] = ended
    assert (summary["cause"], summary["to"], summary["answered"]) == ("user_hung_up", "100", True)
