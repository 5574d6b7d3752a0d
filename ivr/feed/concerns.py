"""Whom an event concerns: the agents whose call it is, and the queue that the call is in. Pure.

An agent has a call from the moment it rings for him; who did not take it then has it no more. Who talked to the caller
has it to its end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NOBODY", "Concern", "Concerns"]

MAX_CALLS = 20_000
"""In queues, or with agents, at once; several times what a daemon takes. The oldest is forgotten first."""
ENDED_KEPT = 1000
"""Calls that are over: the last recording of one may be told of after its end."""
HAS = ("ringing", "in_call", "wrapping")
"""What an agent does who has a call."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom something concerns."""

    agents: frozenset[str] = frozenset()
    """Agents who have the call, or whom it is about."""
    queue: str = ""
    """Queue that it is about, or that the call waits in."""


NOBODY = Concern()


@dataclass(slots=True)
class _Place:
    agents: set[str] = field(default_factory=set)
    queue: str = ""


class Concerns:
    """Follows calls from event to event."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._ended: OrderedDict[str, Concern] = OrderedDict()
        self._ringing: dict[str, str] = {}
        """Calls that ring for agents who do not talk to the caller yet."""

    def of_call(self, call: str) -> Concern:
        """Whom a call concerns now, by its id."""
        place = self._places.get(call)
        if place is None:
            return self._ended.get(call, NOBODY)
        return Concern(frozenset(place.agents), place.queue)

    def note(self, type_: str, data: Mapping[str, Any], call: str | None) -> Concern:
        """Something has happened; whom it concerns."""
        about_agent = type_.startswith("agent.") or type_ == "queue.left"
        agent = str(data.get("agent") or "") if about_agent else ""  # of `ai.started` it is no person
        queue = str(data.get("queue") or "")
        if type_ == "agent.status" and data.get("phase") not in HAS:
            self._rings_no_more(agent)
        if call is None:
            return Concern(frozenset((agent,)) if agent else frozenset(), queue)
        self._begins(type_, data, call, agent, queue)
        found = self.of_call(call)
        self._ends(type_, call, agent, found)
        return Concern(found.agents | {agent} if agent else found.agents, queue or found.queue)

    def _begins(self, type_: str, data: Mapping[str, Any], call: str, agent: str, queue: str) -> None:
        if type_ == "queue.joined":
            self._place(call).queue = queue
        elif type_ in ("agent.offered", "agent.answered") or (type_ == "agent.status" and data.get("phase") in HAS):
            self._place(call).agents.add(agent)
            if type_ == "agent.answered" or data.get("phase", "ringing") != "ringing":
                self._ringing.pop(agent, None)
            else:
                self._ringing[agent] = call
        elif type_ == "call.forwarded" and str(data.get("target") or "").startswith("agent:"):
            self._place(call).agents.add(str(data["target"]).removeprefix("agent:"))

    def _ends(self, type_: str, call: str, agent: str, found: Concern) -> None:
        place = self._places.get(call)
        if place is None:
            return
        if type_ == "agent.missed":
            self._rings_no_more(agent)
        elif type_ == "queue.left":
            place.queue = ""
        elif type_ == "call.ended":
            del self._places[call]
            self._ended[call] = found
            if len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
        self._drop_empty(call)

    def _rings_no_more(self, agent: str) -> None:
        """It was taken by another one, or by nobody."""
        call = self._ringing.pop(agent, "")
        if call in self._places:
            self._places[call].agents.discard(agent)
            self._drop_empty(call)

    def _drop_empty(self, call: str) -> None:
        place = self._places.get(call)
        if place is not None and not (place.agents or place.queue):
            del self._places[call]

    def _place(self, call: str) -> _Place:
        self._ended.pop(call, None)
        place = self._places.get(call)
        if place is None:
            place = self._places[call] = _Place()
            if len(self._places) > MAX_CALLS:
                self._places.popitem(last=False)
        return place
