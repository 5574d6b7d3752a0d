"""Fifty callers for five agents in ten minutes of virtual time: books that are kept apart from the centre say the same
as its figures, to the second."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

from ivr.center.rules import Center
from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import MONDAY, configured

AGENTS = ("anna", "ben", "carla", "dora", "emil")
TEXT = """
phones: {{"0": {{password: x}}, "1": {{password: x}}, "2": {{password: x}}, "3": {{password: x}}, "4": {{password: x}}}}
agents:
  anna: {{phones: "0", queues: [sales, help], wrap_up: 10s}}
  ben: {{phones: "1", queues: [sales, help], wrap_up: 5s}}
  carla: {{phones: "2", queues: [sales, help], missed_calls: 0}}
  dora: {{phones: "3", queues: [help], wrap_up: 10s}}
  emil: {{phones: "4", queues: [help], missed_calls: 3}}
queues:
  sales: {{order: {order}, service_level: {{answer_within: 20s, percent: 80}}}}
  help: {{order: {order}, service_level: {{answer_within: 10s, percent: 80}}, wrap_up: 8s}}
"""
SECONDS = 600.0


class Rehearsal:
    """Callers come, wait as long as they like and talk; agents answer, decline or let it ring."""

    def __init__(self, order: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.config = configured(TEXT.format(order=order))
        self.now = 0.0
        self.center = Center(self.config, 0.0, MONDAY)
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.count = itertools.count()
        self.joined: dict[str, float] = {}
        self.queue: dict[str, str] = {}
        self.talking: dict[str, tuple[str, float]] = {}
        self.books: dict[str, Counter[str]] = defaultdict(Counter)
        self.people: dict[str, Counter[str]] = defaultdict(Counter)
        self.rings: dict[int, tuple[str, float]] = {}
        self.wraps: dict[str, tuple[str, float]] = {}
        for name in AGENTS:
            self.tell(told.PhoneState(name, True))

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (round(self.now + seconds, 3), next(self.count), what))

    def tell(self, event: told.Event) -> None:
        self.center.receive(event, self.now)
        for decision in self.center.decisions():
            self.do(decision)

    def run(self, until: float) -> None:
        while True:
            timer = self.center.next_timer()
            first = self.agenda[0][0] if self.agenda else None
            times = [each for each in (timer, first) if each is not None and each <= until]
            if not times:
                break
            self.now = max(self.now, min(times))
            if timer is not None and timer <= self.now:
                self.tell(told.Tick())
            elif self.agenda and self.agenda[0][0] <= self.now:
                heapq.heappop(self.agenda)[2]()
        self.now = until
        self.tell(told.Tick())

    def come(self, name: str) -> None:
        queue = self.random.choice(["sales", "help"])
        self.queue[name], self.joined[name] = queue, self.now
        self.tell(told.CallerJoined(name, {}, queue, self.random.choice([None, None, 3, 8])))
        self.at(self.random.uniform(20, 200), lambda: self.give_up(name))

    def give_up(self, name: str) -> None:
        if name in self.joined and name not in self.talking:
            reason: told.LeaveReason = self.random.choice(["abandoned", "abandoned", "max_wait", "key_exit"])
            self.books[self.queue[name]][reason] += 1
            self.books[self.queue[name]]["wait_left_seconds"] += self.now - self.joined[name]
            self.tell(told.CallerLeft(name, reason))

    def hang_up(self, name: str, offer: int) -> None:
        if name in self.talking:
            self.tell(told.CallOver(offer) if self.random.random() < 0.5 else told.CallerLeft(name))

    def do(self, decision: said.Decision) -> None:
        match decision:
            case said.Joined():
                self.books[decision.queue]["offered"] += 1
            case said.Offer():
                self.rings[decision.offer] = decision.agent, self.now
                self.books[decision.queue]["rings"] += 1
                mood = self.random.random()
                number = decision.offer
                if mood < 0.75:
                    self.at(self.random.uniform(1, 12), lambda: self.tell(told.OfferAnswered(number)))
                elif mood < 0.85:
                    self.at(self.random.uniform(1, 5), lambda: self.decline(number))
            case said.Withdraw():
                self.stop_ringing(decision.offer)
                if decision.reason == "no_answer":
                    self.books[self.queue[decision.caller]]["missed"] += 1
                    self.at(self.random.uniform(5, 40), lambda: self.back(decision.agent))
            case said.Connect():
                self.stop_ringing(decision.offer)
                queue = self.queue[decision.caller]
                waited = self.now - self.joined[decision.caller]
                assert waited == pytest.approx(decision.waited)
                self.books[queue]["answered"] += 1
                self.books[queue]["answered_in_target"] += waited <= (20 if queue == "sales" else 10)
                self.books[queue]["wait_answered_seconds"] += waited
                self.talking[decision.caller] = decision.agent, self.now
                self.at(self.random.uniform(10, 90), lambda: self.hang_up(decision.caller, decision.offer))
            case said.Left():
                del self.joined[decision.caller]
                if decision.outcome == "forwarded":
                    agent, since = self.talking.pop(decision.caller)
                    queue = self.queue[decision.caller]
                    self.books[queue]["talk_seconds"] += self.now - since
                    self.books[queue]["handled"] += 1
                    self.people[agent]["talking_seconds"] += self.now - since
                    self.wraps[agent] = queue, self.now
            case said.StatusChanged() if decision.agent in self.wraps and decision.phase != "wrapping":
                queue, since = self.wraps.pop(decision.agent)
                self.books[queue]["wrap_seconds"] += self.now - since
                self.people[decision.agent]["wrapping_seconds"] += self.now - since

    def decline(self, offer: int) -> None:
        if offer in self.rings:
            caller = next(each for each in self.center.callers() if self.rings[offer][0] in each["agents"])
            self.books[caller["queue"]]["declined"] += 1
            self.stop_ringing(offer)
            self.tell(told.OfferFailed(offer, "declined"))

    def stop_ringing(self, offer: int) -> None:
        if offer in self.rings:
            agent, since = self.rings.pop(offer)
            self.people[agent]["ringing_seconds"] += self.now - since

    def back(self, agent: str) -> None:
        self.tell(told.AgentStatus(agent, "available", agent))


@pytest.mark.parametrize("order", ["longest_idle", "weighted", "round_robin", "ring_all", "fewest_calls", "by_skill"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_books_of_ten_minutes(order: str, seed: int) -> None:
    show = Rehearsal(order, seed)
    for number in range(50):
        show.at(show.random.uniform(0, SECONDS - 60), lambda name=f"c{number}": show.come(name))
    show.run(SECONDS)
    figures = show.center.figures()
    for name in ("sales", "help"):
        queue = figures["queues"][name]
        books = show.books[name]
        for key, value in books.items():
            assert queue["total"][key] == pytest.approx(value, abs=0.01), (name, key)
        waiting = sum(show.queue[caller] == name and caller not in show.talking for caller in show.joined)
        assert queue["waiting"] == waiting
        left = sum(books[reason] for reason in ("abandoned", "max_wait", "key_exit"))
        assert books["offered"] == books["answered"] + left + waiting
        assert queue["talking"] == books["answered"] - books["handled"]
    assert sum(show.books[name]["offered"] for name in ("sales", "help")) == 50
    for agent in AGENTS:
        total = figures["agents"][agent]["total"]
        for caller, (talker, since) in show.talking.items():
            if talker == agent:
                show.people[agent]["talking_seconds"] += show.now - since
                assert caller in show.joined
        for key, value in show.people[agent].items():
            if key != "wrapping_seconds" or agent not in show.wraps:
                ringing = sum(show.now - since for who, since in show.rings.values() if who == agent)
                expected = value + (ringing if key == "ringing_seconds" else 0)
                assert total[key] == pytest.approx(expected, abs=0.01), (agent, key)
        spent = sum(value for key, value in total.items() if key.endswith("_seconds") and not key.startswith("mean"))
        assert spent == pytest.approx(SECONDS, abs=0.1)

    show.run(SECONDS + 600)  # all go home
    figures = show.center.figures()
    assert show.center.callers() == []
    assert not show.joined
    assert {agent["phase"] for agent in figures["agents"].values()} == {"idle"}
    for name in ("sales", "help"):
        total, books = figures["queues"][name]["total"], show.books[name]
        assert total["offered"] == total["answered"] + total["abandoned"] + total["max_wait"] + total["key_exit"]
        assert total["handled"] == total["answered"] == books["answered"]
        assert total["talk_seconds"] == pytest.approx(books["talk_seconds"], abs=0.01)
        assert total["wrap_seconds"] == pytest.approx(books["wrap_seconds"], abs=0.01)
    kept = show.center.intervals()
    for key in ("offered", "answered", "missed"):
        assert (
            sum(each["queues"].get("sales", {}).get(key, 0) for each in kept)
            == (figures["queues"]["sales"]["total"][key])
        )
