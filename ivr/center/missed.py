"""Calls that agents were offered and did not take: the last ones of each agent, kept over a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ivr.center.rules.decisions import Missed

__all__ = ["MISSED", "MissedCalls"]

MISSED: Final = "missed"
"""Kind of their rows in the store, one for each agent."""
MOST: Final = 20
"""Of one agent: what he can look through, and 2 kB of a row that is written anew with each."""

Row = dict[str, Any]


class MissedCalls:
    """All of them."""

    def __init__(
        self,
        wall: Callable[[], float],
        kept: Mapping[str, Any] | None = None,
        keep: Callable[[str, Any], None] = lambda agent, rows: None,
    ) -> None:
        """`kept` are rows of an earlier run by agent, `keep` takes what is to be kept, None for what is no more."""
        self._wall = wall
        self._keep = keep
        self._of: dict[str, list[Row]] = {
            agent: [row for row in rows if isinstance(row, dict) and row.keys() == _FIELDS][:MOST]
            for agent, rows in (kept or {}).items()
            if isinstance(rows, list)
        }

    def add(self, decision: Missed, short_id: int | None) -> None:
        """An agent has not taken a call."""
        row = {
            "at": round(self._wall(), 3),
            "call": decision.caller,
            "short_id": short_id,
            "queue": decision.queue,
            "reason": decision.reason,
        }
        rows = self._of[decision.agent] = [row, *self.of(decision.agent)][:MOST]
        self._keep(decision.agent, rows)

    def of(self, agent: str) -> list[Row]:
        """Those of an agent, newest first: `at` (seconds since the epoch), `call`, `short_id`, `queue`, `reason`."""
        return self._of.get(agent, [])

    def forget(self, agent: str) -> None:
        """An agent is no more."""
        if self._of.pop(agent, None) is not None:
            self._keep(agent, None)


_FIELDS: Final = frozenset({"at", "call", "short_id", "queue", "reason"})
