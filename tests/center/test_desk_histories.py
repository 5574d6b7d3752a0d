"""Random histories of the live side: callers and agents do what they like, at any moment, and in the end the records,
the figures and what was told agree, and nobody is stuck."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kit.house import Party
from tests.kit.queue_house import QueueHouse, desk_flow

AGENTS = {
    "anna": "200, wrap_up: 3s, missed_calls: 0",
    "ben": "201, missed_calls: 0",
    "carl": "202, wrap_up: 1s, missed_calls: 2",
}
STEPS = 120
WEIGHTS = {
    "calls": 4,
    "leaves": 1,
    "answers": 6,
    "refuses": 1,
    "hangs_up": 3,
    "whispered": 2,
    "chooses": 1,
    "unregisters": 1,
    "loses": 1,
    "both": 1,
}
"""What happens, and how often."""
ORDERS = ("longest_idle", "ring_all", "round_robin", "fewest_calls", "by_skill", "weighted")


class History:
    """One of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        order = ORDERS[seed % len(ORDERS)]
        fields = "whisper: {text: A call.}" if seed % 3 == 0 else ""
        queue = f"{{order: {order}, ring_timeout: 5s, join_when_empty: always, sticky: ever}}"
        flows = {"main": desk_flow("100", fields)}
        self.house = QueueHouse(folder, flows, AGENTS, queue=queue)
        self.phones = {f"20{n}": self.house.phone(f"20{n}", (f"192.0.2.2{n}", 5060)) for n in range(3)}
        self.callers: list[Party] = []

    def step(self) -> None:
        """Something happens, and some time passes."""
        does = self.chance.choices(*zip(*WEIGHTS.items(), strict=True))[0]
        getattr(self, does)()
        if self.chance.random() < 0.8:
            self.house.run(self.chance.choice([0.0, 0.011, 0.1, 1.0, 6.0]))

    def calls(self) -> None:
        """A caller comes."""
        if len(self.callers) < 40:
            caller = self.house.party((f"192.0.2.{100 + len(self.callers)}", 5060))
            self.callers.append(caller)
            caller.call("100")

    def leaves(self) -> None:
        """A caller hangs up, if he has not yet."""
        if self.callers:
            self.chance.choice(self.callers).session.hangup(self.house.now)

    def ringing(self) -> list[tuple[Party, Any]]:
        """What rings at the agents' phones, in any order."""
        found = [
            (phone, session)
            for phone in self.phones.values()
            for session in phone.calls
            if not session.ended and session.state.value != "confirmed"
        ]
        self.chance.shuffle(found)
        return found

    def answers(self) -> None:
        """An agent's phone takes what rings there."""
        for phone, session in self.ringing()[:1]:
            phone.answer(session)

    def refuses(self) -> None:
        for _, session in self.ringing()[:1]:
            session.reject(self.chance.choice([480, 486, 603, 500, 404]), self.house.now)

    def hangs_up(self) -> None:
        """An agent hangs up a talk."""
        phone = self.chance.choice(list(self.phones.values()))
        for session in phone.calls:
            if not session.ended and session.state.value == "confirmed":
                session.hangup(self.house.now)

    def whispered(self) -> None:
        """Whispers are over."""
        for port in self.house.pool.ports:
            if port.heard() == ["A call."]:
                port.played()

    def chooses(self) -> None:
        """An agent chooses a status."""
        status = self.chance.choice(["available"] * 5 + ["busy", "away", "unavailable"])
        self.house.choose(self.chance.choice(list(AGENTS)), status)

    def unregisters(self) -> None:
        """A phone is gone, and another one, or the same, comes back."""
        user = self.chance.choice(list(self.phones))
        if self.chance.random() < 0.2:
            self.house.unregister(user)
        else:
            self.house.register(user, self.phones[user].address)

    def loses(self) -> None:
        """A media worker dies: some ports with it."""
        ports = [port for port in self.house.pool.ports if not port.released]
        if ports and self.chance.random() < 0.3:
            self.chance.choice(ports).lose()

    def both(self) -> None:
        """The caller leaves in the moment in which somebody answers."""
        self.leaves()
        self.answers()

    def end(self) -> None:
        """Everybody goes home."""
        for caller in self.callers:
            caller.session.hangup(self.house.now)
        self.house.run(10.0)


@pytest.mark.parametrize("seed", range(12))
def test_nobody_is_lost_and_nobody_is_stuck(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for _ in range(STEPS):
        history.step()
    history.end()
    house = history.house
    house.settled()
    records = house.books.calls
    assert len(records) == len(history.callers)
    hand_offs = [hand_off for record in records for hand_off in record.hand_offs]
    assert all(len(record.hand_offs) == 1 for record in records)
    outcomes = Counter(hand_off["outcome"] for hand_off in hand_offs)
    told = Counter(event["outcome"] for event in house.of("queue.left"))
    assert told == outcomes
    total = house.desk.center.figures()["queues"]["default"]["total"]
    assert total["offered"] == len(records)
    assert total["answered"] == outcomes["forwarded"]
    assert total["abandoned"] == outcomes["abandoned"]
    offers = Counter(offer["outcome"] for hand_off in hand_offs for offer in hand_off["offers"])
    assert offers["offered"] == 0
    assert total["rings"] == offers.total()
    assert len(house.of("agent.answered")) == outcomes["forwarded"] == offers["answered"]
