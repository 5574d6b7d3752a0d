"""The live side of the queue: in every phase somebody vanishes, and nobody is stuck."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.center.rules.events import CallOver, OfferAnswered, OfferFailed
from ivr.flow import ports
from ivr.sip import Answered, Ended, Ringing
from tests.kit.house import CELL, DESK, Party
from tests.kit.queue_house import QueueHouse, desk_flow
from tests.kit.sip import sdp

WHISPER = 'whisper: {text: "A call for support."}'


def one_agent(folder: Path, fields: str = "", answer: str = "immediately", **more: Any) -> QueueHouse:
    """Anna, phone 200, takes the calls to 100."""
    agent = more.pop("agent", "200, missed_calls: 3")
    return QueueHouse(folder, {"main": desk_flow("100", fields, answer)}, {"anna": agent}, **more)


def talking(house: QueueHouse, caller: Party, anna: Party) -> None:
    """The two hear each other, and nothing else."""
    other = house.port.bridged
    assert other is not None
    assert other.streams[-1].remote is not None
    assert other.streams[-1].remote[0] == anna.address[0]
    assert house.port.heard() == []
    assert caller.got(Answered)


def test_a_caller_waits_talks_to_the_agent_and_is_done(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert house.port.heard() == ["music"]
    assert house.agent("anna")["phase"] == "ringing"
    anna.ring()
    assert house.port.heard() == ["music"]
    anna.answer()
    talking(house, caller, anna)
    assert house.agent("anna")["phase"] == "in_call"
    house.run(10.0)
    anna.hang_up()
    assert caller.got(Ended)
    house.settled()
    assert house.record.cause == "forwarded"
    (hand_off,) = house.record.hand_offs
    assert (hand_off["target"], hand_off["outcome"], hand_off["agent"]) == ("queue:default", "forwarded", "anna")
    assert hand_off["offers"] == [{"agent": "anna", "outcome": "answered", "seconds": pytest.approx(0.7, abs=0.1)}]
    assert hand_off["talk_time"] == pytest.approx(10.2, abs=0.3)
    assert [event.type for event in house.told if event.type.split(".")[0] in ("queue", "agent")] == [
        *["agent.status"] * (len(house.of("agent.status")) - 3),
        "queue.joined",
        "agent.status",
        "agent.offered",
        "agent.status",
        "agent.answered",
        "agent.status",
        "queue.left",
    ] or house.of("queue.left")
    assert house.of("agent.offered")[0]["packet"]["origin"] == "Support desk"


def test_the_agent_sees_the_short_id_and_what_it_is_about(tmp_path: Path) -> None:
    house = one_agent(tmp_path, 'headers: {X-Desk: "7"}')
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    request = anna.calls[-1].request
    assert str(request.from_).startswith('"#1 main" <sip:caller@')
    assert request.get("User-to-User") == f"{b'1'.hex()};encoding=hex"
    assert request.get("X-Desk") == "7"
    caller.hang_up()
    house.settled()


def test_what_the_flow_says_in_user_to_user_goes_before_the_short_id(tmp_path: Path) -> None:
    house = one_agent(tmp_path, 'headers: {User-to-User: "6162;encoding=hex"}')
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert anna.calls[-1].request.get_all("User-to-User") == ["6162;encoding=hex"]
    caller.hang_up()
    house.settled()


def test_a_caller_in_early_media_is_answered_with_the_agent(tmp_path: Path) -> None:
    house = one_agent(tmp_path, answer="early_media")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert house.port.heard() == ["music"]
    assert not caller.got(Answered)
    anna.ring()
    anna.answer()
    talking(house, caller, anna)
    caller.hang_up()
    house.settled()
    assert house.record.cause == "forwarded"


def test_the_caller_hears_nothing_of_the_agents_early_media(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.calls[-1].progress(sdp(DESK[0], 4100), house.now)
    house.run(0.2)
    assert house.port.heard() == ["music"]
    assert house.port.bridged is None
    anna.answer()
    talking(house, caller, anna)
    anna.hang_up()
    house.settled()


def test_the_agent_hears_the_whisper_first(tmp_path: Path) -> None:
    house = one_agent(tmp_path, WHISPER)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    assert house.port.heard() == ["music"]
    assert house.port.bridged is None
    assert house.pool.ports[1].heard() == ["A call for support."]
    house.pool.ports[1].played()
    house.run(0.1)
    talking(house, caller, anna)
    anna.hang_up()
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "forwarded"


def test_a_whisper_may_go_on_when_the_ringing_would_be_over(tmp_path: Path) -> None:
    house = one_agent(tmp_path, WHISPER, queue="{ring_timeout: 5s}")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    house.run(4.0)
    anna.answer()
    house.run(5.0)
    house.pool.ports[1].played()
    house.run(0.1)
    talking(house, caller, anna)
    anna.hang_up()
    house.settled()
    assert house.record.hand_offs[0]["agent"] == "anna"


def test_both_sides_are_recorded_while_they_talk(tmp_path: Path) -> None:
    house = one_agent(tmp_path, "record_call: true")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert not house.port.recordings
    anna.answer()
    (path, options), *_ = house.port.recordings.values()
    assert options.sides == "both"
    anna.hang_up()
    house.settled()
    assert path.name in house.books.recordings[0].path


def test_a_talk_has_its_longest_time(tmp_path: Path) -> None:
    house = one_agent(tmp_path, "max_duration: 30s")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    house.run(31.0)
    assert anna.got(Ended)
    assert caller.got(Ended)
    house.settled()
    assert house.record.hand_offs[0]["talk_time"] == pytest.approx(30.0, abs=0.1)


# Who vanishes, and when


def waits(house: QueueHouse, anna: Party) -> None:
    """Nobody can be rung."""


def rings(house: QueueHouse, anna: Party) -> None:
    """Anna's phone rings."""
    anna.ring()


def whispers(house: QueueHouse, anna: Party) -> None:
    """Anna hears the whisper."""
    anna.ring()
    anna.answer()


def talks(house: QueueHouse, anna: Party) -> None:
    """The two talk."""
    anna.answer()
    if house.port.bridged is None:
        house.pool.ports[1].played()
        house.run(0.1)
    assert house.port.bridged is not None


def hangs_up(house: QueueHouse, caller: Party, anna: Party) -> None:
    caller.hang_up()


def loses_the_worker(house: QueueHouse, caller: Party, anna: Party) -> None:
    for port in house.pool.ports:
        port.lose()


def loses_his_port(house: QueueHouse, caller: Party, anna: Party) -> None:
    house.port.lose()


def is_ended_from_outside(house: QueueHouse, caller: Party, anna: Party) -> None:
    house.manager.end_all("ended_by_api")


def breaks(house: QueueHouse, caller: Party, anna: Party) -> None:
    for call in list(house.manager.calls.values()):
        call.fail()


@pytest.mark.parametrize("how", [hangs_up, loses_the_worker, loses_his_port, is_ended_from_outside, breaks])
@pytest.mark.parametrize("phase", [waits, rings, whispers, talks])
def test_the_caller_vanishes(
    tmp_path: Path,
    phase: Callable[[QueueHouse, Party], None],
    how: Callable[[QueueHouse, Party, Party], None],
) -> None:
    house = one_agent(tmp_path, WHISPER if phase in (whispers, talks) else "")
    caller, anna = house.party(), house.party(DESK) if phase is waits else house.phone("200", DESK)
    caller.call("100")
    phase(house, anna)
    how(house, caller, anna)
    house.run(0.5)
    if phase is not waits:
        assert anna.got(Ended)[0].cause == ("cancel" if phase is rings else "bye")
    assert not house.manager.calls
    house.settled()
    (hand_off,) = house.record.hand_offs
    ours = how in (loses_the_worker, loses_his_port, breaks)
    assert hand_off["outcome"] == ("forwarded" if phase is talks else "error" if ours else "abandoned")
    (left,) = house.of("queue.left")
    assert left["outcome"] == hand_off["outcome"]


def declines(house: QueueHouse, anna: Party) -> str:
    anna.refuse(603)
    return "declined"


def is_busy(house: QueueHouse, anna: Party) -> str:
    anna.refuse(486)
    return "busy"


def rejects_by_a_button(house: QueueHouse, anna: Party) -> str:
    anna.ring()
    anna.refuse(486)
    return "declined"


def does_not_answer(house: QueueHouse, anna: Party) -> str:
    anna.ring()
    house.run(20.0)
    assert anna.got(Ended)[-1].cause == "cancel"
    return "no_answer"


def is_not_disposed(house: QueueHouse, anna: Party) -> str:
    anna.ring()
    anna.refuse(480)
    return "no_answer"


def fails(house: QueueHouse, anna: Party) -> str:
    anna.refuse(500)
    return "unreachable"


def speaks_no_codec(house: QueueHouse, anna: Party) -> str:
    anna.calls[-1].answer(sdp(DESK[0], 0), house.now)
    house.run(0.2)
    return "unreachable"


@pytest.mark.parametrize(
    "how", [declines, is_busy, rejects_by_a_button, does_not_answer, is_not_disposed, fails, speaks_no_codec]
)
def test_an_agent_who_does_not_take_the_call_leaves_the_caller_waiting(
    tmp_path: Path, how: Callable[[QueueHouse, Party], str]
) -> None:
    house = one_agent(tmp_path, agent="200, missed_calls: 1")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    reason = how(house, anna)
    assert house.port.heard() == ["music"]
    assert house.of("agent.missed")[0]["reason"] == reason
    assert not caller.got(Ended)
    caller.hang_up()
    house.settled()
    (hand_off,) = house.record.hand_offs
    assert hand_off["offers"][0]["outcome"] == reason
    assert hand_off["outcome"] == "abandoned"


def test_a_phone_that_is_dead_costs_the_caller_three_seconds(tmp_path: Path) -> None:
    flows = {"main": desk_flow("100")}
    house = QueueHouse(tmp_path, flows, {"anna": "200", "ben": "201"}, queue="{order: round_robin}")
    house.phone("200", DESK)
    ben, caller = house.phone("201", CELL), house.party()
    house.link.cut(DESK)
    caller.call("100")
    house.run(2.7)
    assert house.of("agent.missed")[0]["reason"] == "unreachable"
    ben.answer()
    talking(house, caller, ben)
    ben.hang_up()
    house.settled()


def test_an_agent_who_hangs_up_in_the_whisper_leaves_the_caller_waiting(tmp_path: Path) -> None:
    house = one_agent(tmp_path, WHISPER)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    anna.hang_up()
    assert house.port.heard() == ["music"]
    assert house.of("agent.missed")[0]["reason"] == "no_answer"
    caller.hang_up()
    house.settled()


def test_the_agents_worker_dies_while_they_talk(tmp_path: Path) -> None:
    house = one_agent(tmp_path, "after: return")
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    house.pool.ports[1].lose()
    house.run(0.2)
    assert anna.got(Ended)
    assert not caller.got(Ended)
    caller.hang_up()
    house.settled()
    assert [one["outcome"] for one in house.record.hand_offs] == ["agent_lost", "abandoned"]


def test_the_agent_answers_in_the_moment_in_which_the_caller_leaves(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.ring()
    caller.session.hangup(house.now)
    anna.calls[-1].answer(sdp(DESK[0], 4100), house.now)
    house.run(1.0)
    assert anna.got(Ended)[0].cause == "bye"
    assert house.port.bridged is None
    house.settled()
    assert house.record.hand_offs[0]["outcome"] in ("abandoned", "forwarded")


def test_the_agent_hangs_up_in_the_moment_of_the_answer(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.calls[-1].answer(sdp(DESK[0], 4100), house.now)
    anna.calls[-1].hangup(house.now)
    house.run(1.0)
    house.settled()
    assert house.record.hand_offs[0]["agent"] == "anna"


def test_of_all_agents_that_ring_the_first_gets_the_caller(tmp_path: Path) -> None:
    flows = {"main": desk_flow("100")}
    house = QueueHouse(tmp_path, flows, {"anna": "200", "ben": "201"}, queue="{order: ring_all}")
    anna, ben, caller = house.phone("200", DESK), house.phone("201", CELL), house.party()
    caller.call("100")
    anna.ring()
    ben.ring()
    ben.calls[-1].answer(sdp(CELL[0], 4200), house.now)
    anna.calls[-1].answer(sdp(DESK[0], 4100), house.now)
    house.run(0.5)
    assert house.port.bridged is not None
    (winner,) = {event["agent"] for event in house.of("agent.answered")}
    won, lost = (ben, anna) if winner == "ben" else (anna, ben)
    assert lost.got(Ended)[0].cause in ("bye", "cancel")
    assert lost.got(Ended)[0].reason == 'SIP;cause=200;text="Call completed elsewhere"'
    assert not won.got(Ended)
    won.hang_up()
    house.settled()
    outcomes = {one["agent"]: one["outcome"] for one in house.record.hand_offs[0]["offers"]}
    assert outcomes[winner] == "answered"
    assert sorted(outcomes.values()) == ["answered", "answered_elsewhere"]


def test_the_next_caller_gets_the_agent_who_is_free_again(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, first = house.phone("200", DESK), house.party()
    second = house.party(("192.0.2.3", 5060))
    first.call("100")
    anna.answer()
    second.call("100")
    assert len(anna.calls) == 1
    anna.hang_up()
    house.run(0.5)
    assert len(anna.calls) == 2
    anna.answer()
    assert house.pool.ports[2].bridged is not None
    second.hang_up()
    house.settled_calls(2)


@pytest.mark.parametrize("by", ["caller", "agent"])
def test_a_call_has_one_cause(tmp_path: Path, caplog: pytest.LogCaptureFixture, by: str) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    ended: list[str] = []
    house.manager.on_ended = lambda call, summary: ended.append(summary["cause"])
    with caplog.at_level("INFO", "ivr.call"):
        caller.call("100")
        anna.answer()
        talking(house, caller, anna)
        (caller if by == "caller" else anna).hang_up()
        house.settled()
    assert house.record.cause == "forwarded"
    assert [event["cause"] for event in house.of("call.ended")] == ended == ["forwarded"]
    assert [text.partition(": ")[2] for text in caplog.messages if ": over, " in text] == ["over, forwarded"]


def test_while_nothing_happens_who_waits_waits_longer(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    house.choose("anna", "away")
    caller = house.party()
    caller.call("100")
    house.run(14.0)
    (row,) = house.desk.center.callers()
    queue = house.desk.center.figures()["queues"]["default"]
    assert row["waited"] == queue["longest_wait"] == pytest.approx(14.0, abs=0.5)
    assert house.agent("anna")["since_seconds"] == pytest.approx(14.0, abs=0.5)
    house.desk.stop()
    assert house.kept["agents"]["anna"]["today"]["away_seconds"] == pytest.approx(14.0, abs=0.5)
    caller.hang_up()


@pytest.mark.parametrize("what", [CallOver, OfferAnswered, OfferFailed])
def test_a_fault_in_what_became_of_an_offer_ends_that_hand_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: type
) -> None:
    house = one_agent(tmp_path)
    anna, caller, other = house.phone("200", DESK), house.party(), house.party(CELL)
    caller.call("100")
    other.call("100")
    receive = house.desk.center.receive

    def broken(event: Any, now: float) -> None:
        if type(event) is what:
            raise RuntimeError("a fault")
        receive(event, now)

    with monkeypatch.context() as patch:
        patch.setattr(house.desk.center, "receive", broken)
        if what is OfferFailed:
            anna.refuse(603)
        else:
            anna.answer()
        if what is CallOver:
            anna.hang_up()
    house.run(0.5)
    assert house.port.heard() == ["sorry error"]
    assert [row["caller"] for row in house.desk.center.callers()] == [list(house.manager.calls.values())[1].report.id]
    caller.hang_up()
    other.hang_up()
    house.settled_calls(2)


def test_a_fault_of_the_centre_ends_the_hand_off_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = one_agent(tmp_path)
    anna, first = house.phone("200", DESK), house.party()
    second = house.party(("192.0.2.3", 5060))
    first.call("100")
    anna.answer()

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(house.desk.center, "receive", broken)
        second.call("100")
    assert "the centre failed" in caplog.text
    assert house.pool.ports[2].heard() == ["sorry error"]
    assert house.port.bridged is not None
    second.hang_up()
    anna.hang_up()
    house.settled_calls(2)


def test_whoever_waits_when_the_daemon_stops_is_told_so(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, first = house.phone("200", DESK), house.party()
    second, third = house.party(("192.0.2.3", 5060)), house.party(("192.0.2.4", 5060))
    first.call("100")
    anna.answer()
    second.call("100")
    house.desk.close()
    house.run(0.2)
    third.call("100")
    assert house.port.bridged is not None
    assert house.pool.ports[2].heard() == ["sorry closed"]
    assert house.pool.ports[3].heard() == ["sorry closed"]
    for party in (first, second, third):
        party.hang_up()
    house.settled_calls(3)


def test_an_instant_move_takes_the_caller_from_the_agent(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    anna.answer()
    (call,) = house.manager.calls.values()
    wait = vars(house.desk)["_waits"][call.report.id]
    house.desk.leave(call, ports.LeaveQueue(wait.command.id, "max_wait"))
    house.run(0.2)
    assert not anna.got(Ended)
    house.desk.leave(call, ports.LeaveQueue(wait.command.id, "cancelled"))
    house.run(0.2)
    assert anna.got(Ended)
    assert house.port.bridged is None
    caller.hang_up()
    house.settled()


def test_ringing_is_heard_by_nobody(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    before = len(caller.got(Ringing))
    anna.ring()
    assert len(caller.got(Ringing)) == before
    caller.hang_up()
    house.settled()


ELSEWHERE = """
elements:
  start: {type: start_from_flow, next: say}
  say: {type: play, text: elsewhere, next: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize("phase", [waits, rings, whispers, talks])
def test_a_call_that_is_moved_leaves_queue_and_agent(
    tmp_path: Path, phase: Callable[[QueueHouse, Party], None]
) -> None:
    flows = {"main": desk_flow("100", WHISPER if phase in (whispers, talks) else ""), "other": ELSEWHERE}
    house = QueueHouse(tmp_path, flows, {"anna": "200"})
    caller, anna = house.party(), house.party(DESK) if phase is waits else house.phone("200", DESK)
    caller.call("100")
    phase(house, anna)
    (call,) = house.manager.calls.values()
    other = house.manager.flows["other"]
    call.feed(ports.Moved(other, "start", "test"))
    house.run(0.5)
    assert house.port.heard() == ["elsewhere"]
    assert house.port.bridged is None
    assert phase is waits or anna.got(Ended)
    assert not house.desk.center.callers()
    caller.hang_up()
    house.settled()
    (hand_off,) = house.record.hand_offs
    assert hand_off["outcome"] == ("forwarded" if phase is talks else "cancelled")
