"""How much of each thing that an AI agent said its caller has heard."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Spoken"]

RATE: Final = 8000
"""Samples a second."""
TAGS: Final = 16
"""Tags that are remembered when all of them was heard: more sound of one may come."""


class Spoken:
    """Counts samples by tag, oldest first. What still waits to be heard is always the newest."""

    __slots__ = ("_heard", "_waiting", "_waits", "seconds")

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, int]] = deque()
        self._waits = 0
        self._heard: dict[str, int] = {}
        self.seconds = 0.0
        """Of what was heard, and of what waits."""

    def say(self, tag: str, samples: int, queued: int) -> None:
        """So many samples of a tag were queued; `queued` wait in all now."""
        self.seconds += samples / RATE
        if samples:
            self._waits += samples
            if self._waiting and self._waiting[-1][0] == tag:
                self._waiting[-1] = (tag, self._waiting[-1][1] + samples)
            else:
                self._waiting.append((tag, samples))
        self._settle(queued)

    def cut(self, queued: int) -> dict[str, float]:
        """What waits is dropped: seconds heard of each tag of which some waited."""
        self._settle(queued)
        found = {tag: self._heard.get(tag, 0) / RATE for tag, _ in self._waiting}
        self.seconds -= self._waits / RATE
        self._waiting.clear()
        self._heard.clear()
        self._waits = 0
        return found

    def _settle(self, queued: int) -> None:
        heard = self._waits - queued
        while heard > 0 and self._waiting:
            tag, samples = self._waiting[0]
            part = min(samples, heard)
            self._heard[tag] = self._heard.get(tag, 0) + part
            if part == samples:
                self._waiting.popleft()
            else:
                self._waiting[0] = (tag, samples - part)
            heard -= part
            self._waits -= part
        while len(self._heard) > TAGS:
            del self._heard[next(iter(self._heard))]
