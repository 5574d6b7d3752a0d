"""Decisions of the contact centre: `python tests/bench/center.py [--agents 200] [--waiting 1000] [--seconds 1200]`.

Agents in ten queues, each in two of them, besides the default queue of all; as many callers wait as are asked for, new
ones come as others are served. Time is virtual; each event is timed with all that is decided on it, by the processor's
clock. All orders of agents, in queues of their own, one of them by skills.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.center.rules import Center, CenterConfig
from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.settings import parse_settings
from tests.bench.harness import machine

ORDERS = ("longest_idle", "weighted", "round_robin", "fewest_calls", "by_skill", "ring_all")
QUEUES = [f"q{number}" for number in range(10)]
LANGUAGES = ("german", "french", "dutch", "danish", "polish")
MONDAY = 1_767_600_000.0


def configuration(agents: int) -> CenterConfig:
    """Agents with one to three languages; routes that nobody matches before those that somebody does."""
    lines = ["agents:"]
    chance = random.Random(1)
    for number in range(agents):
        queues = chance.sample(QUEUES, 2)
        skills = {name: chance.randint(1, 10) for name in chance.sample(LANGUAGES, chance.randint(1, 3))}
        lines.append(
            f"  a{number}: {{phones: 'sip:a{number}@host', queues: {json.dumps(queues)}, skills: {json.dumps(skills)},"
            f" wrap_up: 15s, missed_calls: 0, channels: {{chat: 4}}}}"
        )
    lines.append("queues:")
    for number, name in enumerate(QUEUES):
        lines.append(f"  {name}: {{order: {ORDERS[number % len(ORDERS)]}, sticky: 30d, join_when_empty: always}}")
    lines.append("routes:")
    lines += [f"  - {{when: [{{fact: profile.tier, is: t{n}}}], queue: q{n % 10}}}" for n in range(100)]
    return CenterConfig.of(parse_settings("\n".join(lines), None, {}))


class Show:
    """The outside of the centre."""

    def __init__(self, agents: int, waiting: int) -> None:
        self.config = configuration(agents)
        self.now = 0.0
        self.center = Center(self.config, 0.0, MONDAY)
        self.waiting = waiting
        self.random = random.Random(2)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.count = itertools.count()
        self.in_queue: set[str] = set()

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self.agenda, (self.now + seconds, next(self.count), what))

    def tell(self, event: told.Event) -> None:
        """One event, timed."""
        began = time.thread_time()
        self.center.receive(event, self.now)
        decided = self.center.decisions()
        self.center.next_timer()
        self.times[type(event).__name__].append(time.thread_time() - began)
        for decision in decided:
            self.do(decision)

    def do(self, decision: said.Decision) -> None:
        """What the outside makes of it."""
        match decision:
            case said.Offer():
                number, mood = decision.offer, self.random.random()
                if mood < 0.85:
                    self.at(self.random.uniform(1, 8), lambda: self.tell(told.OfferAnswered(number)))
                elif mood < 0.95:
                    self.at(self.random.uniform(1, 5), lambda: self.tell(told.OfferFailed(number, "declined")))
            case said.Connect():
                number = decision.offer
                self.in_queue.discard(decision.caller)
                self.at(self.random.expovariate(1 / 120), lambda: self.tell(told.CallOver(number)))
            case said.Left():
                self.in_queue.discard(decision.caller)

    def join(self) -> None:
        """A new caller."""
        name = f"c{next(self.count)}"
        self.in_queue.add(name)
        tags = (
            [f"skill:{self.random.choice(LANGUAGES)}:{self.random.randint(1, 6)}"] if self.random.random() < 0.5 else []
        )
        facts = {"from": name, "tags": tags, "profile": {"tier": f"t{self.random.randint(80, 140)}"}}
        queue = self.random.choice([None, None, *QUEUES])
        self.tell(
            told.CallerJoined(name, facts, queue, self.random.choice([None, 3, 8]), person=f"p{hash(name) % 5000}")
        )
        if self.random.random() < 0.2:
            self.at(self.random.uniform(60, 400), lambda: name in self.in_queue and self.tell(told.CallerLeft(name)))

    def run(self, seconds: float) -> None:
        """Let time pass; the queues are kept as full as they are to be."""
        end = self.now + seconds
        while self.now < end:
            while len(self.in_queue) < self.waiting:
                self.join()
            timer, first = self.center.next_timer(), self.agenda[0][0] if self.agenda else end
            self.now = max(self.now, min(first, end, timer if timer is not None else end))
            if timer is not None and timer <= self.now:
                self.tell(told.Tick())
            while self.agenda and self.agenda[0][0] <= self.now:
                heapq.heappop(self.agenda)[2]()


def timed(show: Show, label: str, work: Callable[[], object], times: int = 20) -> None:
    """Something that is asked, some times."""
    for _ in range(times):
        began = time.thread_time()
        work()
        show.times[label].append(time.thread_time() - began)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1200.0)
    options = parser.parse_args()
    show = Show(options.agents, options.waiting)
    for name in show.config.agents:
        show.center.receive(told.PhoneState(name, True), 0.0)
    show.center.decisions()
    show.run(60)  # until all have something to do
    show.times.clear()
    gc.collect()
    gc.freeze()
    gc.disable()  # the daemon lets it run between events
    show.run(options.seconds)
    facts = {"from": "x", "tags": ["skill:german:3"], "profile": {"tier": "t95"}}
    decisions = [each for kind in show.times.values() for each in kind]
    timed(show, "explain", lambda: show.center.explain(facts))
    timed(show, "figures", show.center.figures)
    timed(show, "callers", show.center.callers)
    timed(show, "snapshot (agents, queues)", lambda: show.center.snapshot(frozenset({"agents", "queues"})))
    for _ in range(5):
        show.tell(told.Configured(show.config))
    print(machine())
    print(f"{options.agents} agents, {options.waiting} waiting, {options.seconds:.0f} s of virtual time")
    print("| | times | median µs | p99 µs | worst ms |\n|---|---|---|---|---|")
    rows = [("**all events**", decisions), *sorted(show.times.items())]
    for label, values in rows:
        values = sorted(values)
        p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
        median, worst = statistics.median(values) * 1e6, values[-1] * 1e3
        print(f"| {label} | {len(values):,} | {median:.0f} | {p99 * 1e6:.0f} | {worst:.2f} |")


if __name__ == "__main__":
    main()
