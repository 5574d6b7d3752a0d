"""When the next call of a pace goes: at most N in a window of fixed length, which opens with its first call.

Calls are given out by reservation: each asks for a moment not before one of its own and gets the first that is free. It
need not come in the order of time (a retry in five minutes is reserved before the next first call), so what is given
out is kept as a whole and its windows are worked out from it: the first call opens a window, the first one after its
end the next, and no window ever holds more than N, whatever was reserved in which order.

Within a window calls keep a distance, so that lines get no bursts: an even one in a minute's window (30 a minute: every
2 s), and at most a second in longer ones (1000 an hour: one a second until they are used up).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from ivr.flow.ports import Speed

__all__ = ["LENGTHS", "Pace", "gap_of"]

MICROSECOND = 1_000_000
"""Moments are whole microseconds since the epoch: what is added up stays exact, in memory and in the store."""

LENGTHS = {"minute": 60 * MICROSECOND, "hour": 3600 * MICROSECOND, "day": 86_400 * MICROSECOND}
"""Of windows."""

LONGEST_GAP = MICROSECOND
"""Between two calls of a window that is longer than a minute."""


def gap_of(speed: Speed) -> int:
    """Microseconds between two calls of a window."""
    even = LENGTHS[speed.per] // speed.calls
    return max(1, even if speed.per == "minute" else min(even, LONGEST_GAP))


class Pace:
    """Reservations of one name. Moments are microseconds since the epoch."""

    def __init__(self, speed: Speed, taken: Iterable[int] = ()) -> None:
        """`taken` are reservations that were given out before, by an earlier run say, at whatever speed."""
        self._taken = sorted(set(taken))
        self._hint: tuple[int, int] | None = None
        """Who asked for the first could only have the second: nothing is given back, so nobody gets an earlier one."""
        self._floor = 0
        """Nobody goes before: the last call of the windows that are over was a distance before."""
        self.speed = speed

    @property
    def speed(self) -> Speed:
        """At most so many in so long; a change holds for what is reserved from then on."""
        return self._speed

    @speed.setter
    def speed(self, speed: Speed) -> None:
        self._speed = speed
        self._length = LENGTHS[speed.per]
        self._gap = gap_of(speed)
        self._hint = None
        self._opens: list[int] = []
        index = 0
        while index < len(self._taken):
            self._opens.append(self._taken[index])
            index = bisect_left(self._taken, self._taken[index] + self._length)

    @property
    def taken(self) -> tuple[int, ...]:
        """What is given out and not forgotten, in order of time."""
        return tuple(self._taken)

    def reserve(self, earliest: int, now: int) -> int:
        """The first free moment at or after `earliest`; it is taken now."""
        at, hint = max(earliest, self._floor), self._hint
        if hint is not None and hint[0] <= earliest:
            at = max(at, hint[1])
        while (later := self._obstacle(at)) > at:
            at = later
        insort(self._taken, at)
        if earliest <= now:
            self._hint = earliest, at
        return at

    def next_free(self, now: int) -> int:
        """The moment that who asks for now would get."""
        opens, at = self._opens.copy(), max(now, self._floor)
        if self._hint is not None and self._hint[0] <= now:
            at = max(at, self._hint[1])
        while (later := self._obstacle(at)) > at:
            at = later
        self._opens = opens
        return at

    def _obstacle(self, at: int) -> int:
        """`at`, where a call can go then: else the next moment that is worth a look. Opens the window that it needs."""
        taken, gap = self._taken, self._gap
        window = bisect_right(self._opens, at) - 1
        inside = window >= 0 and at < self._opens[window] + self._length
        if inside and self._count(self._opens[window]) >= self._speed.calls:
            return self._opens[window] + self._length
        index = bisect_left(taken, at)
        if index and taken[index - 1] + gap > at:
            return taken[index - 1] + gap
        if index < len(taken) and taken[index] < at + gap:
            return taken[index] + gap
        return at if inside or self._open(window + 1, at) else self._opens[window + 1]

    def _count(self, opens: int) -> int:
        return bisect_left(self._taken, opens + self._length) - bisect_left(self._taken, opens)

    def _open(self, index: int, at: int) -> bool:
        """Open a window before the one of an index. Windows that it overlaps begin with their first call after it, and
        so on; False, and nothing has changed, where one of them would hold too many calls."""
        taken, opens = self._taken, [at]
        end, room = index, self._speed.calls - 1
        while True:
            first = bisect_left(taken, opens[-1])
            after = bisect_left(taken, opens[-1] + self._length)
            if after - first > room:
                return False
            room = self._speed.calls
            if after == len(taken):
                end = len(self._opens)
                break
            end = bisect_left(self._opens, taken[after])
            if end < len(self._opens) and self._opens[end] == taken[after]:
                break
            opens.append(taken[after])
        self._opens[index:end] = opens
        return True

    def forget(self, now: int) -> int:
        """Let go of windows that are over; no reservation before the moment that is returned is needed any more."""
        over = sum(opens + self._length <= now for opens in self._opens)
        edge = self._opens[over] if over < len(self._opens) else now
        gone = bisect_left(self._taken, edge)
        if gone:
            self._floor = self._taken[gone - 1] + self._gap
        del self._taken[:gone], self._opens[:over]
        return edge
