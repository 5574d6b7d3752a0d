"""The joins of queue, phones and media: whatever happens to whom in which moment, the caller has somebody, is told, or
has hung up himself, and nothing is left behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ivr.errors import IvrError
from ivr.sip import Answered, Ended
from tests.call.test_transfers import to
from tests.center.test_desk import one_agent, talking
from tests.kit.house import CELL, DESK, Party
from tests.kit.queue_house import QueueHouse, desk_flow
from tests.kit.sip import sdp


def joined(folder: Path, fields: str = "") -> tuple[QueueHouse, Party, Party]:
    """A caller who talks to Anna."""
    house = one_agent(folder, fields)
    anna, caller = house.phone("200", DESK), house.party()
    anna.takes_refers = True
    caller.call("100")
    anna.answer()
    talking(house, caller, anna)
    return house, anna, caller


def test_either_side_holds_the_other_and_comes_back(tmp_path: Path) -> None:
    house, anna, caller = joined(tmp_path)
    versions = itertools.count(2)
    for party, port in ((caller, house.port), (anna, house.pool.ports[1])):
        for direction, sends in (("sendonly", False), ("sendrecv", True), ("inactive", False), ("sendrecv", True)):
            party.session.reinvite(sdp(party.address[0], 4010, direction, next(versions)), house.now)
            house.run(0.5)
            assert port.streams[-1].receive == sends or direction == "sendonly"
            assert house.agent("anna")["phase"] == "in_call"
            assert house.port.bridged is house.pool.ports[1]
    anna.hang_up()
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "forwarded"


def test_both_offer_anew_in_the_same_moment(tmp_path: Path) -> None:
    house, anna, caller = joined(tmp_path)
    for party in (caller, anna):
        party.session.reinvite(sdp(party.address[0], 4020, "sendrecv", 9), house.now)
    house.run(6.0)
    assert [port.streams[-1].remote for port in house.pool.ports[:2]] == [(caller.address[0], 4020), (DESK[0], 4020)]
    anna.hang_up()
    house.settled()


def test_keys_of_the_caller_reach_the_agent_and_no_flow(tmp_path: Path) -> None:
    house, anna, caller = joined(tmp_path)
    house.press("42")
    caller.session.info("application/dtmf-relay", b"Signal=7\r\nDuration=100\r\n", house.now)
    house.run(0.5)
    assert house.pool.ports[1].digits == "7"  # those of the sound path are passed on there
    assert house.agent("anna")["phase"] == "in_call"
    anna.hang_up()
    house.settled()
    assert house.record.digits == []


def test_an_agent_hands_the_caller_over_by_refer(tmp_path: Path) -> None:
    house, anna, caller = joined(tmp_path)
    cell = house.phone("299", CELL)
    anna.session.refer(to("299"), house.now)
    house.run(1.0)
    cell.answer(port=4300)
    house.run(3.0)
    assert anna.got(Ended) and not caller.got(Ended)
    assert house.port.bridged is not None
    assert house.port.bridged.streams[-1].remote == (CELL[0], 4300)
    cell.hang_up()
    assert caller.got(Ended)
    house.settled()
    assert house.agent("anna")["phase"] in ("idle", "wrapping")


def test_the_callers_worker_dies_while_he_waits(tmp_path: Path) -> None:
    house = one_agent(tmp_path)
    anna, caller = house.phone("200", DESK), house.party()
    other = house.party(CELL)
    caller.call("100")
    other.call("100")
    anna.ring()
    house.port.lose()
    house.run(1.0)
    assert caller.got(Ended) and not other.got(Ended)
    anna.answer(anna.calls[-1])  # who rings now, rings for the other
    house.run(1.0)
    assert other.got(Answered)
    assert house.agent("anna")["phase"] == "in_call"
    anna.hang_up()
    house.run(1.0)
    assert other.got(Ended)
    house.run(80.0)
    assert [record.cause for record in house.books.calls] == ["system", "forwarded"]


def test_all_workers_die_while_many_wait(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"main": desk_flow("100")}, {"anna": "200"})
    anna = house.phone("200", DESK)
    callers = [house.party((f"198.51.100.{n}", 5060)) for n in range(1, 9)]
    for caller in callers:
        caller.call("100")
    for port in list(house.pool.ports):
        if not port.released:
            port.lose()
    house.run(80.0)
    assert all(caller.got(Ended) for caller in callers)
    assert len(house.books.calls) == 8
    assert {record.cause for record in house.books.calls} == {"system"}
    assert not house.manager.calls
    assert house.agent("anna")["phase"] == "idle"
    late = house.party(CELL)
    late.call("100")
    anna.answer()
    talking_to = house.pool.ports[-2].bridged
    assert talking_to is not None
    anna.hang_up()
    house.run(80.0)


ACTS: dict[str, Callable[[QueueHouse, Party, Party], object]] = {
    "caller leaves": lambda house, anna, caller: caller.session.hangup(house.now),
    "agent answers": lambda house, anna, caller: anna.calls[-1].answer(sdp(DESK[0], 4100), house.now),
    "agent declines": lambda house, anna, caller: anna.calls[-1].reject(603, house.now),
    "agent leaves": lambda house, anna, caller: anna.calls[-1].hangup(house.now),
    "agent refers": lambda house, anna, caller: anna.calls[-1].refer(to("299"), house.now),
    "agent holds": lambda house, anna, caller: anna.calls[-1].reinvite(sdp(DESK[0], 4100, "inactive", 5), house.now),
    "caller holds": lambda house, anna, caller: caller.session.reinvite(
        sdp(caller.address[0], 4000, "inactive", 5), house.now
    ),
    "caller presses": lambda house, anna, caller: house.port.press("5", house.now),
    "caller's worker dies": lambda house, anna, caller: house.port.lose(),
    "agent's worker dies": lambda house, anna, caller: [port.lose() for port in house.pool.ports[1:2]],
    "agent rings": lambda house, anna, caller: anna.calls[-1].ring(house.now),
}


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from([0.0, 0.0, 0.005, 0.3, 25.0])), max_size=7))
@example([("agent answers", 0.0), ("caller leaves", 0.0)])
@example([("agent answers", 0.3), ("agent refers", 0.0), ("caller leaves", 0.0)])
@example([("agent answers", 0.3), ("agent refers", 0.3), ("caller's worker dies", 0.0)])
@example([("agent answers", 0.3), ("caller holds", 0.0), ("agent leaves", 0.0)])
@example([("agent answers", 0.005), ("agent's worker dies", 0.0), ("agent leaves", 0.0)])
def test_in_any_history_the_books_balance(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, float]]
) -> None:
    house = one_agent(tmp_path_factory.mktemp("joins"))
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    for name, seconds in acts:
        try:
            ACTS[name](house, anna, caller)
        except Exception as error:  # a phone whose call is over can do nothing of the kind
            if not isinstance(error, (IvrError, IndexError)):
                raise
        house.run(seconds)
    house.run(1.0)
    if not caller.got(Ended):
        caller.session.hangup(house.now)
    for session in anna.calls:
        with suppress(IvrError):
            session.hangup(house.now)
    house.settled()
    assert house.record.cause
    assert house.agent("anna")["phase"] in ("idle", "wrapping")
    joined, left = house.of("queue.joined"), house.of("queue.left")
    assert len(joined) == len(left) == 1
