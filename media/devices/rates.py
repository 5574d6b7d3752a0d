"""From one sample rate to another whose ratio may be anything and may change by the moment.

A windowed sinc in a table of phases, between which it is interpolated: one step does both what a card at 44.1 or 48 kHz
needs to meet 8 or 16 kHz, and what compensates the drift of two clocks. Flat to 85 % of the lower rate's half, 70 dB
down where the other half is folded back, with a delay of 24 samples of the lower rate (3 ms at 8 kHz).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HALF", "Resampler"]

HALF: Final = 24
"""Samples of the lower rate on either side of the filter's middle: its delay."""
_CUTOFF: Final = 0.95  # of half the lower rate, in the middle of the slope: 85 % pass, 105 % are gone
_BETA: Final = 7.0  # of the Kaiser window: 70 dB
_PHASES: Final = 256  # between two samples of the input; what lies between them is interpolated, 90 dB true


def _table(in_rate: int, out_rate: int) -> NDArray[np.float32]:
    """(_PHASES + 1, taps): the filter for each place of an output sample between two input samples."""
    lower = min(in_rate, out_rate)
    half = -(-HALF * in_rate // lower)
    phase = np.arange(_PHASES + 1) / _PHASES
    at = np.arange(-half + 1, half + 1)[None, :] - phase[:, None]
    span = lower / in_rate
    inside = np.clip(1 - (at / half) ** 2, 0, None)
    taps = np.sinc(at * span * _CUTOFF) * np.i0(_BETA * np.sqrt(inside))
    taps *= np.abs(at) <= half
    taps /= taps.sum(axis=1, keepdims=True)  # each phase passes a level as it is: no ripple from phase to phase
    return taps.astype(np.float32)


class Resampler:
    """One stream of sound, float32 at any scale, that arrives at ``in_rate`` and leaves at ``out_rate``.

    Either so many samples are taken as an output of a given length needs (:meth:`needs`, :meth:`pull`), or so many are
    given as an input of a given length yields (:meth:`push`). ``speed`` is how much faster than its rate the input is
    used up: 1.0001 uses 100 ppm more of it for each sample that leaves.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._step = in_rate / out_rate
        table = _table(in_rate, out_rate)
        self._taps = table[:-1]
        self._slope = np.diff(table, axis=0)
        self._half: int = table.shape[1] // 2
        self._reset()

    @property
    def delay(self) -> float:
        """Input samples between a sample and its place in the output."""
        return float(self._half)

    def _reset(self) -> None:
        self._buffer: NDArray[np.float32] = np.zeros(2 * self._half - 1, np.float32)
        self._at = float(self._half - 1)  # where in the buffer the next output lies

    def reset(self) -> None:
        """Forget what was heard."""
        self._reset()

    def needs(self, count: int, speed: float = 1.0) -> int:
        """How many more input samples ``count`` output samples need."""
        last = self._at + (count - 1) * self._step * speed
        return max(0, int(last) + self._half + 1 - len(self._buffer))

    def pull(self, samples: NDArray[np.float32], count: int, speed: float = 1.0) -> NDArray[np.float32]:
        """``count`` output samples, from as many input ``samples`` as :meth:`needs` says."""
        self._buffer = np.concatenate((self._buffer, samples))
        return self._make(count, self._step * speed)

    def push(self, samples: NDArray[np.float32], speed: float = 1.0) -> NDArray[np.float32]:
        """The output samples that are ready once ``samples`` are there."""
        self._buffer = np.concatenate((self._buffer, samples))
        step = self._step * speed
        room = len(self._buffer) - self._half - self._at
        return self._make(max(0, int(np.ceil(room / step))), step)

    def _make(self, count: int, step: float) -> NDArray[np.float32]:
        place = self._at + step * np.arange(count)
        whole = place.astype(np.intp)
        part = (place - whole) * _PHASES
        phase = part.astype(np.intp)
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, 2 * self._half)[whole - self._half + 1]
        made: NDArray[np.float32] = np.einsum("ij,ij->i", windows, self._taps[phase])
        made += (part - phase).astype(np.float32) * np.einsum("ij,ij->i", windows, self._slope[phase])
        self._at += count * step
        done = int(self._at) - self._half + 1
        self._buffer = self._buffer[done:]
        self._at -= done
        return made
