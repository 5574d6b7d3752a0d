"""A contact centre without calls: the rules at work, with people and callers as a test says, over a real store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ivr.center.office import Office
from ivr.center.roster import Roster
from ivr.center.rules import Center, CenterConfig
from ivr.center.rules import decisions as told
from ivr.center.rules import events as happened
from ivr.settings import Settings
from ivr.store import Store

__all__ = ["TestDesk", "told_of"]

WALL = 1_772_442_000.0
"""Monday 2026-03-02, 09:00 UTC."""


def told_of(caller: str, short_id: int) -> dict[str, Any]:
    """The packet of a call that has done nothing but ask for an agent."""
    call = {"id": caller, "short_id": short_id, "from": "+4930111", "to": "100", "direction": "inbound", "line": "pbx"}
    more = {"channel": "voice", "started_at": "2026-03-02T09:00:00+00:00", "contact": "+4930111"}
    flow = {"name": "main", "version": "0123456789ab", "number": None, "element": "desk"}
    lists: dict[str, Any] = {name: [] for name in ("path", "inputs", "tags", "waits", "cut")}
    fields: dict[str, Any] = {name: {} for name in ("variables", "profile", "metadata")}
    return {"version": 1, "call": call | more, "flow": flow, "origin": "main", "ai": None, **lists, **fields}


class TestDesk:
    """In place of :class:`ivr.center.desk.Desk` (CenterDesk): nobody's phone rings, everybody's can."""

    __test__ = False

    def __init__(self, settings: Settings, store: Store) -> None:
        self.now = 1000.0
        self.store = store
        self.listeners: list[Callable[[told.Decision], None]] = []
        self.decisions: list[told.Decision] = []
        kept = store.center.load(store.node)
        self.roster = Roster(settings, kept, self.keep)
        self._center = Center(CenterConfig.of(self.roster.settings), self.now, WALL)
        self.office = Office(self, self.roster)
        self.packets: dict[str, dict[str, Any]] = {}
        self.named: dict[str, dict[str, Any]] = {}
        """Calls that were transferred to agents by name."""
        for name in self.roster.settings.agents:
            self.receive(happened.PhoneState(name, True))

    def keep(self, kind: str, key: str, value: Any) -> None:
        self.store.writer.center(self.store.node, kind, key, value, WALL + self.now)

    @property
    def center(self) -> Center:
        return self._center.at(self.now)

    def receive(self, event: happened.Event) -> None:
        self._center.receive(event, self.now)
        for decision in self._center.decisions():
            self.decisions.append(decision)
            for listener in self.listeners:
                listener(decision)

    def configure(self, settings: Settings) -> None:
        self.receive(happened.Configured(CenterConfig.of(settings)))
        for name in settings.agents:
            self.receive(happened.PhoneState(name, True))

    def packet(self, caller: str) -> Mapping[str, Any] | None:
        return self.packets.get(caller)

    def named_call(self, agent: str) -> dict[str, Any] | None:
        return self.named.get(agent)

    def named_agents(self, call: str) -> set[str]:
        return {agent for agent, found in self.named.items() if found["caller"] == call}

    # What tests do

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.receive(happened.Tick())

    def join(self, caller: str, queue: str | None = None, **facts: Any) -> None:
        self.packets[caller] = told_of(caller, 40 + len(self.packets))
        self.receive(happened.CallerJoined(caller, facts, queue))

    def last(self, kind: type[Any]) -> Any:
        """The newest decision of a kind."""
        return next(decision for decision in reversed(self.decisions) if type(decision) is kind)

    def talk(self, seconds: float = 30.0) -> str:
        """The agent who was offered a call takes it, talks and hangs up; who."""
        offer = self.last(told.Offer)
        self.receive(happened.OfferAnswered(offer.offer))
        self.pass_time(seconds)
        self.receive(happened.CallOver(offer.offer))
        return str(offer.agent)

    def write(self) -> None:
        """Have the store know everything."""
        self.store.writer.flush(10.0)
