"""DTMF receiver over all calls of one tick (ITU-T Q.23 signals, limits of ITU-T Q.24, 8 kHz).

Two stages. The gate is one matrix product over the 20 ms frames of all rows: how much of a frame's energy lies at
one low and one high DTMF frequency. Speech and silence leave there. The few rows that pass are analysed in
overlapping windows of 25 ms each 5 ms: a least-squares fit of two tones gives level, frequency error and what the
pair leaves unexplained, and from the run of windows that hold the same pair follow start and end of a digit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.dtmf import analysis
from media.dtmf.analysis import HOP, WINDOW

__all__ = ["DIGITS", "FRAME", "DigitEdges", "DtmfDetector"]

DIGITS: Final = "123A456B789C*0#D"
"""Digit of each code: four rows of the keypad from 697 Hz, four columns each from 1209 Hz."""

FRAME: Final = 160
"""Samples of one tick: 20 ms at 8 kHz."""

_NONE: Final = -1
_PASSES_TO_START: Final = 3  # windows of one pair: 25 + 2 * 5 ms, which 40 ms at any alignment gives and 20 ms cannot
_MISSES_TO_END: Final = 9  # an interruption of 10 ms spoils up to 7 windows, a pause of 40 ms at least 10
_MISSES_TO_FORGET: Final = 1  # windows that may fail inside a start
_LEVEL_DROP: Final = 0.1  # energy against the digit's own below which a window is its echo
_ALERT_TICKS: Final = 2  # analysed frames after the last one that passed the gate
_EDGE: Final = 10  # samples of silence that a passing window holds at its edge, on average


class DigitEdges(NamedTuple):
    """Starts and ends of digits found in one call of :meth:`DtmfDetector.process`, in order of time for each row."""

    rows: NDArray[np.intp]
    """Row of each edge."""
    codes: NDArray[np.int8]
    """Index of the digit in :data:`DIGITS`."""
    started: NDArray[np.bool_]
    """True for a start, False for an end."""
    offsets: NDArray[np.int32]
    """Sample of the edge, counted from the first sample of the frame just given; mostly negative."""


_NO_EDGES: Final = DigitEdges(np.empty(0, np.intp), np.empty(0, np.int8), np.empty(0, np.bool_), np.empty(0, np.int32))


class DtmfDetector:
    """Receivers for ``rows`` calls, fed one 20 ms frame per call and tick."""

    def __init__(self, rows: int) -> None:
        self._before = np.zeros((rows, FRAME), np.float32)
        self._alert = np.zeros(rows, np.int8)
        self._digit = np.full(rows, _NONE, np.int8)
        self._candidate = np.full(rows, _NONE, np.int8)
        self._passes = np.zeros(rows, np.int16)
        self._misses = np.zeros(rows, np.int16)
        self._age = np.zeros(rows, np.int32)  # samples from the first passing window's start to the frame's start
        self._heard = np.zeros(rows, np.int32)  # samples from the last passing window's end to the frame's start
        self._energy = np.zeros(rows, np.float32)

    def reset(self, rows: NDArray[np.intp] | slice | int) -> None:
        """Forget all that was heard on ``rows``; no end is reported for a digit under way."""
        self._before[rows] = 0
        self._alert[rows] = 0
        self._digit[rows] = _NONE
        self._candidate[rows] = _NONE
        self._passes[rows] = 0
        self._misses[rows] = 0

    def process(self, samples: NDArray[np.int16] | NDArray[np.float32], rows: NDArray[np.intp]) -> DigitEdges:
        """Hear one frame of each row in ``rows``: ``samples`` is (len(rows), 160), int16 or float32 at 16-bit scale."""
        frames = np.ascontiguousarray(samples, np.float32)
        alert = self._alert[rows]
        passing = analysis.gate(frames)
        if passing.size:
            alert[passing] = _ALERT_TICKS
        chosen = np.flatnonzero(alert)
        if not chosen.size:
            self._before[rows] = frames
            return _NO_EDGES
        active = rows[chosen]
        heard = np.concatenate((self._before[active], frames[chosen]), axis=1)
        self._before[rows] = frames
        edges = self._analyse(active, heard)
        left = np.where(self._digit[active] >= 0, 1, alert[chosen] - 1)
        self._alert[active] = left
        self._age[active] += FRAME
        self._heard[active] += FRAME
        return edges

    def _analyse(self, rows: NDArray[np.intp], heard: NDArray[np.float32]) -> DigitEdges:
        """Advance the state of ``rows`` over the windows that end in the latter half of ``heard`` (n, 320)."""
        codes, energies = analysis.pairs(heard)
        found: list[tuple[NDArray[np.intp], NDArray[np.int8], bool, NDArray[np.int32]]] = []
        for index in range(codes.shape[1]):
            self._step(rows, codes[:, index], energies[:, index], (index + 1) * HOP, found)
        if not found:
            return _NO_EDGES
        return DigitEdges(
            np.concatenate([f[0] for f in found]),
            np.concatenate([f[1] for f in found]),
            np.concatenate([np.full(len(f[0]), f[2]) for f in found]),
            np.concatenate([f[3] for f in found]),
        )

    def _step(
        self,
        rows: NDArray[np.intp],
        code: NDArray[np.int8],
        energy: NDArray[np.float32],
        end: int,
        found: list[tuple[NDArray[np.intp], NDArray[np.int8], bool, NDArray[np.int32]]],
    ) -> None:
        """One window of each row: ``code`` is its pair or -1, ``end`` the sample after it within the frame."""
        digit = self._digit[rows]
        on = digit >= 0
        same = on & (code == digit) & (energy > self._energy[rows] * _LEVEL_DROP)
        self._heard[rows[same]] = -end
        misses = np.where(same, 0, self._misses[rows] + 1)
        ended = on & (misses >= _MISSES_TO_END)

        candidate = self._candidate[rows]
        passes = self._passes[rows]
        usable = (code >= 0) & ~same
        again = usable & (code == candidate)
        fresh = usable & ~again
        self._age[rows[fresh]] = WINDOW - end
        passes = np.where(again, passes + 1, np.where(fresh, 1, 0))
        candidate = np.where(usable, code, np.int8(_NONE))
        started = (passes >= _PASSES_TO_START) & (~on | (code != digit))
        ended |= started & on

        gone = np.flatnonzero(ended)
        if gone.size:
            found.append((rows[gone], digit[gone], False, -self._heard[rows[gone]] + _EDGE))
            digit[gone] = _NONE
        new = np.flatnonzero(started)
        if new.size:
            found.append((rows[new], code[new], True, -self._age[rows[new]] - _EDGE))
            digit[new] = code[new]
            self._energy[rows[new]] = energy[new]
            self._heard[rows[new]] = -end
            misses[new] = 0
            passes[new] = 0
            candidate[new] = _NONE
        self._digit[rows] = digit
        self._misses[rows] = misses
        self._passes[rows] = passes
        self._candidate[rows] = candidate
