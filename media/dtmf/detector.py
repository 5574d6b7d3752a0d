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
_DRIFT_LOW: Final = 4.0  # Hz that a tone may move while a digit begins: keys are steady, voices glide
_DRIFT_HIGH: Final = 5.0
_LEVEL_DROP: Final = 0.1  # of the digit's power; what is weaker is its echo
_ALERT_TICKS: Final = 2  # frames analysed from one that passed the gate: a start may reach into the frame after it
_LATE_END: Final = 28  # samples of silence that the last window of a digit holds, on average


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
        self._power = np.zeros(rows, np.float32)
        self._silence = np.zeros(rows, np.int32)  # samples since the last window of the digit under way
        self._misses = np.zeros(rows, np.int16)
        self._candidate = np.full(rows, _NONE, np.int8)
        self._passes = np.zeros(rows, np.int16)
        self._age = np.zeros(rows, np.int32)  # samples since the start of the candidate's first window
        self._low = np.zeros(rows, np.float32)
        self._high = np.zeros(rows, np.float32)

    def reset(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice | int) -> None:
        """Forget all that was heard on ``rows``; no end is reported for a digit under way."""
        self._before[rows] = 0
        self._alert[rows] = 0
        self._digit[rows] = _NONE
        self._misses[rows] = 0
        self._candidate[rows] = _NONE
        self._passes[rows] = 0

    def process(
        self,
        samples: NDArray[np.int16] | NDArray[np.float32],
        rows: NDArray[np.intp],
        muted: NDArray[np.bool_] | None = None,
    ) -> DigitEdges:
        """Hear one frame of each row in ``rows``, none twice.

        ``samples`` is (len(rows), 160) at 16-bit scale. Rows that are True in ``muted`` (len(rows),) hear silence and
        forget what they heard: those whose digits arrive as telephone-event (RFC 4733 section 2.6) at this moment.
        """
        frames = np.ascontiguousarray(samples, np.float32)
        alert = self._alert[rows]
        passing = analysis.gate(frames)
        if passing.size:
            alert[passing] = _ALERT_TICKS
        silenced = rows[:0]
        if muted is not None and muted.any():
            alert[muted] = 0
            silenced = rows[muted]
        chosen = np.flatnonzero(alert)
        if chosen.size:
            active = rows[chosen]
            heard = np.concatenate((self._before[active], frames[chosen]), axis=1)
        self._before[rows] = frames
        if silenced.size:
            self.reset(silenced)
        if not chosen.size:
            return _NO_EDGES
        edges = self._analyse(active, heard)
        self._alert[active] = np.where(self._digit[active] >= 0, 1, alert[chosen] - 1)
        self._passes[active[self._alert[active] == 0]] = 0
        return edges

    def _analyse(self, rows: NDArray[np.intp], heard: NDArray[np.float32]) -> DigitEdges:
        """Advance the state of ``rows`` over the windows that end in the second frame of ``heard`` (n, 320)."""
        found = analysis.pairs(heard)
        edges: list[DigitEdges] = []
        for index in range(found.codes.shape[1]):
            self._step(rows, found.window(index), (index + 1) * HOP, edges)
        if not edges:
            return _NO_EDGES
        return DigitEdges(
            np.concatenate([edge.rows for edge in edges]),
            np.concatenate([edge.codes for edge in edges]),
            np.concatenate([edge.started for edge in edges]),
            np.concatenate([edge.offsets for edge in edges]),
        )

    def _step(self, rows: NDArray[np.intp], window: analysis.Pairs, end: int, edges: list[DigitEdges]) -> None:
        """Take one window of each row, ``end`` being the sample after it within the frame."""
        digit = self._digit[rows]
        on = digit >= 0
        held = on & window.fair & (window.codes == digit) & (window.power > self._power[rows] * _LEVEL_DROP)
        self._silence[rows] = np.where(held, 0, self._silence[rows] + HOP)
        misses = np.where(held, 0, self._misses[rows] + 1)

        usable = window.good & ~held
        again = usable & (window.codes == self._candidate[rows]) & (self._passes[rows] > 0)
        again &= np.abs(window.low - self._low[rows]) < _DRIFT_LOW
        again &= np.abs(window.high - self._high[rows]) < _DRIFT_HIGH
        fresh = rows[usable & ~again]
        self._low[fresh] = window.low[usable & ~again]
        self._high[fresh] = window.high[usable & ~again]
        self._age[rows] += HOP
        self._age[fresh] = WINDOW
        passes = np.where(again, self._passes[rows] + 1, usable)
        self._candidate[rows] = window.codes

        started = passes >= _PASSES_TO_START
        ended = on & (started | (misses >= _MISSES_TO_END))
        if ended.any():
            gone = rows[ended]
            offsets = end - self._silence[gone] - _LATE_END
            edges.append(DigitEdges(gone, digit[ended], np.zeros(len(gone), np.bool_), offsets))
            self._digit[gone] = _NONE
        if started.any():
            new = rows[started]
            offsets = end - self._age[new]
            edges.append(DigitEdges(new, window.codes[started], np.ones(len(new), np.bool_), offsets))
            self._digit[new] = window.codes[started]
            self._power[new] = window.power[started]
            self._silence[new] = 0
            misses[started] = 0
            passes[started] = 0
        self._misses[rows] = misses
        self._passes[rows] = passes
