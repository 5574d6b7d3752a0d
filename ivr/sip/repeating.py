"""Responses that are repeated until they are acknowledged: a 2xx to INVITE, and reliable provisional ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from ivr.sip.timers import Timer, Timers

__all__ = ["Repeating"]

LIFE: Final = 64
"""T1 until an acknowledgement counts as lost (RFC 3261 §13.3.1.4, RFC 3262 §3)."""


class Repeating:
    """One response that was sent just now: it comes again after T1, then after twice as long each time."""

    __slots__ = ("_deadline", "_interval", "_longest", "_lost", "_resend", "_timer", "_timers")

    def __init__(
        self,
        timers: Timers,
        t1: float,
        now: float,
        resend: Callable[[], None],
        lost: Callable[[float], None],
        longest: float = math.inf,
    ) -> None:
        """`resend` sends it again; `lost` is called where :meth:`stop` was not within 64*T1. `longest` bounds the
        seconds between two."""
        self._timers = timers
        self._resend = resend
        self._lost = lost
        self._longest = longest
        self._interval = t1
        self._deadline = now + LIFE * t1
        self._timer: Timer | None = timers.arm(now + t1, self._again)

    def _again(self, now: float) -> None:
        self._timer = None
        if now >= self._deadline:
            self._lost(now)
            return
        self._resend()
        self._interval = min(self._interval * 2, self._longest)
        self._timer = self._timers.arm(min(now + self._interval, self._deadline), self._again)

    def stop(self) -> None:
        """It is acknowledged, or nobody waits for it any more."""
        self._timers.cancel(self._timer)
        self._timer = None
