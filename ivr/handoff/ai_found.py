"""What an AI agent found out while it had a call: for the flow, and for who gets the call next."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any

from ivr.handoff.protocols import MAX_TRANSCRIPT, Kept, KeptValues

__all__ = ["AiFound"]


class AiFound:
    """Of one hand-off, over all its connections."""

    def __init__(self) -> None:
        self._variables = KeptValues()
        self._turns: list[tuple[int, int, Mapping[str, Any]]] = []
        """Each with its connection and its place there."""
        self._connection = 0
        self.summary = ""
        self.fresh = False
        """There is something new of summary or transcript; whoever has told it sets this back."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """As many as come back."""
        return self._variables.values

    @property
    def turns(self) -> tuple[Mapping[str, Any], ...]:
        """Of the transcript: `{"role", "text"}`, the newest ones."""
        return tuple(turn for _, _, turn in self._turns)

    def again(self) -> None:
        """What comes from now on is of another connection."""
        self._connection += 1

    def add(self, kept: Kept) -> None:
        """More of it; a newer value is in the place of an older one."""
        self._variables.add(kept.variables)
        self.fresh = self.fresh or bool(kept.turns or kept.summary)
        self.summary = kept.summary or self.summary
        for turn in kept.turns:
            last = self._turns[-1] if self._turns else (self._connection, 0, {})
            place = kept.place if kept.place is not None else last[1] if last[0] == self._connection else 0
            insort(self._turns, (self._connection, place, turn), key=lambda one: one[:2])
        del self._turns[:-MAX_TRANSCRIPT]
