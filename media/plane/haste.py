"""Rows whose sound somebody waits for: their jitter buffer holds back no more than it must.

The buffer holds a frame back from the first packet on, and shrinks by what was more than enough for 2.5 s (jitter.py).
In a conversation with a machine that is late. So between two ticks it is looked at what has come: where for half a
second the next two frames were always there so early, one of them is passed over. What is left is that each frame comes
some milliseconds before it is needed. Where that was too little the buffer runs dry once and grows by itself, and the
next look takes twice as long.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane import jitter
from media.plane.limits import FRAME, RING_SAMPLES
from media.plane.rows import Rows

__all__ = ["Haste"]

WINDOW: Final = 25
"""Ticks of a look: half a second has the jitter of an ordinary network in it."""
LONGEST: Final = 3200
"""Ticks of the longest: a network that disturbs every minute is left alone."""


class Haste:
    """The looks of all rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        n = rows.capacity
        self._window: NDArray[np.int32] = np.full(n, WINDOW, np.int32)
        self._since: NDArray[np.int32] = np.zeros(n, np.int32)
        """Ticks of the look so far."""
        self._least: NDArray[np.int32] = np.full(n, RING_SAMPLES, np.int32)
        """Samples ahead at the worst of them."""
        self._dry: NDArray[np.int32] = np.zeros(n, np.int32)
        """What ``Rows.dry`` was a tick ago."""

    def begin(self, row: int) -> None:
        """Hurry with ``row`` from now on."""
        self._window[row], self._since[row], self._least[row], self._dry[row] = WINDOW, 0, RING_SAMPLES, 0

    def look(self, index: NDArray[np.intp]) -> None:
        """Between two ticks, when all rows of ``index`` have received."""
        rows = self._rows
        dry, before = rows.dry[index], self._dry[index]
        self._dry[index] = dry
        late = (dry == 0) & (before > 0) & (before < jitter.REANCHOR)  # more, and it was a pause
        if late.any():
            again = index[late]
            self._window[again] = np.minimum(self._window[again] * 2, LONGEST)
            self._since[again], self._least[again] = 0, RING_SAMPLES
        least = np.minimum(self._least[index], np.where(rows.anchored[index] & (dry == 0), rows.ahead[index], 0))
        since = self._since[index] + 1
        due = since >= self._window[index]
        if due.any():
            many = index[due & (least >= 2 * FRAME)]
            if many.size:
                jitter.skip(rows, many, np.ones(many.size, np.int32))
            least[due] = RING_SAMPLES
            since[due] = 0
        self._least[index], self._since[index] = least, since
