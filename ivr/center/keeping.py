"""What the centre knows and must not forget, on its way to the store: each change is written a moment later, together
with those that came in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ivr.center.rules import Center

__all__ = ["KEPT", "Keeping"]

KEPT: Final = "rules"
"""Kind of the rows that hold what the rules know."""
GATHER_SECONDS: Final = 0.2
"""A crash loses at most what changed in so long, and in what the store's thread gathers."""


class Keeping:
    """Writes what has changed."""

    def __init__(
        self,
        center: Center,
        write: Callable[[str, Any], None],
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        """`write` takes a key with its value as JSON, None for what is no more, and does not wait."""
        self._center = center
        self._write = write
        self._call_later = call_later
        self._keys: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Something may have changed."""
        self._keys |= self._center.changed()
        if self._keys and self._timer is None:
            self._timer = self._call_later(GATHER_SECONDS, self.write)

    def write(self, *more: str) -> None:
        """Write now what has changed, and `more` keys."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        keys = frozenset(self._keys.union(more))
        self._keys.clear()
        values = self._center.snapshot(keys) if keys else {}
        for key in sorted(keys):
            self._write(key, values.get(key))
