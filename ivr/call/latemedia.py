"""The wait for a gateway that answers before its telephone side is connected through: what is played meanwhile is lost.

The first prompt waits until the gateway's sound comes, and no longer than the line's profile says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media import Stats

__all__ = ["LateMedia"]

LOOK_EVERY = 0.06
"""Seconds between two looks at what has come: three packets."""


class _Port(Protocol):
    def request_stats(self) -> None:
        """Stats follow as an event."""


class LateMedia:
    """Holds back what is to be played, for one call."""

    def __init__(self, port: _Port, seconds: float, call_later: Callable[[float, Callable[[], None]], object]) -> None:
        """`seconds` is how long at most; 0 holds nothing back."""
        self._port = port
        self._left = seconds
        self._call_later = call_later
        self._then: Callable[[], None] | None = None
        self.waiting = False
        """Whether nothing is to be played yet."""

    def answered(self) -> None:
        """The gateway hears from now on that the call is answered."""
        if self._left > 0.0 and not self.waiting:
            self.waiting = True
            self._look()

    def hold(self, then: Callable[[], None]) -> None:
        """Call `then` when the wait is over, in place of what was to be called."""
        self._then = then

    def counted(self, stats: Stats) -> None:
        """What has come so far."""
        if self.waiting and stats.packets_in:
            self._over()

    def _look(self) -> None:
        if not self.waiting:
            return
        if self._left <= 0.0:
            self._over()
            return
        self._port.request_stats()
        step = min(LOOK_EVERY, self._left)
        self._left -= step
        self._call_later(step, self._look)

    def _over(self) -> None:
        self.waiting = False
        self._left = 0.0
        then, self._then = self._then, None
        if then is not None:
            then()
