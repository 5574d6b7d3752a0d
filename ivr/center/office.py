"""What people do with the contact centre: agents choose what they are, managers look and change. Everything goes
through the one writer of the centre; what its rules refuse is refused here, with their sentence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from ivr.center.missed import MissedCalls
from ivr.center.roster import Roster, TakenError, UnknownError
from ivr.center.rules.center import Center
from ivr.center.rules.config import CenterConfig
from ivr.center.rules.decisions import Decision, Missed, StatusChanged
from ivr.center.rules.events import (
    AgentStatus,
    CallbackCancelled,
    ConsoleState,
    Disposition,
    Event,
    WrapUpDone,
)
from ivr.settings import DEFAULT_QUEUE, Agent, Queue, Route, Settings

__all__ = ["CenterDesk", "Office"]

log = logging.getLogger("ivr.center")


class CenterDesk(Protocol):
    """The live side of the centre: :class:`ivr.center.desk.Desk`."""

    listeners: list[Callable[[Decision], None]]
    """Hear of every decision once it is carried out."""

    @property
    def center(self) -> Center:
        """The rules as of now, to be looked at; changed by :meth:`receive` alone."""

    def receive(self, event: Event) -> None:
        """Tell the centre, and carry out what it decides."""

    def configure(self, settings: Settings) -> None:
        """Agents, queues and routes are these from now on."""

    def packet(self, caller: str) -> Mapping[str, Any] | None:
        """What the agent of a caller is told, the hand-over packet; None where he is not here. Callers are named by
        the ids of their calls."""

    def named_call(self, agent: str) -> dict[str, Any] | None:
        """The call that was forwarded or transferred to an agent by name, that rings for him or that he has; None:
        there is none."""

    def named_agents(self, call: str) -> Collection[str]:
        """Agents for whom a call rings, or who have it, because they were called by name."""


class Office:
    """One for all who ask."""

    def __init__(self, desk: CenterDesk, roster: Roster, missed: MissedCalls | None = None) -> None:
        self._desk = desk
        self._roster = roster
        self.missed = MissedCalls(time.time) if missed is None else missed
        """Calls that agents did not take."""
        roster.changed = self._changed
        desk.listeners.append(self._decided)
        self._consoles: dict[str, int] = {}
        self.on_change: list[Callable[[Settings], None]] = []
        """Hear of every change of agents, queues and routes."""

    @property
    def settings(self) -> Settings:
        """As they hold now."""
        return self._roster.settings

    @property
    def roster(self) -> Roster:
        """Agents, queues and routes as they hold now; changed through the methods here."""
        return self._roster

    @property
    def center(self) -> Center:
        """The rules as of now, to be looked at; asked for anew for each look."""
        return self._desk.center

    def _changed(self, settings: Settings) -> None:
        self._desk.configure(settings)
        for tell in self.on_change:
            tell(settings)

    def _decided(self, decision: Decision) -> None:
        if isinstance(decision, Missed):
            self.missed.add(decision, self._short_id(decision.caller))
        # However he came to be logged out: a phone that he has taken is nobody's again; and logged in: he has his own.
        if not isinstance(decision, StatusChanged) or not decision.reason:
            return
        if decision.group == "unavailable":
            self._roster.take_desk(decision.agent, None)
        else:
            self._roster.give_back(decision.agent)

    # What agents do, and managers for them

    def set_status(self, agent: str, status: str, by: str) -> None:
        """An agent is something else from now on."""
        self._agent(agent)
        self._do(AgentStatus(agent, status, by))

    def log_in(self, agent: str, by: str, phone: str | None = None) -> None:
        """An agent begins to work, at a phone that is his from now on where one is named."""
        self._agent(agent)
        event = AgentStatus(agent, "available", by)
        if phone is not None:
            if phone not in self.settings.phones:
                raise UnknownError(f"there is no phone {phone}")
            self._may_take(agent, phone)
            self._allowed(event)
            self._roster.take_desk(agent, phone)
        self._do(event)

    def _may_take(self, agent: str, phone: str) -> None:
        """Raise where an agent may not log in at a phone."""
        at = self.agent_at(phone)
        if at is not None and at != agent and self.is_logged_in(at):
            raise TakenError(f"{at} is logged in at the phone {phone}")
        owner, shared = self._roster.owner(phone), self.settings.phones[phone].hot_desk
        if owner == agent or shared or (shared is None and owner is None):
            return
        whose = f"is {owner}'s" if owner is not None else "is no agent's"
        raise TakenError(f"the phone {phone} {whose}; phones.{phone}.hot_desk does not allow others to log in there")

    def log_out(self, agent: str, by: str) -> None:
        """He ends his work; a phone that he has taken is nobody's again."""
        self.set_status(agent, "unavailable", by)

    def pause(self, agent: str, by: str) -> None:
        """He is away."""
        self._logged_in(agent)
        self._do(AgentStatus(agent, "away", by))

    def resume(self, agent: str, by: str) -> None:
        """He is back; wrapping up is over."""
        self._logged_in(agent)
        self._do(AgentStatus(agent, "available", by))
        if self.center.objection(WrapUpDone(agent)) is None:
            self._do(WrapUpDone(agent))

    def wrapped(self, agent: str) -> None:
        """He has finished wrapping up."""
        self._agent(agent)
        self._do(WrapUpDone(agent))

    def dispose(self, agent: str, disposition: str, by: str) -> None:
        """He says how his last conversation ended."""
        self._agent(agent)
        if disposition not in self.settings.dispositions:
            raise UnknownError(f"there is no disposition {disposition}")
        self._do(Disposition(agent, disposition, by))

    def console(self, agent: str, opened: bool) -> None:
        """A console of an agent is opened or closed; several count as one."""
        if agent not in self.settings.agents:
            return
        count = self._consoles[agent] = max(0, self._consoles.get(agent, 0) + (1 if opened else -1))
        if count == opened:
            self._desk.receive(ConsoleState(agent, count > 0))

    def agent_at(self, phone: str) -> str | None:
        """Whose phone it is now; None: nobody's."""
        agents = self.settings.agents
        return next((name for name, agent in agents.items() if agent.enabled and phone in agent.phones), None)

    def is_logged_in(self, agent: str) -> bool:
        """Whether his status lets calls come to him at all."""
        return self.center.logged_in(agent)

    def to_dispose(self, agent: str) -> Sequence[str] | None:
        """Names of the dispositions that his last conversation may be given; None: he has had none."""
        return self.center.dispositions(agent)

    def _agent(self, name: str) -> Agent:
        found = self.settings.agents.get(name)
        if found is None:
            raise UnknownError(f"there is no agent {name}")
        return found

    def _logged_in(self, name: str) -> None:
        self._agent(name)
        if not self.is_logged_in(name):
            raise TakenError(f"{name} is logged out")

    def _do(self, event: Event) -> None:
        self._allowed(event)
        self._desk.receive(event)

    def _allowed(self, event: Event) -> None:
        objection = self.center.objection(event)
        if objection is not None:
            raise TakenError(objection)

    # Call backs

    def cancel_callback(self, callback: str, by: str) -> None:
        """Nobody is to be called back."""
        if all(row["callback"] != callback for row in self.callbacks()):
            raise UnknownError(f"there is no call back {callback}")
        self._do(CallbackCancelled(callback, by))

    def callbacks(self, queue: str | None = None) -> list[dict[str, Any]]:
        """Call backs that keep their places, in order."""
        return [row for row in self._rows(queue) if row.get("callback")]

    # What agents are told

    def call_of(self, agent: str) -> dict[str, Any] | None:
        """The call that an agent has, or that rings for him, with the hand-over packet; None where he has none."""
        self._agent(agent)
        row = self.center.caller_of(agent)
        packet = None if row is None else self._desk.packet(row["caller"])
        if row is None or packet is None:
            return self._desk.named_call(agent)
        return {**row, "short_id": _short_id(packet), "packet": dict(packet)}

    def packet_of(self, call: str) -> dict[str, Any] | None:
        """The hand-over packet of a call that a queue has, by id or short id; None where no queue has it."""
        packet = self._desk.packet(self._call(call))
        return None if packet is None else dict(packet)

    def agents_of(self, call: str) -> Sequence[str]:
        """Agents for whom a call rings, or who have it, by id or short id."""
        row = self.center.caller(self._call(call))
        return [] if row is None else list(row["agents"])

    def calls_by_name(self, agent: str, call: str) -> bool:
        """Whether a call, by id, that was forwarded or transferred to an agent himself rings for him, or he has it."""
        return agent in self._desk.named_agents(call)

    def _rows(self, queue: str | None = None) -> list[dict[str, Any]]:
        """Who is in the queues, with the short ids of their calls."""
        return [{**row, "short_id": self._short_id(row["caller"])} for row in self.center.callers(queue)]

    def _short_id(self, call: str) -> int | None:
        packet = self._desk.packet(call) if call else None
        return None if packet is None else _short_id(packet)

    def _call(self, name: str) -> str:
        """Id of a call that a queue has, by its short id too; what is neither stays as it is."""
        if not name.isdecimal():
            return name
        return next((caller for caller in self.center.names() if str(self._short_id(caller)) == name), name)

    def callers(self, queue: str) -> list[dict[str, Any]]:
        """Who is in a queue, in order, as `Center.callers` has it, with `short_id` of their calls."""
        self.queue(queue)
        return self._rows(queue)

    def queue(self, name: str) -> Queue:
        """A queue by name."""
        found = self.settings.queues.get(name)
        if found is None:
            raise UnknownError(f"there is no queue {name}")
        return found

    def pool(self, queue: str) -> Sequence[str]:
        """Enabled agents of a queue."""
        return self.center.pool(queue)

    def standing(self, queue: str) -> tuple[int, int] | None:
        """Agents of a queue who could take a call at once besides those for whom callers wait, and callers who wait
        besides those; None: there is no such queue."""
        return (self.center.free_agents(queue), 0) if queue in self.settings.queues else None

    def explain(self, facts: Mapping[str, Any], **wishes: Any) -> dict[str, Any]:
        """What would become of a caller who joined now; wishes as of :meth:`Center.explain`."""
        return self.center.explain(facts, **wishes).json()

    def explain_call(self, call: str) -> dict[str, Any]:
        """Why a call that a queue has, by id or short id, is where it is."""
        found = self.center.explain_caller(self._call(call))
        if found is None:
            raise UnknownError("no queue has this call")
        return found.json()

    # Changes

    async def put_agent(self, name: str, agent: Agent, may: Callable[[], None] = lambda: None) -> bool:
        """Make or change an agent; True where he is new. His code is digits, and kept as a hash of them. `may` raises
        where he is not to be changed any more: it is asked last."""
        coded = await asyncio.to_thread(self._roster.coded(name, agent))
        may()
        return self._roster.put_agent(name, coded)

    def put_queue(self, name: str, queue: Queue) -> bool:
        """Make or change a queue; True where it is new."""
        return self._roster.put_queue(name, queue)

    def put_route(self, name: str, route: Route) -> bool:
        """Make or change a route; True where it is new."""
        return self._roster.put_route(name, route)

    def drop_agent(self, name: str) -> None:
        """Delete an agent who has no call."""
        self._agent(name)
        if self.center.caller_of(name) is not None:
            raise TakenError(f"{name} has a call")
        self._roster.drop_agent(name)
        self.missed.forget(name)

    def drop_queue(self, name: str) -> None:
        """Delete a queue in which nobody is."""
        self.queue(name)
        if name != DEFAULT_QUEUE and (here := self.center.callers(name)):
            raise TakenError(f"{len(here)} callers are in the queue {name}")
        self._roster.drop_queue(name)

    def drop_route(self, name: str) -> None:
        """Delete a route."""
        self._roster.drop_route(name)

    def order_routes(self, names: Sequence[str]) -> None:
        """Try routes in this order."""
        self._roster.order_routes(names)

    def look_ahead(self, settings: Settings) -> None:
        """ConfigError where the centre's sections of another reading of ivr.yaml cannot come into force."""
        self._roster.look_ahead(settings, self._objections)

    def reload(self, settings: Settings) -> None:
        """Take the centre's sections of another reading of ivr.yaml; ConfigError, and nothing has changed."""
        self._roster.reload(settings, self._objections)
        held = self.settings
        log.info("%d agents, %d queues, %d routes are in force", len(held.agents), len(held.queues), len(held.routes))

    def _objections(self, merged: Settings) -> Sequence[str]:
        return self.center.losses(CenterConfig.of(merged))


def _short_id(packet: Mapping[str, Any]) -> int | None:
    found: int | None = packet["call"].get("short_id")
    return found
