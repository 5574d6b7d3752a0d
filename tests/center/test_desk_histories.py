"""Random histories of the live side: callers and agents do what they like, at any moment, and in the end the records,
the figures and what was told agree, and nobody is stuck."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ivr.center.asking import Asking
from ivr.center.codes import Codes
from ivr.center.office import Office
from ivr.center.roster import Roster
from ivr.center.rules.decisions import Decision, Disposed
from ivr.center.rules.offering import ASKED_SECONDS
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
    "presses": 6,
    "hears_out": 2,
    "reconfigures": 1,
}
"""What happens, and how often."""
ORDERS = ("longest_idle", "ring_all", "round_robin", "fewest_calls", "by_skill", "weighted")


class History:
    """One of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        order = ORDERS[seed % len(ORDERS)]
        fields = "whisper: {text: A call.}" if seed % 3 == 0 else ""
        asks = '{keys: "**"}' if seed % 2 else "{after_call: true}"
        queue = f"{{order: {order}, ring_timeout: 5s, join_when_empty: always, sticky: ever, ask_disposition: {asks}}}"
        flows = {"main": desk_flow("100", fields)}
        self.house = QueueHouse(folder, flows, AGENTS, queue=queue, more='dispositions: {sold: {code: "1"}}\n')
        self.roster = Roster(self.house.settings, {}, lambda kind, key, value: None)
        codes = Codes(Office(self.house.desk, self.roster), self.house.services.clock)
        self.house.desk.asking = Asking(self.house.services, codes)
        self.disposed = 0
        self.house.desk.listeners.append(self._decided)
        self.phones = {f"20{n}": self.house.phone(f"20{n}", (f"192.0.2.2{n}", 5060)) for n in range(3)}
        self.callers: list[Party] = []

    def _decided(self, decision: Decision) -> None:
        self.disposed += isinstance(decision, Disposed)

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

    def presses(self) -> None:
        """Somebody presses keys: an agent ends a talk, gives a disposition, or nothing of it."""
        ports = [port for port in self.house.pool.ports if not port.released]
        asked = [port for port in ports if any(text.startswith("What was") for text in port.heard())]
        if ports:
            port = self.chance.choice(asked or ports)
            for key in self.chance.choice(["**", "1", "9", "*"] if not asked else ["1", "1", "9", "*"]):
                self.house.press(key, port)

    def hears_out(self) -> None:
        """What agents are asked or told is over."""
        for port in self.house.pool.ports:
            if any(text.startswith(("What was", "sold", "There is no", "Enter")) for text in port.heard()):
                port.played()

    def reconfigures(self) -> None:
        """Agents are taken out or disabled, the order and the queue are others, or all is as it was."""
        file = self.house.settings
        kind = self.chance.choice(["none", "gone", "disabled", "order", "queue"])
        agents, queues = dict(file.agents), dict(file.queues)
        name = self.chance.choice(list(AGENTS))
        if kind == "gone":
            del agents[name]
        elif kind == "disabled":
            agents[name] = agents[name].model_copy(update={"enabled": False})
        elif kind == "order":
            queues["default"] = queues["default"].model_copy(update={"order": self.chance.choice(ORDERS)})
        elif kind == "queue":
            queues["other"] = queues["default"]
        self.roster.reload(file.model_copy(update={"agents": agents, "queues": queues}), lambda merged: [])

    def end(self) -> None:
        """Everybody goes home."""
        self.roster.reload(self.house.settings, lambda merged: [])
        for caller in self.callers:
            caller.session.hangup(self.house.now)
        self.house.run(ASKED_SECONDS + 10.0)


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
    for record in records:  # whose agent was lost waits again
        assert [one["outcome"] == "agent_lost" for one in record.hand_offs] == [
            *[True] * (len(record.hand_offs) - 1), record.hand_offs[-1]["outcome"] == "agent_lost"
        ]  # fmt: skip
    outcomes = Counter(hand_off["outcome"] for hand_off in hand_offs)
    offers = Counter(offer["outcome"] for hand_off in hand_offs for offer in hand_off["offers"])
    told = Counter(event["outcome"] for event in house.of("queue.left"))
    assert told == outcomes
    total = house.desk.center.figures()["queues"]["default"]["total"]
    assert total["offered"] == len(hand_offs)
    assert total["answered"] == outcomes["forwarded"] + outcomes["agent_lost"] == offers["answered"]
    assert total["lost"] == outcomes["agent_lost"]
    assert total["abandoned"] == outcomes["abandoned"]
    assert offers["offered"] == 0
    assert total["rings"] == offers.total()
    assert len(house.of("agent.answered")) == offers["answered"]
