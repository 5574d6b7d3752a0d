"""How much was dialled through lines today, and how many calls are up now: what the limits of calls out look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.guard.policy import Place
from ivr.settings import DialLimits

__all__ = ["Full", "Usage"]


@dataclass(slots=True)
class _Count:
    """Of one place, today."""

    up: int = 0
    """Calls now."""
    calls: int = 0
    """Calls begun."""
    seconds: float = 0.0
    """Talked, in calls that are over."""


@dataclass(slots=True)
class _Call:
    """One that is up."""

    places: set[Place] = field(default_factory=set)
    answered_at: float | None = None


@dataclass(frozen=True, slots=True)
class Full:
    """A limit that is reached."""

    place: Place
    what: str
    """``calls``, ``calls_per_day`` or ``minutes_per_day``."""
    limit: int


class Usage:
    """Counts by place. `day` is any name of the day; with another one everything but the calls that are up is 0."""

    def __init__(self) -> None:
        self._day = ""
        self._counts: dict[Place, _Count] = {}
        self._calls: dict[object, _Call] = {}

    def take(self, call: object, limits: Iterable[tuple[Place, DialLimits]], day: str, now: float) -> Full | None:
        """Count a call in these places, all or none of them; the limit that forbids it."""
        wanted = list(limits)
        if (full := self.full(wanted, day, now)) is not None:
            return full
        one = self._calls.setdefault(call, _Call())
        for place, _ in wanted:
            if place not in one.places:
                one.places.add(place)
                count = self._counts.setdefault(place, _Count())
                count.up += 1
                count.calls += 1
        return None

    def full(self, limits: Iterable[tuple[Place, DialLimits]], day: str, now: float) -> Full | None:
        """The limit that forbids another call in these places."""
        self._turn(day)
        return next((full for place, limit in limits if (full := self._full(place, limit, now)) is not None), None)

    def leave(self, call: object, place: Place) -> None:
        """The call went by this place after all not: another line takes it."""
        one = self._calls.get(call)
        if one is not None and place in one.places:
            one.places.discard(place)
            count = self._counts[place]
            count.up -= 1
            count.calls = max(0, count.calls - 1)

    def answered(self, call: object, now: float) -> None:
        """The minutes begin."""
        one = self._calls.get(call)
        if one is not None and one.answered_at is None:
            one.answered_at = now

    def over(self, call: object, now: float) -> None:
        """The call is over."""
        one = self._calls.pop(call, None)
        if one is None:
            return
        for place in one.places:
            count = self._counts.setdefault(place, _Count(up=1))
            count.up -= 1
            if one.answered_at is not None:
                count.seconds += max(0.0, now - one.answered_at)

    def _full(self, place: Place, limit: DialLimits, now: float) -> Full | None:
        count = self._counts.get(place, _Count())
        if limit.calls is not None and count.up >= limit.calls:
            return Full(place, "calls", limit.calls)
        if limit.calls_per_day is not None and count.calls >= limit.calls_per_day:
            return Full(place, "calls_per_day", limit.calls_per_day)
        if limit.minutes_per_day is not None:
            going_on = sum(
                now - call.answered_at
                for call in self._calls.values()
                if call.answered_at is not None and place in call.places
            )
            if count.seconds + going_on >= limit.minutes_per_day * 60:
                return Full(place, "minutes_per_day", limit.minutes_per_day)
        return None

    def _turn(self, day: str) -> None:
        if day != self._day:
            self._day = day
            self._counts = {place: _Count(up=count.up) for place, count in self._counts.items() if count.up}

    def used(self, place: Place, day: str) -> tuple[int, int, float]:
        """Calls up, calls of the day, seconds talked in those that are over."""
        self._turn(day)
        count = self._counts.get(place, _Count())
        return count.up, count.calls, count.seconds

    def dump(self, now: float) -> dict[str, Any]:
        """What is kept over a restart: counts of the day, with what calls that are up have talked so far."""
        seconds = {place: count.seconds for place, count in self._counts.items()}
        for call in self._calls.values():
            if call.answered_at is not None:
                for place in call.places:
                    seconds[place] = seconds.get(place, 0.0) + now - call.answered_at
        return {
            "day": self._day,
            "counts": [
                {"kind": kind, "name": name, "calls": count.calls, "seconds": round(seconds[(kind, name)], 1)}
                for (kind, name), count in self._counts.items()
            ],
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Take what :meth:`dump` gave; a row that is none is left out."""
        self._day = str(data.get("day", ""))
        for row in data.get("counts") or ():
            try:
                place = (str(row["kind"]), str(row["name"]))
                self._counts[place] = _Count(0, int(row["calls"]), float(row["seconds"]))
            except (KeyError, TypeError, ValueError):
                continue
