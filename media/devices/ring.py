"""Sound between two threads of which neither waits for the other: one writes, one reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mark", "Ring"]


class Mark(NamedTuple):
    """Where one side stood at a moment; stored and loaded in one piece."""

    samples: int
    """That it has moved since the beginning."""
    at: float
    """Seconds of the monotonic clock."""


class Ring:
    """The last ``length`` samples, (length,) int16.

    No lock: each side moves its own count alone, and moves it after the samples. The thread of the card has a
    deadline, and must not wait for one that has none.
    """

    def __init__(self, length: int) -> None:
        self._samples = np.zeros(length, np.int16)
        self._length = length
        self.written = 0
        """Samples ever written; moved by the writer."""
        self.taken = 0
        """Samples ever taken; moved by the reader."""

    @property
    def held(self) -> int:
        """Samples that are there."""
        return self.written - self.taken

    def write(self, samples: NDArray[np.int16]) -> bool:
        """Append; False where there is no room, and then nothing is."""
        count = len(samples)
        if self.held + count > self._length:
            return False
        at = self.written % self._length
        first = min(count, self._length - at)
        self._samples[at : at + first] = samples[:first]
        self._samples[: count - first] = samples[first:]
        self.written += count
        return True

    def take(self, count: int) -> NDArray[np.int16]:
        """The next ``count`` samples, or as many as there are."""
        count = min(count, self.held)
        at = self.taken % self._length
        first = min(count, self._length - at)
        taken = np.concatenate((self._samples[at : at + first], self._samples[: count - first]))
        self.taken += count
        return taken

    def skip(self, count: int) -> None:
        """Leave out the next ``count`` samples."""
        self.taken += min(count, self.held)
