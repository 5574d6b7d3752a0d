"""A phone that dies in a talk: the caller is given back to the front of his queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.sip import Ended
from media import MediaTimeout
from tests.kit.house import CELL, DESK, Address, Party
from tests.kit.queue_house import QueueHouse, desk_flow
from tests.kit.sip import sdp

SECOND: Address = ("192.0.2.3", 5060)
SORRY = "We are sorry, the connection to our colleague was lost. Please stay on the line, you are next."


def a_desk(folder: Path, **more: Any) -> QueueHouse:
    """Anna and Ben take the calls to 100."""
    agents = {"anna": "200, wrap_up: 20s", "ben": "201, wrap_up: 20s"}
    return QueueHouse(folder, {"main": desk_flow("100")}, agents, **more)


def in_talk(house: QueueHouse) -> tuple[Party, Party]:
    """A caller and Anna, who talk; she has answered an OPTIONS before."""
    anna, caller = house.phone("200", DESK), house.party()
    house.run(2.0)
    caller.call("100")
    anna.ring()
    anna.answer()
    assert house.port.bridged is house.pool.ports[1]
    speaks(house, 3)
    return caller, anna


def speaks(house: QueueHouse, seconds: int, port: int = 1) -> None:
    """Packets come from an agent's phone."""
    for _ in range(seconds):
        house.pool.ports[port].packets_in += 50
        house.run(1.0)


def dies(house: QueueHouse) -> None:
    """Anna's phone is there no more."""
    house.link.cut(DESK)


def test_the_caller_is_first_again_and_gets_another_agent(tmp_path: Path) -> None:
    house = a_desk(tmp_path)
    caller, _ = in_talk(house)
    second = house.party(SECOND)
    second.call("100")  # waits, and would be next
    dies(house)
    house.run(8.5)
    assert SORRY in house.port.heard()
    assert not caller.got(Ended)
    assert house.agent("anna")["phase"] == "idle"
    ben = house.phone("201", CELL)
    house.run(0.2)
    ben.answer()
    assert house.port.bridged is not None
    assert house.pool.ports[2].bridged is None
    caller.hang_up()
    ben.end.events.clear()
    second.hang_up()
    house.settled()
    (record,) = (call for call in house.books.calls if len(call.hand_offs) == 2)
    lost, talk = record.hand_offs
    assert (lost["outcome"], lost["agent"]) == ("agent_lost", "anna")
    assert lost["talk_time"] == pytest.approx(10.5, abs=1.5)
    assert lost["reason"] == "the phone sends no sound and does not answer"
    assert (talk["outcome"], talk["agent"]) == ("forwarded", "ben")
    (step,) = (step for step in record.path if step["type"] == "transfer_to_agent")
    assert [one["agent"] for one in step["broken_off"]] == ["anna"]
    assert step["agent"] == "ben"
    today = house.desk.center.figures()["queues"]["default"]["today"]
    assert (today["offered"], today["answered"], today["lost"], today["abandoned"]) == (3, 2, 1, 1)
    assert [event["outcome"] for event in house.of("queue.left")] == ["agent_lost", "forwarded", "abandoned"]


def test_an_agent_who_says_nothing_and_answers_questions_talks_on(tmp_path: Path) -> None:
    house = a_desk(tmp_path)
    caller, anna = in_talk(house)
    house.run(120.0)  # muted, behind a phone that sends no packets in pauses
    assert house.port.bridged is house.pool.ports[1]
    speaks(house, 2)
    anna.hang_up()
    assert caller.got(Ended)
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "forwarded"


def test_an_agent_who_has_put_the_caller_on_hold_talks_on(tmp_path: Path) -> None:
    house = a_desk(tmp_path)
    caller, anna = in_talk(house)
    anna.calls[-1].reinvite(sdp(DESK[0], 4100, "inactive", 2), house.now)
    house.run(1.0)
    assert not house.pool.ports[1].streams[-1].receive
    dies(house)
    house.run(60.0)
    assert house.port.bridged is house.pool.ports[1]
    caller.hang_up()
    house.run(40.0)
    house.settled()


def test_a_phone_that_never_answers_questions_is_not_judged_by_them(tmp_path: Path) -> None:
    house = a_desk(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")  # before the first question
    anna.answer()
    dies(house)
    house.run(25.0)
    assert house.port.bridged is house.pool.ports[1]
    house.pool.ports[1].say(MediaTimeout(house.pool.ports[1]))  # type: ignore[arg-type]
    house.run(0.1)
    assert house.port.heard() == [SORRY]
    caller.hang_up()
    house.settled()
    assert [one["outcome"] for one in house.record.hand_offs] == ["agent_lost", "abandoned"]


def test_a_phone_that_was_started_anew_does_not_know_of_the_call(tmp_path: Path) -> None:
    house = a_desk(tmp_path)
    caller, _ = in_talk(house)
    house.party(DESK)  # it answers questions as the one before
    house.run(5.0)
    assert house.port.bridged is house.pool.ports[1]
    house.pool.ports[1].say(MediaTimeout(house.pool.ports[1]))  # type: ignore[arg-type]
    house.run(1.0)
    assert house.port.heard() == [SORRY]
    caller.hang_up()
    house.settled()


def test_the_only_agent_gets_the_caller_again_when_his_phone_is_back(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"main": desk_flow("100")}, {"anna": "200"}, queue="{join_when_empty: available}")
    caller, _ = in_talk(house)
    house.pool.ports[1].lose()
    house.run(0.2)
    assert house.port.heard() == [SORRY]
    anna = house.party(DESK)
    house.run(16.0)
    anna.answer()
    assert house.port.bridged is house.pool.ports[2]
    caller.hang_up()
    house.settled()
    assert [one["outcome"] for one in house.record.hand_offs] == ["agent_lost", "forwarded"]


def test_a_caller_who_loses_agent_after_agent_is_given_to_his_flow(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"main": desk_flow("100")}, {"anna": "200"})
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    for number in range(1, 5):
        anna.answer()
        assert house.port.bridged is house.pool.ports[number]
        house.pool.ports[number].lose()
        house.run(16.0)
    assert caller.got(Ended) or house.port.heard() == ["sorry error"]
    caller.hang_up()
    house.settled()
    assert [one["outcome"] for one in house.record.hand_offs] == ["agent_lost"] * 4
