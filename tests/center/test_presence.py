"""Agents who have calls of their own, calls that are transferred to them and by them, statuses, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.sip import Ended, Uri
from tests.call.test_forward import flow as forward_flow
from tests.kit.house import CALLER, CELL, DESK, DEVICE, House, Party
from tests.kit.queue_house import QueueHouse, desk_flow
from tests.kit.sip import sdp

OTHER = ("192.0.2.3", 5060)


def house_with(folder: Path, to: str, agents: dict[str, str] | None = None, **more: Any) -> QueueHouse:
    """100 is the queue; 101 forwards to somebody."""
    flows = {"main": desk_flow("100"), "other": forward_flow("101", f'to: "{to}"\n    timeout: 10s')}
    return QueueHouse(folder, flows, agents or {"anna": "200"}, **more)


@pytest.mark.parametrize("to", ["phone:200", "agent:anna"])
def test_an_agent_on_another_call_is_not_offered_any(tmp_path: Path, to: str) -> None:
    house = house_with(tmp_path, to)
    anna, caller, waiting = house.phone("200", DESK), house.party(), house.party(OTHER)
    caller.call("101")
    assert house.agent("anna")["phase"] == "on_other_call"
    waiting.call("100")
    assert len(anna.calls) == 1
    anna.answer()
    house.run(5.0)
    assert len(anna.calls) == 1
    anna.hang_up()
    house.run(1.0)
    assert len(anna.calls) == 2
    anna.answer()
    assert house.agent("anna")["phase"] == "in_call"
    waiting.hang_up()
    house.settled_calls(2)


def test_a_call_to_an_agent_by_name_is_on_her_desk(tmp_path: Path) -> None:
    house = house_with(tmp_path, "agent:anna", {"anna": "200", "ben": "201"})
    anna, caller = house.phone("200", DESK), house.party()
    assert house.desk.named_call("anna") is None
    caller.call("101")
    house.run(3.0)
    (call,) = (call.report.id for call in house.manager.calls.values())
    found = house.desk.named_call("anna")
    assert found is not None and found["packet"]["flow"]["name"] == "other"
    assert found["caller"] == found["packet"]["call"]["id"] == call
    assert (found["queue"], found["state"]) == ("", "ringing")
    assert found["waited"] == pytest.approx(3.5, abs=0.6)
    anna.answer()
    house.run(5.0)
    found = house.desk.named_call("anna")
    assert found is not None and found["state"] == "talking"
    assert found["waited"] == pytest.approx(3.5, abs=0.8)
    assert (house.desk.named_agents(call), house.desk.named_agents("other")) == ({"anna"}, set())
    assert house.desk.named_call("ben") is None
    anna.hang_up()
    assert (house.desk.named_call("anna"), house.desk.named_agents(call)) == (None, set())
    house.settled_calls(1)


def test_an_agent_who_calls_somebody_is_not_offered_any(tmp_path: Path) -> None:
    house = house_with(tmp_path, "phone:299")
    waiting = house.party(OTHER)
    anna = house.phone("200", DESK)
    house.phone("299", CELL)
    anna.call_as("200", "101")
    assert house.agent("anna")["phase"] == "on_other_call"
    waiting.call("100")
    assert not anna.calls
    anna.hang_up()
    house.run(1.0)
    assert len(anna.calls) == 1
    waiting.hang_up()
    house.settled_calls(2)


def test_an_agents_number_behind_a_line_counts_where_he_is_called_by_name(tmp_path: Path) -> None:
    house = house_with(tmp_path, "agent:anna", {"anna": "tel:+4930123"})
    trunk = house.party(("192.0.2.10", 5060))
    caller, waiting = house.party(), house.party(OTHER)
    caller.call("101")
    assert house.agent("anna")["phase"] == "on_other_call"
    trunk.answer()
    waiting.call("100")
    assert len(trunk.calls) == 1
    trunk.hang_up()
    house.run(1.0)
    assert len(trunk.calls) == 2
    trunk.answer()
    assert house.agent("anna")["phase"] == "in_call"
    waiting.hang_up()
    house.settled_calls(2)


@pytest.mark.parametrize(("status", "rings"), [("busy", 1), ("away", 1), ("unavailable", 0)])
def test_who_gets_no_new_calls_may_still_get_those_transferred_to_him(tmp_path: Path, status: str, rings: int) -> None:
    house = house_with(tmp_path, "agent:anna")
    anna, caller, waiting = house.phone("200", DESK), house.party(), house.party(OTHER)
    house.choose("anna", status)
    waiting.call("100")
    caller.call("101")
    assert len(anna.calls) == rings
    caller.hang_up()
    waiting.hang_up()
    house.settled()


def test_a_phone_that_is_not_registered_is_not_rung_and_is_when_it_registers(tmp_path: Path) -> None:
    house = house_with(tmp_path, "agent:anna", queue="{join_when_empty: always}")
    caller = house.party()
    caller.call("100")
    assert not house.of("agent.offered")
    anna = house.phone("200", DESK)
    assert house.of("agent.offered")
    anna.ring()
    house.unregister("200")
    house.run(0.5)
    assert house.port.heard() == ["music"]
    caller.hang_up()
    house.settled()


def transferring(folder: Path, **more: Any) -> tuple[QueueHouse, Party, Party, Party]:
    house = QueueHouse(
        folder,
        {"main": desk_flow("100")},
        {"anna": "200, wrap_up: 5s", "ben": "201"},
        queue="{order: by_skill}",
        more="sip: {transfers: {accept: phones}}\n",
        **more,
    )
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    ben = house.phone("201", CELL)
    return house, anna, ben, caller


def refer(house: House, anna: Party, to: str) -> None:
    anna.session.refer(Uri.parse(to), house.now)
    house.run(0.5)


def test_an_agent_who_transfers_the_caller_is_free_while_they_talk_on(tmp_path: Path) -> None:
    house, anna, ben, caller = transferring(tmp_path)
    house.run(5.0)
    refer(house, anna, "sip:201@192.0.2.2")
    assert house.agent("anna")["phase"] == "in_call"
    assert [row["party"] for row in house.manager.live()] == ["anna"]
    ben.answer()
    house.run(3.0)
    assert house.agent("anna")["phase"] == "wrapping"
    assert house.agent("ben")["phase"] == "on_other_call"
    assert [row["party"] for row in house.manager.live()] == ["phone:201"]
    assert anna.got(Ended)
    assert not caller.got(Ended)
    house.run(10.0)
    assert house.agent("anna")["phase"] == "idle"
    ben.hang_up()
    assert caller.got(Ended)
    house.settled()
    (hand_off,) = house.record.hand_offs
    assert (hand_off["outcome"], hand_off["agent"]) == ("forwarded", "anna")
    assert hand_off["talk_time"] == pytest.approx(19.0, abs=1.0)
    assert house.record.cause == "forwarded"
    assert house.agent("ben")["phase"] == "idle"


def test_the_caller_may_leave_whom_he_was_transferred_to(tmp_path: Path) -> None:
    house, anna, ben, caller = transferring(tmp_path)
    refer(house, anna, "sip:201@192.0.2.2")
    ben.answer()
    house.run(3.0)
    caller.hang_up()
    assert ben.got(Ended)
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "forwarded"


def test_a_transfer_that_nobody_takes_leaves_the_two_together(tmp_path: Path) -> None:
    house, anna, ben, caller = transferring(tmp_path)
    refer(house, anna, "sip:201@192.0.2.2")
    ben.refuse(486)
    house.run(1.0)
    assert house.agent("anna")["phase"] == "in_call"
    assert house.port.bridged is not None
    anna.hang_up()
    assert caller.got(Ended)
    house.settled()


def test_after_a_restart_agents_are_what_they_were(tmp_path: Path) -> None:
    house = house_with(tmp_path, "agent:anna", {"anna": "200", "ben": "201", "carl": "202, wrap_up: 60s"})
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    house.choose("ben", "away")
    house.run(1.0)
    assert house.kept
    kept = dict(house.kept)  # as a crash leaves it: nothing is written at the end
    again = house_with(tmp_path, "agent:anna", {"anna": "200", "ben": "201", "carl": "202, wrap_up: 60s"}, kept=kept)
    assert again.agent("ben")["status"] == "away"
    assert again.agent("anna")["phase"] in ("idle", "wrapping")
    anna, caller = again.phone("200", DESK), again.party()
    caller.call("100")
    anna.answer()
    assert again.agent("anna")["phase"] == "in_call"
    anna.hang_up()
    again.settled()
    again.desk.stop()


def test_the_same_person_is_asked_first_after_a_restart(tmp_path: Path) -> None:
    agents = {"anna": "200", "ben": "201"}
    house = house_with(tmp_path, "agent:anna", agents, queue="{sticky: 30d, order: longest_idle}")
    ben, caller = house.phone("201", CELL), house.party()
    caller.call("100")
    ben.answer()
    ben.hang_up()
    house.settled()
    again = house_with(
        tmp_path, "agent:anna", agents, queue="{sticky: 30d, order: longest_idle}", kept=dict(house.kept)
    )
    again.phone("200", DESK)
    ben = again.phone("201", CELL)
    caller = again.party(CALLER)
    caller.call("100")
    assert [offer["agent"] for offer in again.of("agent.offered")] == ["ben"]
    caller.hang_up()
    again.settled()


def test_a_call_that_was_transferred_to_an_agent_counts_and_is_wrapped_up(tmp_path: Path) -> None:
    house = house_with(tmp_path, "agent:anna", {"anna": "200, wrap_up: 20s"})
    anna, caller, waiting = house.phone("200", DESK), house.party(), house.party(OTHER)
    caller.call("101")
    anna.answer()
    house.run(5.0)
    waiting.call("100")
    anna.hang_up()
    house.run(1.0)
    assert house.agent("anna")["phase"] == "wrapping"
    assert len(anna.calls) == 1
    house.run(20.0)
    assert len(anna.calls) == 2
    waiting.hang_up()
    house.settled_calls(2)


def test_a_call_of_the_agents_own_is_not_wrapped_up(tmp_path: Path) -> None:
    house = house_with(tmp_path, "phone:299", {"anna": "200, wrap_up: 20s"})
    anna, other = house.phone("200", DESK), house.phone("299", CELL)
    anna.call_as("200", "101")
    other.answer()
    house.run(2.0)
    anna.hang_up()
    house.run(1.0)
    assert house.agent("anna")["phase"] == "idle"
    house.settled()


def test_an_agent_consults_somebody_and_puts_the_two_together(tmp_path: Path) -> None:
    house, anna, ben, caller = transferring(tmp_path)
    first = anna.calls[-1]
    anna.call_as("200", "201")
    ben.answer()
    consultation = anna.session
    house.run(1.0)
    assert house.agent("anna")["phase"] == "in_call"
    assert house.agent("ben")["phase"] == "on_other_call"
    first.refer(Uri.parse("sip:201@192.0.2.2"), house.now, replaces=consultation.as_replaced())
    house.run(5.0)
    assert house.agent("anna")["phase"] in ("wrapping", "idle")
    assert house.agent("ben")["phase"] == "on_other_call"
    assert not caller.got(Ended)
    assert not any(call.ended for call in ben.calls[-1:])
    caller.hang_up()
    house.run(2.0)
    house.settled()
    hand_off = next(one for record in house.books.calls for one in record.hand_offs if "queue" in one)
    assert (hand_off["outcome"], hand_off["agent"]) == ("forwarded", "anna")


def test_an_agent_holds_the_caller_and_comes_back(tmp_path: Path) -> None:
    house, anna, *_ = transferring(tmp_path)
    for direction in ("sendonly", "sendrecv"):
        anna.calls[-1].reinvite(sdp(DESK[0], 4100, direction, 2), house.now)
        house.run(0.5)
    assert house.agent("anna")["phase"] == "in_call"
    assert house.port.bridged is not None
    anna.hang_up()
    house.settled()


def test_a_phone_that_cannot_be_called_at_all_is_a_fault_of_that_offer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_with(tmp_path, "agent:anna")
    house.phone("200", DESK)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    caller = house.party()
    with monkeypatch.context() as patch:
        patch.setattr(type(house.services), "place_call", broken)
        caller.call("100")
    assert house.port.heard() == ["music"]
    assert house.of("agent.missed")[0]["reason"] == "error"
    caller.hang_up()
    house.settled()


def test_a_caller_who_cannot_be_connected_does_not_wait(tmp_path: Path) -> None:
    line = "old: {type: modem, port: /dev/ttyACM0, country: DE, number: '4711'}"
    flows = {"main": desk_flow("4711").replace("answer: immediately", "line: old")}
    house = QueueHouse(tmp_path, flows, {"anna": "200"}, line=line)
    anna = house.phone("200", DESK)
    house.party(DEVICE).call("4711")
    house.run(10.0)
    assert house.port.heard() == ["sorry error"]
    assert not anna.calls
    assert house.agent("anna")["phase"] == "idle"
