"""Who answered calls of ours, told of the rows that ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.detect import AnswererDetector
from media.plane.limits import RATE
from media.protocol import ANSWERER_MODES, ANSWERER_REASONS, ANSWERERS, Event

__all__ = ["Answerers"]

_NEVER: Final = 0.0
"""In a record: there was no beep."""


class Answerers:
    """Rows that want to know. ``post(kind, row, *fields)`` tells the pool."""

    def __init__(self, rows: int, post: Callable[..., None]) -> None:
        self._post = post
        self._detector = AnswererDetector(rows)
        self.wanted: NDArray[np.bool_] = np.zeros(rows, np.bool_)
        """Rows that are listened to."""
        self.count = 0
        """How many these are: where there are none, nothing is done."""

    def begin(self, row: int, mode: int) -> None:
        """Find out, from this moment on, who speaks on ``row``; ``mode`` is an index into ``ANSWERER_MODES``."""
        self._detector.listen(row, ANSWERER_MODES[mode])
        self.count += not self.wanted[row]
        self.wanted[row] = True

    def forget(self, row: int) -> None:
        """Nobody wants to know any more."""
        self.count -= bool(self.wanted[row])
        self.wanted[row] = False

    def listen(self, samples: NDArray[np.float32], rows: NDArray[np.intp], now: float) -> None:
        """Hear one frame of each of ``rows``, (n, 160) at 16-bit scale, all of them wanted."""
        for found in self._detector.process(samples, rows):
            beep = _NEVER if found.beep_end is None else now + found.beep_end / RATE
            why, who = ANSWERER_REASONS.index(found.reason), ANSWERERS.index(found.answerer)
            self._post(Event.ANSWERER, found.row, who, found.confidence, now, found.final, beep, why)
            if found.final:
                self.forget(found.row)
