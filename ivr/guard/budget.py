"""How much each source may send: a bucket for each, and one for all strangers, in ticks of a tenth of a second.

Three kinds of sources have a bucket here, told by what it holds, so that the way of a good message is a look into a
dictionary and one comparison for each:

    FREE             never counted
    KNOWN and more   proved to be somebody: a bucket of its own, outside the strangers' one
    0 … KNOWN        a stranger: his bucket and that of all strangers
    below 0          shut out

While strangers send more than they may together, each of those that send gets the same share (max-min fairness): who
sends less than that loses nothing, however much the others send. A bucket that is full again is forgotten, so the table
holds who has sent of late; where it is full, strangers who are new share a small bucket, and nobody is put out.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["FREE", "KNOWN", "MAX_SOURCES", "SHUT", "TICK", "Budget"]

TICK = 0.1
"""Seconds between two fillings: short enough that what is lost before a share is known is a few answers."""

TICKS_PER_SECOND = 10

COST = TICKS_PER_SECOND
"""What a message takes out of a bucket; so a tick fills in as much as there are messages a second."""

MESSAGE_OCTETS = 2048
"""A message of more counts as several: reading one costs by its length. Requests with SDP are 1,300 octets."""

MAX_SOURCES = 16_384
"""Sources with a bucket at the same time: going through them takes 2 ms each tick."""

CROWD = 0.25
"""Part of the strangers' messages for those who find the table full."""

BURST = 0.5
"""Seconds of the strangers' messages that may come at once."""

SHARED = 0.75
"""Part of the strangers' messages that is shared out; the rest is for those who begin to send within the tick."""

CALM_TICKS = 10
"""Ticks with less than they may, before strangers have their whole buckets again."""

KNOWN_FACTOR = 10
"""A known source gets so many times what a stranger gets: an office of phones may stand behind it."""

FLOODING = 50
"""Refused messages of one second below which nobody floods, however small the shares are."""

SHUT = -1
KNOWN = 1 << 24
FREE = 1 << 40

Status = Callable[[str], int]
"""Kind of a source: FREE, KNOWN, 0 for a stranger, SHUT."""


class Budget:
    """Counts messages. `status` is asked once a second or less for each source that sends."""

    def __init__(self, per_second: int, strangers_per_second: int, status: Status) -> None:
        self._full = per_second * COST
        self._known_full = KNOWN + self._full * KNOWN_FACTOR
        self._refill = per_second
        self._strangers = strangers_per_second
        self._status = status
        self._left: dict[str, int] = {}
        self._spare = int(strangers_per_second * COST * BURST)
        self._crowd = int(strangers_per_second * CROWD)
        self._cap = self._full
        """What a stranger's bucket holds at most: less than `_full` while there is a flood."""
        self._turn_at = 0.0
        self._ticks = 0
        self._calm = CALM_TICKS
        self._demand = 0
        """Messages of strangers in this tick, taken or not."""
        self._refused: dict[str, int] = {}
        """Messages of this second that were over the limit, by source."""
        self.dropped = 0
        """Messages that were not taken, ever."""
        self.flooding: list[str] = []
        """Sources that sent more than twice what they may in the second that is over; taken by who asks."""

    def __len__(self) -> int:
        """Sources in the table."""
        return len(self._left)

    @property
    def pressed(self) -> bool:
        """Whether strangers send more than they may together."""
        return self._cap < self._full

    def forget(self, source: str) -> None:
        """What the source is has changed."""
        self._left.pop(source, None)

    def take(self, source: str, now: float, size: int) -> bool:
        """Whether a message of so many octets is taken from a source."""
        if now >= self._turn_at:
            self._turn(now)
        left = self._left.get(source)
        if left is None:
            left = self._first(source)
        if left >= FREE:
            return True
        cost = COST if size <= MESSAGE_OCTETS else COST + COST * (size // MESSAGE_OCTETS)
        if left >= KNOWN:
            if left - cost < KNOWN:
                self.dropped += 1
                return False
            if source in self._left:
                self._left[source] = left - cost
            return True
        self._demand += 1
        if left < COST or self._spare <= 0:
            return self._over(source, left)
        if source in self._left:
            self._left[source] = max(0, left - cost)
        self._spare -= cost
        return True

    def _over(self, source: str, left: int) -> bool:
        self.dropped += 1
        if left == SHUT:
            self._demand -= 1
        elif source in self._left:
            self._refused[source] = self._refused.get(source, 0) + 1
        return False

    def _first(self, source: str) -> int:
        """What a source has that has not sent of late."""
        status = self._status(source)
        left = self._known_full if status == KNOWN else status or self._cap
        if len(self._left) < MAX_SOURCES:
            self._left[source] = left
        elif not status:
            left = self._crowd
            self._crowd = max(0, left - COST)
        return left

    def _turn(self, now: float) -> None:
        """Fill the buckets."""
        passed = min(TICKS_PER_SECOND, 1 + int((now - self._turn_at) / TICK))  # a second fills everything
        self._turn_at += TICK * passed
        if self._turn_at <= now:
            self._turn_at = now + TICK
        self._ticks += 1
        whole_second = self._ticks % TICKS_PER_SECOND == 0 or passed >= TICKS_PER_SECOND
        left, cap = self._left, self._full
        strangers = sum(1 for value in left.values() if 0 <= value < self._cap)
        if self._spare <= 0 or self._demand > self._strangers * passed / TICKS_PER_SECOND:
            self._calm = 0
        else:
            self._calm += passed
        if self._calm < CALM_TICKS:
            cap = max(COST, min(self._full, int(self._strangers * SHARED) // max(1, strangers)))
        if whole_second:
            self._tell_flooding()
        self._cap = cap
        filled = {}
        for source, value in left.items():
            if value >= FREE or value < 0:
                if not whole_second:
                    filled[source] = value
            elif value >= KNOWN:
                value += self._refill * KNOWN_FACTOR * passed
                if value < self._known_full:
                    filled[source] = value
            else:
                value += min(self._refill, cap) * passed
                if value < cap:
                    filled[source] = value
        self._left = filled
        self._spare = min(self._spare + self._strangers * passed, int(self._strangers * COST * BURST))
        self._crowd = int(self._strangers * CROWD)
        self._demand = 0

    def _tell_flooding(self) -> None:
        allowed = max(FLOODING, self._cap if self.pressed else self._full // COST)
        self.flooding += [source for source, count in self._refused.items() if count > allowed]
        self._refused.clear()
