"""Who last spoke to whom."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["BUCKETS", "WINDOWS", "Sticky"]

KEPT = 20_000
"""People remembered; those who called longest ago go first."""
BUCKETS = 64
"""Parts in which they are kept, so that one conversation has 20 kB written, not a megabyte."""

DAY = 86400.0
WINDOWS = {"30d": 30 * DAY, "60d": 60 * DAY, "1y": 365 * DAY, "ever": float("inf")}
"""Seconds by the words of the configuration; `off` is none."""


def bucket_of(person: str) -> str:
    """Key of the snapshot that a person is kept under."""
    return f"sticky.{zlib.crc32(person.encode(errors='replace')) % BUCKETS}"


class Sticky:
    """People and the agents who last spoke to them. Moments are seconds since the epoch."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}
        self.changed: set[str] = set()
        """Buckets that are to be kept anew."""

    def remember(self, person: str, agent: str, wall: float) -> None:
        """They spoke to one another."""
        self._last.pop(person, None)
        self._last[person] = agent, wall
        self.changed.add(bucket_of(person))
        if len(self._last) > KEPT:
            oldest = next(iter(self._last))
            del self._last[oldest]
            self.changed.add(bucket_of(oldest))

    def agent(self, person: str, window: str, wall: float) -> tuple[str, float] | None:
        """Agent and seconds since then; None: nobody, or too long ago."""
        found = self._last.get(person) if person and window in WINDOWS else None
        if found is None:
            return None
        ago = max(0.0, wall - found[1])
        return (found[0], ago) if ago <= WINDOWS[window] else None

    def keys(self) -> list[str]:
        """Keys that it is kept under."""
        return [f"sticky.{number}" for number in range(BUCKETS)]

    def json(self, keys: Iterable[str]) -> dict[str, Any]:
        """To be kept, by key."""
        found: dict[str, dict[str, Any]] = {key: {} for key in keys}
        if found:
            for person, (agent, wall) in self._last.items():
                bucket = found.get(bucket_of(person))
                if bucket is not None:
                    bucket[person] = [agent, round(wall, 3)]
        return found

    def restore(self, kept: Mapping[str, Any]) -> int:
        """Take up what was kept; how many entries cannot be read."""
        read: list[tuple[float, str, str]] = []
        wrong = 0
        for key in self.keys():
            bucket = kept.get(key, {})
            for person, value in bucket.items() if isinstance(bucket, Mapping) else ():
                match value:
                    case [str(agent), int() | float() as wall]:
                        read.append((float(wall), person, agent))
                    case _:
                        wrong += 1
        for wall, person, agent in sorted(read)[-KEPT:]:
            self._last[person] = agent, wall
        return wrong
