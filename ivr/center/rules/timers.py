"""What is to happen when: one moment for each key."""

from __future__ import annotations

import heapq
from collections.abc import Hashable

__all__ = ["Timers"]

SLACK = 64
"""Moments that were replaced or taken back and are still in the heap, beyond as many as there are keys."""


class Timers:
    """A heap with keys; setting a key again replaces its moment."""

    def __init__(self) -> None:
        self._at: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._count = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._at

    def set(self, key: Hashable, at: float) -> None:
        """The key is due at that moment, and at no other."""
        self._at[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))
        if len(self._heap) > 2 * len(self._at) + SLACK:
            self._heap = [item for item in self._heap if self._at.get(item[2]) == item[0]]
            heapq.heapify(self._heap)

    def clear(self, key: Hashable) -> None:
        """The key is not due; harmless where it was not."""
        self._at.pop(key, None)

    def next(self) -> float | None:
        """The earliest moment; None: nothing is to happen."""
        heap = self._heap
        while heap and self._at.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop(self, now: float) -> Hashable | None:
        """A key that is due, which is cleared; None: there is none."""
        at = self.next()
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._at[key]
        return key
