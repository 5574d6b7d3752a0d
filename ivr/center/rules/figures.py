"""What is counted, by queue and by agent, in quarters of an hour.

Of a queue (counts, and seconds where the name says so): `offered` = `answered` + `abandoned` + `max_wait` + `key_exit`
+ `callback_scheduled` + `cancelled` + `error` + `interrupted` (by a restart) + who waits now. Of an agent: the seconds
in which he was `ready`, `ringing`, `talking`, `wrapping`, on an `other` call, `busy`, `away` or `unreachable`;
`occupancy` is talking and wrapping as a share of that and the time he was ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date
from typing import Any

__all__ = [
    "AGENT_COUNTS",
    "HISTORY",
    "INTERVAL",
    "LEFT",
    "QUEUE_COUNTS",
    "Book",
    "Counts",
    "History",
    "agent_json",
    "queue_json",
    "read_counts",
]

INTERVAL = 900.0
"""Seconds that figures are added up over."""
HISTORY = 96
"""Intervals that are kept here: a day. Who needs more keeps what `IntervalOver` tells."""

LEFT = ("abandoned", "max_wait", "key_exit", "callback_scheduled", "cancelled", "error", "interrupted")
"""How callers leave without an agent."""

QUEUE_COUNTS = (
    "offered",
    "answered",
    "answered_in_target",
    *LEFT,
    "refused_closed",
    "refused_full",
    "refused_no_agents",
    "refused_error",
    "rings",
    "missed",
    "declined",
    "failed",
    "handled",
    "lost",
    "callbacks_kept",
    "callbacks_due",
    "callbacks_made",
    "callbacks_expired",
    "callbacks_failed",
    "callbacks_cancelled",
    "wait_answered_seconds",
    "wait_left_seconds",
    "longest_wait_seconds",
    "talk_seconds",
    "wrap_seconds",
)
AGENT_COUNTS = (
    "rings",
    "answered",
    "missed",
    "declined",
    "failed",
    "handled",
    "lost",
    "ready_seconds",
    "ringing_seconds",
    "talking_seconds",
    "wrapping_seconds",
    "other_seconds",
    "busy_seconds",
    "away_seconds",
    "unreachable_seconds",
)

LONGEST = "longest_wait_seconds"
"""The one figure that is not a sum."""

Counts = dict[str, float]


class Book:
    """Figures of one queue or agent."""

    __slots__ = ("earlier", "interval", "today")

    def __init__(self) -> None:
        self.interval: Counts = {}
        """Of the interval under way."""
        self.today: Counts = {}
        """Of the day under way, without that."""
        self.earlier: Counts = {}
        """Of all before the interval, for counters that never go back."""

    def add(self, name: str, value: float = 1) -> None:
        """Count something."""
        self.interval[name] = self.interval.get(name, 0) + value

    def longest(self, seconds: float) -> None:
        """Somebody has waited so long."""
        if seconds > self.interval.get(LONGEST, 0):
            self.interval[LONGEST] = seconds

    @property
    def mean_wait(self) -> float:
        """Seconds that those waited today whom an agent took; 0: nobody."""
        waited = [counts.get("wait_answered_seconds", 0.0) for counts in (self.today, self.interval)]
        answered = [counts.get("answered", 0) for counts in (self.today, self.interval)]
        return sum(waited) / sum(answered) if sum(answered) else 0.0

    def turn(self, *, new_day: bool) -> Counts:
        """The interval is over; what was counted in it."""
        over, self.interval = self.interval, {}
        self.earlier = _sum(self.earlier, over)
        self.today = {} if new_day else _sum(self.today, over)
        return over

    def total(self) -> Counts:
        """Of all times."""
        return _sum(self.earlier, self.interval)

    def day(self) -> Counts:
        """Of today."""
        return _sum(self.today, self.interval)

    def json(self) -> dict[str, Counts]:
        """To be kept."""
        return {"today": self.day(), "earlier": self.total(), "interval": dict(self.interval)}

    def restore(self, kept: Mapping[str, Any], names: tuple[str, ...], *, same_day: bool) -> None:
        """Take up what was kept."""
        self.earlier = read_counts(kept.get("earlier"), names)
        self.today = read_counts(kept.get("today"), names) if same_day else {}


def _sum(one: Counts, other: Counts) -> Counts:
    found = dict(one)
    for name, value in other.items():
        found[name] = max(found.get(name, 0), value) if name == LONGEST else found.get(name, 0) + value
    return found


def read_counts(kept: Any, names: tuple[str, ...]) -> Counts:
    """What was kept of some figures; those that cannot be read are left out."""
    if not isinstance(kept, Mapping):
        return {}
    return {name: kept[name] for name in names if type(kept.get(name)) in (int, float) and 0 <= kept[name] < 1e15}


def queue_json(counts: Counts) -> dict[str, Any]:
    """Figures of a queue: all counts, and what follows from them: shares from 0 to 1, means in seconds; null where
    there is nothing to divide by."""
    found: dict[str, Any] = {name: _plain(counts.get(name, 0)) for name in QUEUE_COUNTS}
    answered, handled = counts.get("answered", 0), counts.get("handled", 0)
    left = counts.get("abandoned", 0)
    found["service_level"] = _share(counts.get("answered_in_target", 0), answered + left)
    found["abandoned_share"] = _share(left, counts.get("offered", 0))
    found["mean_wait_seconds"] = _share(counts.get("wait_answered_seconds", 0), answered)
    found["mean_handle_seconds"] = _share(counts.get("talk_seconds", 0) + counts.get("wrap_seconds", 0), handled)
    return found


def agent_json(counts: Counts) -> dict[str, Any]:
    """Figures of an agent, likewise."""
    found: dict[str, Any] = {name: _plain(counts.get(name, 0)) for name in AGENT_COUNTS}
    handling = counts.get("talking_seconds", 0) + counts.get("wrapping_seconds", 0)
    found["occupancy"] = _share(handling, handling + counts.get("ready_seconds", 0))
    found["mean_handle_seconds"] = _share(handling, counts.get("handled", 0))
    return found


def _plain(value: float) -> float:
    return round(value, 3) if isinstance(value, float) else value


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole > 0 else None


class History:
    """Intervals that are over."""

    def __init__(self) -> None:
        self.kept: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        """As JSON: `start`, `seconds`, `queues`, `agents`."""
        self.start = 0.0
        """When the interval under way began, in seconds since the epoch."""
        self.began = 0.0
        """The same in the time of the centre."""
        self.day = date.min
        """Day it belongs to."""
