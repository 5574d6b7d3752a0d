"""What an agent may see whose token is good for no more than his own matters: his calls whole, those that wait in his
queues with their numbers masked, nothing of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ivr.feed import Concern, Concerns, FeedEvent

__all__ = ["HIDDEN", "Sight", "was_his"]

HIDDEN = "xxxx"
"""In place of numbers and of what callers brought along."""
NUMBERS = frozenset({"from", "to", "caller", "called", "number", "target", "packet", "origin", "party"})
"""What tells who calls, or what is known of him, in events and in rows of calls."""
OF_QUEUES = ("queue.", "callback.", "call.")
"""Begin the types of events that whoever serves a queue hears of the calls in it."""


class Sight:
    """Decides for all tokens of agents."""

    def __init__(
        self,
        concerns: Concerns,
        pool: Callable[[str], Collection[str]],
        by_name: Callable[[str, str], bool] = lambda agent, call: False,
    ) -> None:
        """`pool` has the agents of a queue; none where there is no such queue. `by_name` says of an agent and the id of
        a call whether that is his because it was transferred to himself."""
        self._concerns = concerns
        self._by_name = by_name
        self._pool = pool
        self._pools: dict[str, frozenset[str]] = {}

    def forget(self) -> None:
        """Agents or queues have changed."""
        self._pools.clear()

    def serves(self, agent: str, queue: str) -> bool:
        """Whether an agent is one of those of a queue."""
        pool = self._pools.get(queue)
        if pool is None:
            pool = self._pools[queue] = frozenset(self._pool(queue)) if queue else frozenset()
        return agent in pool

    def event(self, agent: str, event: FeedEvent, shown: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """An event as the agent may hear it; `shown` is all of it; None: it does not concern him."""
        told = event.data.get("agent")
        if event.type.startswith("agent."):
            return shown if told == agent else None
        if agent in event.concerns.agents or (event.call is not None and self._by_name(agent, event.call)):
            return shown
        if event.type.startswith(OF_QUEUES) and self.serves(agent, event.concerns.queue):
            return {**shown, "data": masked(shown["data"])}
        return None

    def row(self, agent: str, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A row of a call in progress as the agent may see it; None: it does not concern him."""
        concern = self.of_call(str(row["id"]))
        if self.has(agent, str(row["id"])):
            return row
        return masked(row) if self.serves(agent, concern.queue) else None

    def has(self, agent: str, call: str) -> bool:
        """Whether a call in progress is an agent's, by its id."""
        return agent in self.of_call(call).agents or self._by_name(agent, call)

    def of_call(self, call: str) -> Concern:
        """Whom a call in progress concerns, by its id."""
        return self._concerns.of_call(call)


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without numbers, and without what is known of the caller."""
    return {
        name: (dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN)
        if name in NUMBERS and value is not None
        else value
        for name, value in values.items()
    }


def was_his(agent: str, hand_offs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an agent has talked to the caller, by the hand-offs of the call's record."""
    return any(
        found.get("target") == f"agent:{agent}"
        or (found.get("agent") == agent and str(found.get("target") or "").startswith("queue:"))
        for found in hand_offs
    )
