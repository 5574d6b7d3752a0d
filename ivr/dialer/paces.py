"""The paces of all calls of this process, and the store's memory of what was given out.

What is given out goes to the store's writer, and is safe there before the flow that got it counts as waiting: after a
crash a moment may be lost, but none is given twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from ivr.dialer.rules.pace import LENGTHS, MICROSECOND, Pace
from ivr.flow.ports import Speed
from ivr.store import RecordWriter
from ivr.store.texts import storable

__all__ = ["PaceBook"]

log = logging.getLogger("ivr.dialer")

FORGET_SECONDS = 60.0
"""So often what is over is forgotten, of each pace that is used."""


class PaceBook:
    """By name: flow and element, or a campaign that has a speed of its own."""

    def __init__(self, writer: RecordWriter, wall: Callable[[], float]) -> None:
        self._writer = writer
        self._wall = wall
        self._known: dict[str, Sequence[int]] = {}
        self._paces: dict[str, Pace] = {}
        self._forgotten: dict[str, float] = {}

    def learn(self, known: Mapping[str, Sequence[int]]) -> None:
        """What earlier runs have given out, as :meth:`ivr.store.PaceTable.all` has it; what no window holds any more
        is forgotten."""
        over = _micros(self._wall()) - max(LENGTHS.values())
        for name, taken in known.items():
            if taken[0] < over:
                self._writer.pace_over(name, over)
            self._known[name] = taken

    def reserve(self, name: str, speed: Speed, earliest: datetime) -> datetime:
        """The next free moment of a pace, not before `earliest`; it is taken from now on."""
        name = storable(name, 256)
        pace, now = self._pace(name, speed), self._wall()
        if now - self._forgotten.get(name, 0.0) >= FORGET_SECONDS:
            self._forgotten[name] = now
            self._writer.pace_over(name, pace.forget(_micros(now)))
        wanted = _micros(earliest.timestamp())
        at = pace.reserve(wanted, _micros(now))
        self._writer.paced(name, at)
        # What is asked for is given exactly, where it is free.
        return earliest if at == wanted else datetime.fromtimestamp(at / MICROSECOND, UTC)

    def full_until(self, name: str, speed: Speed) -> float:
        """Seconds until a pace has a call to give out; 0: it has one now."""
        now = _micros(self._wall())
        return (self._pace(storable(name, 256), speed).next_free(now) - now) / MICROSECOND

    def _pace(self, name: str, speed: Speed) -> Pace:
        pace = self._paces.get(name)
        if pace is None:
            pace = self._paces[name] = Pace(speed, self._known.pop(name, ()))
        elif pace.speed != speed:
            pace.speed = speed
        return pace


def _micros(seconds: float) -> int:
    return round(seconds * MICROSECOND)
