"""Who waits, and what the record of his call and the feed are told of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from ivr.center.rules import decisions as told
from ivr.flow import ports

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall
    from ivr.call.report import CallReport
    from ivr.call.services import Services
    from ivr.center.offering import Offering

__all__ = ["Books", "Waiting"]


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller from `JoinQueue` to `QueueDone`."""

    call: FlowCall
    """His."""
    command: ports.JoinQueue
    """What his flow wants."""
    joined_at: float
    """When, on the clock of the calls."""
    name: str = field(init=False)
    """By which the centre knows him: the id of the call."""
    queue: str = ""
    """Where he waits; empty before the centre has said so."""
    offers: list[int] = field(default_factory=list)
    """Numbers of those made for him."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """What became of them, for the record."""
    talk: Offering | None = None
    """Whom he talks to."""
    waited: float = 0.0
    """Seconds until an agent answered, or he left."""
    outcome: str = ""
    """How it went, once that is known."""
    text: str = ""
    """Why."""
    message: Any = None
    """What he is told first (`ivr.settings.Sound`)."""
    callback: str = ""
    """Id of the call back that keeps his place."""
    disposition: str = ""
    """As the agent has given it while he talked."""

    def __post_init__(self) -> None:
        self.name = self.call.report.id

    @property
    def given_away(self) -> bool:
        """He talks to somebody whom the agent has transferred him to."""
        return self.talk is not None and self.talk.given_away

    def done(self, talked: float) -> ports.QueueDone:
        """The end, for his flow."""
        outcome = "cancelled" if self.outcome == "abandoned" else self.outcome
        return ports.QueueDone(
            self.command.id,
            cast(ports.QueueOutcome, outcome),
            self.queue,
            "" if self.talk is None else self.talk.agent,
            talked,
            self.waited,
            self.text,
            self.callback,
            self.message,
        )


class Books:
    """Writes it down. Secret values are in nothing of this, and digits in the packet alone, as the flow lets them be
    seen."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wrapping: dict[str, told.StatusChanged] = {}
        """Agents who wrap up, and since what."""
        self._handed: WeakValueDictionary[str, CallReport] = WeakValueDictionary()
        """Of calls that agents talked to and that may go on, by their ids."""

    def joined(self, wait: Waiting, decision: told.Joined) -> None:
        """He waits."""
        wait.call.report.tell(
            "queue.joined",
            {
                "queue": decision.queue,
                "position": decision.position,
                "estimate": decision.estimate,
                "priority": decision.priority,
                "route": decision.route,
                "origin": wait.command.origin,
            },
        )

    def offered(self, wait: Waiting, decision: told.Offer) -> None:
        """An agent's phones are about to ring for him."""
        now = self._services.clock()
        wait.history.append(
            {"agent": decision.agent, "offer": decision.offer, "at": now, "outcome": "offered", "seconds": 0.0}
        )
        self._tell_agent("agent.offered", wait, decision.agent, now - wait.joined_at)

    def withdrawn(self, wait: Waiting, offering: Offering, reason: str) -> None:
        """They ring no more."""
        self._became(wait, offering.offer, reason)

    def missed(self, decision: told.Missed, wait: Waiting | None) -> None:
        """The agent did not take it."""
        found = {"agent": decision.agent, "queue": decision.queue, "reason": decision.reason}
        if wait is None:
            self._services.feed.tell("agent.missed", {**found, "in_a_row": decision.in_a_row}, decision.caller)
            return
        self._became(wait, decision.offer, decision.reason)
        wait.call.report.tell("agent.missed", {**found, "in_a_row": decision.in_a_row})

    def answered(self, wait: Waiting, offering: Offering) -> None:
        """The two talk."""
        self._became(wait, offering.offer, "answered")
        self._tell_agent("agent.answered", wait, offering.agent, wait.waited)

    def left(self, wait: Waiting, talked: float) -> None:
        """He is in the queue no more, and talks to no agent."""
        agent = "" if wait.talk is None else wait.talk.agent
        if wait.talk is None and not wait.waited:
            wait.waited = self._services.clock() - wait.joined_at
        found = {
            "queue": wait.queue,
            "outcome": wait.outcome,
            "agent": agent,
            "waited": round(wait.waited, 3),
            "talk_time": round(talked, 3),
        }
        if wait.text:
            found["reason"] = wait.text
        if wait.disposition:
            found["disposition"] = wait.disposition
        offers = [{name: one[name] for name in ("agent", "outcome", "seconds")} for one in wait.history]
        ended = self._services.wall()
        more = {"target": f"queue:{wait.queue}", "offers": offers, "ended_at": ended}
        wait.call.report.handed_over({**more, **found})
        if agent:
            self._handed[wait.name] = wait.call.report
        wait.call.report.tell("queue.left", found)

    def status(self, decision: told.StatusChanged) -> None:
        """What an agent is, or does, has changed."""
        feed = self._services.feed
        wrapped = self._wrapping.get(decision.agent)
        if wrapped is not None and decision.phase != "wrapping":
            del self._wrapping[decision.agent]
            feed.tell("agent.wrapped", {"agent": decision.agent, "queue": wrapped.queue}, wrapped.caller or None)
        elif decision.phase == "wrapping":
            self._wrapping[decision.agent] = decision
        found = {
            "agent": decision.agent,
            "status": decision.status,
            "group": decision.group,
            "phase": decision.phase,
            "queue": decision.queue,
            "reason": decision.reason,
            "by": decision.by,
        }
        feed.tell("agent.status", found, decision.caller or None)

    def disposed(self, decision: told.Disposed, wait: Waiting | None) -> None:
        """An agent has said how a conversation ended, or will end: the record of a call that goes on has it, too."""
        if wait is not None and wait.talk is not None and wait.talk.agent == decision.agent:
            wait.disposition = decision.disposition
        elif (report := self._handed.get(decision.caller)) is not None:
            report.disposed(decision.agent, decision.disposition)

    def _became(self, wait: Waiting, offer: int, outcome: str) -> None:
        """The first that is said of an offer counts."""
        for one in reversed(wait.history):
            if one["offer"] == offer:
                if one["outcome"] == "offered":
                    one["outcome"] = outcome
                    one["seconds"] = round(self._services.clock() - one["at"], 3)
                return

    def _tell_agent(self, what: str, wait: Waiting, agent: str, waited: float) -> None:
        found: Mapping[str, Any] = {
            "agent": agent,
            "queue": wait.queue,
            "waited": round(waited, 3),
            "origin": wait.command.origin,
            "packet": wait.command.packet,
        }
        wait.call.report.tell(what, found)
