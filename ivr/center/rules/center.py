"""The contact centre: one writer that is told what happens and decides what is to be done.

    center = Center(CenterConfig.of(settings), now=loop.time(), wall=time.time())
    center.restore(kept)
    center.receive(CallerJoined("c1", {"from": "+49301234"}), now)
    for decision in center.decisions(): ...
    wake at center.next_timer() and receive(Tick(), now)

`now` is seconds of a clock that nobody sets (the loop's); that on the wall is told by :class:`ClockSet` and counts for
hours, stickiness, reports and the expiry of call backs. Everything that is asked of the centre answers at once and
changes nothing but by :meth:`receive`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.center.rules.config import CenterConfig
    from ivr.center.rules.decisions import Decision
    from ivr.center.rules.events import Event
    from ivr.center.rules.explaining import Explanation

__all__ = ["Center"]


class Center:
    """Agents, queues and callers."""

    def __init__(self, config: CenterConfig, now: float, wall: float) -> None:
        """An empty centre whose agents have their first status and no phone that can be rung."""
        raise NotImplementedError

    def receive(self, event: Event, now: float) -> None:
        """Take in what has happened; `now` never goes back (an earlier one counts as the last one)."""
        raise NotImplementedError

    def decisions(self) -> list[Decision]:
        """What was decided since this was asked last, in order."""
        raise NotImplementedError

    def next_timer(self) -> float | None:
        """When a :class:`Tick` is needed at the latest; it may come for nothing. None: never."""
        raise NotImplementedError

    def objection(self, event: Event) -> str | None:
        """Why an event that a person causes would have no effect, as a sentence; None: it has one. Looks at
        :class:`AgentStatus` (no such agent or status), :class:`WrapUpDone`, :class:`Disposition`,
        :class:`CallbackCancelled` and :class:`CallbackKept`."""
        raise NotImplementedError

    def losses(self, config: CenterConfig) -> list[str]:
        """Why a configuration should be refused, as sentences: queues that it leaves out have calls in them."""
        raise NotImplementedError

    def unavailable(self, agent: str) -> str | None:
        """Why no call may be transferred to an agent (`agent:anna`), as a sentence; None: one may."""
        raise NotImplementedError

    def free_agents(self, queue: str) -> int:
        """Agents of a queue who would get a new call now, less those that waiting callers are about to get."""
        raise NotImplementedError

    def figures(self) -> dict[str, Any]:
        """The centre as it is now, as JSON: `queues` and `agents` by name; see :mod:`ivr.center.rules.figures`."""
        raise NotImplementedError

    def callers(self, queue: str | None = None) -> list[dict[str, Any]]:
        """Who is in the queues, in order, as JSON: `caller`, `queue`, `position` (null once an agent talks to him),
        `priority`, `state` (`waiting`, `ringing`, `talking`, `callback`, `calling_back`), `waited`, `agents` (who
        rings or talks), `route`, `estimate`; of a call back `callback` and `attempts`."""
        raise NotImplementedError

    def intervals(self, since: float = 0.0) -> list[dict[str, Any]]:
        """Quarters of an hour that are kept here and began at or after `since` (seconds since the epoch), as JSON like
        :class:`IntervalOver`; the one under way comes last."""
        raise NotImplementedError

    def explain(
        self,
        facts: Mapping[str, Any],
        *,
        queue: str | None = None,
        priority: int | None = None,
        sticky: str | None = None,
        person: str = "",
    ) -> Explanation:
        """What would become of a caller who joined now."""
        raise NotImplementedError

    def explain_caller(self, caller: str) -> Explanation | None:
        """Why somebody who waits or talks is where he is: the routes as they were looked at when he joined, the agents
        as they are now. None: he is not here."""
        raise NotImplementedError

    def snapshot(self, keys: frozenset[str] | None = None) -> dict[str, Any]:
        """What must outlive a restart, as JSON by key: statuses, who was served when, stickiness, figures, call backs.
        `keys`: only these."""
        raise NotImplementedError

    def changed(self) -> frozenset[str]:
        """Keys of the snapshot whose values may have changed since this was asked last: each can be kept by itself."""
        raise NotImplementedError

    def restore(self, kept: Mapping[str, Any]) -> list[str]:
        """Take up a snapshot, before the first event: what cannot be read is left out, with a sentence each. Callers
        are not restored, and their agents are free; people who were being called back wait again."""
        raise NotImplementedError
