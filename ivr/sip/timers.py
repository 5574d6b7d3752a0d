"""Timers of the whole stack in one heap: arming and cancelling cost next to nothing, nobody ever scans a table."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

__all__ = ["T1", "T2", "T4", "Timer", "Timers"]

T1: Final = 0.5
"""Seconds: estimate of the round-trip time (RFC 3261 §17.1.1.1)."""

T2: Final = 4.0
"""Seconds: longest interval between retransmissions of a non-INVITE request or a response to INVITE."""

T4: Final = 5.0
"""Seconds: how long a message may stay in the network."""

COMPACT_AT: Final = 4096
"""Cancelled timers kept at least before the heap is built anew: below this the memory is not worth the work."""


class Timer:
    """One armed timer; `callback` is None once it was cancelled or has fired."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[float], None]) -> None:
        self.when = when
        self.callback: Callable[[float], None] | None = callback


class Timers:
    """A heap with lazy deletion."""

    __slots__ = ("_cancelled", "_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._cancelled = 0

    def __len__(self) -> int:
        """Timers armed."""
        return len(self._heap) - self._cancelled

    def arm(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Have `callback(now)` called at `when`; those of the same time fire in the order they were armed."""
        timer = Timer(when, callback)
        self._count += 1
        heappush(self._heap, (when, self._count, timer))
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Forget a timer; nothing happens when it is None, has fired or was cancelled."""
        if timer is None or timer.callback is None:
            return
        timer.callback = None
        self._cancelled += 1
        if self._cancelled > COMPACT_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """When the next timer fires; None when none is armed."""
        heap = self._heap
        while heap:
            if heap[0][2].callback is not None:
                return heap[0][0]
            heappop(heap)
            self._cancelled -= 1
        return None

    def fire(self, now: float) -> None:
        """Call all that are due; those armed meanwhile for `now` or before are called too."""
        while (when := self.next()) is not None and when <= now:
            timer = heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback(now)
