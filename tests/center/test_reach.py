"""Whether agents' phones can be rung: registrations, and OPTIONS over a link in virtual time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from ivr.center.reach import MAX_BACK_OFF, Reach
from ivr.lines import Ground
from ivr.sip import Flow, Request, parse_message
from tests.kit.house import CELL, DESK, HOUSE, Address, Clock, House, Names, Task
from tests.kit.sip import make_stack, request

EVERY = 15.0


class Watched:
    """A house that watches phones 200 and 201."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder, {})
        self.told: list[tuple[str, bool, float]] = []
        ground = Ground(
            cast(Any, Clock(self.house.link)),
            self.house.services.shell,
            self.house.stack,
            cast(Any, Names()),
            lambda work: self.house.link.after(0.0, Task(work).run),
            fraction=lambda: 0.5,
        )
        self.reach = Reach(ground, self.house.registrar, self._changed, EVERY)
        self.house.registrar.on_change = self.reach.registered
        self.reach.watch(["200", "201"])

    def _changed(self, user: str) -> None:
        self.told.append((user, self.reach.reachable(user), self.house.now))

    def register(self, user: str, address: Address, *, expires: int = 3600, cseq: int = 1) -> None:
        contact = f"<sip:{user}@{address[0]}:{address[1]}>"
        text = request(
            "REGISTER",
            call_id=f"r-{address[0]}",
            contact=contact,
            headers=f"Expires: {expires}\r\n",
            cseq=cseq,
            cseq_method="REGISTER",
        )
        message = parse_message(text)
        assert isinstance(message, Request)
        self.house.registrar.register(user, message, Flow("udp", HOUSE, address), self.house.now)
        self.house.run(0.01)

    def is_there(self, address: Address) -> None:
        """A phone that answers what it is asked."""
        self.house.link.join(make_stack(5), address)

    def questions(self, address: Address) -> list[float]:
        """When a phone was asked."""
        sent = self.house.link.sent
        return [at for at, _, to, data in sent if to == address and data.startswith(b"OPTIONS")]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_phone_can_be_rung_from_its_registration_to_the_end_of_it(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK)
    assert watched.reach.reachable("200")
    assert not watched.reach.reachable("201")
    watched.register("200", DESK, expires=0, cseq=2)
    assert not watched.reach.reachable("200")
    assert [(user, reachable) for user, reachable, _ in watched.told] == [("200", True), ("200", False)]


def test_a_registration_that_runs_out_is_noticed_by_itself(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK, expires=60)
    began = watched.house.now
    watched.house.run(61.0)
    assert watched.told[-1][:2] == ("200", False)
    assert watched.told[-1][2] == pytest.approx(began + 60.0, abs=0.1)


def test_a_phone_that_answers_is_asked_again_and_again(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK)
    watched.house.run(65.0)
    questions = watched.questions(DESK)
    pauses = [after - before for before, after in pairwise(questions)]
    assert len(questions) == 5
    assert all(pause == pytest.approx(EVERY, abs=0.1) for pause in pauses)
    assert len(watched.told) == 1


def test_a_phone_that_was_killed_is_noticed_and_asked_ever_less(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK, expires=7200)
    watched.house.run(2.0)
    watched.house.link.cut(DESK)
    killed = watched.house.now
    watched.house.run(EVERY + 12.0)
    assert watched.told[-1][:2] == ("200", False)
    assert watched.told[-1][2] - killed < EVERY + 10.0
    before = len(watched.questions(DESK))
    watched.house.run(1000.0)
    # Each is sent eleven times in the 32 s that a transaction lasts (RFC 3261 §17.1.2.2).
    assert len(watched.questions(DESK)) - before < 11 * (1000.0 / MAX_BACK_OFF + 8)
    watched.is_there(DESK)
    watched.house.run(MAX_BACK_OFF + 5.0)
    assert watched.told[-1][:2] == ("200", True)


def test_a_phone_that_registers_again_is_there_at_once(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK)
    watched.house.run(2.0)
    watched.house.link.cut(DESK)
    watched.house.run(40.0)
    assert not watched.reach.reachable("200")
    watched.is_there(DESK)
    watched.register("200", DESK, cseq=2)
    assert watched.reach.reachable("200")
    watched.house.run(40.0)
    assert watched.reach.reachable("200")


def test_a_phone_that_never_answered_is_not_judged_by_that(watched: Watched) -> None:
    watched.register("200", DESK)
    watched.house.run(300.0)
    assert watched.reach.reachable("200")
    assert watched.questions(DESK)


def test_of_two_contacts_the_one_that_is_there_counts(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.is_there(CELL)
    watched.register("200", DESK)
    watched.register("200", CELL)
    watched.house.run(2.0)
    watched.house.link.cut(DESK)
    watched.house.run(40.0)
    assert watched.reach.reachable("200")
    bindings = watched.house.registrar.lookup("200", watched.house.now)
    assert {b.flow.remote: watched.reach.answers("200", b) for b in bindings} == {DESK: False, CELL: True}


def test_a_call_that_nobody_heard_makes_it_ask_at_once(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK)
    watched.house.run(2.0)
    watched.house.link.cut(DESK)
    watched.reach.doubt("200")
    watched.house.run(10.0)
    assert not watched.reach.reachable("200")


def test_an_answer_that_nobody_is_behind_counts_as_none(watched: Watched) -> None:
    house = watched.house
    watched.is_there(DESK)
    watched.register("200", DESK)
    house.run(2.0)
    phone = make_stack(6)
    phone.serving = False
    house.link.join(phone, DESK)
    house.run(40.0)
    assert not watched.reach.reachable("200")


def test_phones_that_are_nobodys_any_more_are_not_asked(watched: Watched) -> None:
    watched.is_there(DESK)
    watched.register("200", DESK)
    watched.house.run(2.0)
    watched.reach.watch(["201"])
    before = len(watched.questions(DESK))
    watched.house.run(60.0)
    assert len(watched.questions(DESK)) == before
    watched.reach.watch(["200"])
    assert watched.reach.reachable("200")
    watched.reach.stop()
    watched.house.run(60.0)
    assert len(watched.questions(DESK)) == before
