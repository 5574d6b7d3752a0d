"""Virtual time, and what is due in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

__all__ = ["Agenda", "Due", "cancel"]

Due = list[Any]
"""An entry: when, its number, what is to be called, and with what. Plain lists compare fast in a heap."""


def cancel(due: Due | None) -> None:
    """Take an entry off; nothing where it is over."""
    if due is not None:
        due[2] = None


class Agenda:
    """What is to happen, in its order: what was put in first comes first at the same time."""

    __slots__ = ("_heap", "_number", "now")

    def __init__(self, now: float = 0.0) -> None:
        self._heap: list[Due] = []
        self._number = 0
        self.now = now

    def later(self, seconds: float, then: Callable[[Any], None], what: Any = None) -> Due:
        """Call `then` with `what` when so much time has passed."""
        self._number += 1
        due = [self.now + seconds, self._number, then, what]
        heapq.heappush(self._heap, due)
        return due

    def next(self) -> float | None:
        """When the next thing is due."""
        heap = self._heap
        while heap and heap[0][2] is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop(self) -> Due:
        """The next thing; :meth:`next` said that there is one."""
        return heapq.heappop(self._heap)
