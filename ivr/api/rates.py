"""How much a client may ask for: a bucket of tokens for each, filled at a steady rate. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Allowance", "Buckets"]

MAX_BUCKETS = 10_000
"""Clients that are known at once; the one that asked longest ago is forgotten, and may ask as if it were new."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client may ask for."""

    allowed: bool
    """This one, too."""
    limit: int
    """At once, after a pause."""
    remaining: int
    """At once, now."""
    reset: int
    """Seconds until it may ask for all of it again; where it may not ask now, until it may."""

    @property
    def headers(self) -> dict[str, str]:
        """For the answer."""
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return found if self.allowed else {**found, "Retry-After": str(self.reset)}


class Buckets:
    """One for each client. Times are monotonic seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        """`rate` requests a second in the long run, `burst` of them at once."""
        self._rate = rate
        self._burst = burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> Allowance:
        """A client asks for something."""
        level = self._level(client, now)
        allowed = level >= 1.0
        level -= 1.0 if allowed else 0.0
        self._levels[client] = (level, now)
        self._levels.move_to_end(client)
        if len(self._levels) > MAX_BUCKETS:
            self._levels.popitem(last=False)
        missing = self._burst - level if allowed else 1.0 - level
        return Allowance(allowed, self._burst, int(level), max(1, math.ceil(missing / self._rate)))

    def _level(self, client: str, now: float) -> float:
        level, at = self._levels.get(client, (float(self._burst), now))
        return min(float(self._burst), level + max(0.0, now - at) * self._rate)
