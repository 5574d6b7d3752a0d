"""Which calls of campaigns may go out for the agents who are free, and what becomes of them in the queue."""

from __future__ import annotations

from collections.abc import Callable

from ivr.dialer.books import Active, Books

__all__ = ["Matches", "StandingOf"]

StandingOf = Callable[[str], tuple[int, int] | None]
"""Of a queue by name: agents who could take a call at once, and callers who wait; None: there is no such queue."""


class Matches:
    """Those of all campaigns that have `match_agents`. Calls are named by the rows of their flows, and known by the ids
    of their records, under which the queue tells of them."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self.standing: StandingOf = lambda queue: None
        """Set once there is a queue."""

    def holds(self, active: Active, row: str) -> bool:
        """Whether a call that is about to go must wait for an agent; one that need not counts as under way from now
        on."""
        matcher, taken = active.matcher, active.taken[row]
        if matcher is None or not taken.resting or row in matcher.ringing:
            return False
        if not self.room(active):
            return True
        matcher.dialled(row)
        return False

    def room(self, active: Active) -> int:
        """How many more calls of a campaign may go."""
        if active.matcher is None:
            return 0
        standing = self.standing(active.matcher.options.queue)
        return 0 if standing is None else active.matcher.room(*standing)

    def dialled(self, active: Active, row: str, call: str) -> None:
        """A call goes out."""
        if active.matcher is not None:
            active.matcher.dialled(row)
            self._rows[call], self._calls[row] = row, call

    def not_dialled(self, active: Active, row: str) -> None:
        """A call that was to go does not."""
        if active.matcher is not None:
            active.matcher.forget(row)

    def rested(self, active: Active, row: str) -> None:
        """A call is over, and its flow asks for the moment of the next one."""
        if active.matcher is not None and row in self._calls:
            active.matcher.over(row)
            self._rows.pop(self._calls.pop(row), None)

    def over(self, row: str) -> None:
        """A flow is over."""
        active, call = self._books.of(row), self._calls.pop(row, None)
        if active is not None and active.matcher is not None:
            if call is None:
                active.matcher.forget(row)
            else:
                active.matcher.over(row)
        if call is not None:
            self._rows.pop(call, None)

    def happened(self, what: str, call: str) -> bool:
        """Something has happened to a call (the feed's names); True where it is one of these."""
        row = self._rows.get(call)
        active = None if row is None else self._books.of(row)
        if row is None or active is None or active.matcher is None:
            return False
        tell = _TOLD.get(what)
        if tell is not None:
            getattr(active.matcher, tell)(row)
        return True


_TOLD = {
    "call.answered": "took",
    "queue.joined": "joined",
    "agent.answered": "connected",
    "queue.left": "left",
}
