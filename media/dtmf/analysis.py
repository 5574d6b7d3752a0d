"""The arithmetic of the DTMF receiver: gate and window fit, over arrays whose rows are calls.

All levels are mean squares at 16-bit scale; 0 dBm0 is a sine 3.14 dB below full scale.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOP", "WINDOW", "Pairs", "gate", "pairs"]

WINDOW: Final = 200
"""Samples of one analysis window: 25 ms, which tells neighbouring DTMF frequencies apart."""

HOP: Final = 40
"""Samples between windows."""

_RATE: Final = 8000.0
_FRAME: Final = 160
_LOW: Final = np.array([697.0, 770.0, 852.0, 941.0], np.float32)
_HIGH: Final = np.array([1209.0, 1336.0, 1477.0, 1633.0], np.float32)
_POWER_0DBM0: Final = (32767.0 * 10 ** (-3.14 / 20)) ** 2 / 2

_LEAST_TONE: Final = np.float32(_POWER_0DBM0 * 10 ** (-34 / 10))  # Q.24: -25 dBm0 is a digit, -55 dBm0 is none
_HIGH_OVER_LOW: Final = np.float32(10 ** (7.0 / 10))  # Q.24: +4 dB, and what an echo 10 dB down may add
_LOW_OVER_HIGH: Final = np.float32(10 ** (11.0 / 10))  # Q.24: -8 dB, likewise
_REST_GOOD: Final = np.float32(0.08)  # of the tones; noise 15 dB below each leaves 0.014, a prompt's echo more at times
_REST_FAIR: Final = np.float32(0.14)  # from 0.2 on, windows that reach into a pause of 40 ms bridge it
_BELOW: Final = np.float32(0.5)  # dial tone as loud as Q.24 has it beside the weakest digit is 0.37

# Q.24: an error of 1.5 % and 2 Hz must be accepted, 3.5 % be rejected. The closer the limit, the fewer vowels whose
# harmonics pass for a digit; the fit is true to 1 Hz under the noise and the echo of Q.24.
_LOW_LIMIT: Final = (_LOW * 0.015 + 2.0 + 2.0).astype(np.float32)
_HIGH_LIMIT: Final = (_HIGH * 0.015 + 2.0 + 2.0).astype(np.float32)

_GATE_SHARE: Final = np.float32(0.4)  # of a frame's energy; a digit at 1.8 % error under dial tone has 0.5
_GATE_TWIST: Final = np.float32(0.04)
_GATE_DETUNE: Final = 12.0  # Hz: two probes for each high tone, whose tolerance is wider than a frame's resolution


def _tones(frequencies: NDArray[np.floating], length: int) -> NDArray[np.float64]:
    """(length, 2 * n): cosines, then sines of each frequency, about the middle of the window."""
    time = np.arange(length) - (length - 1) / 2
    phase = 2 * np.pi / _RATE * np.outer(time, frequencies)
    return np.concatenate((np.cos(phase), np.sin(phase)), axis=1)


_GATE_FREQUENCIES: Final = np.concatenate((_LOW, _HIGH - _GATE_DETUNE, _HIGH + _GATE_DETUNE))
_GATE: Final = np.ascontiguousarray(_tones(_GATE_FREQUENCIES, _FRAME).T, np.float32)
_GATE_SCALE: Final = np.float32(2 / _FRAME)


def gate(frames: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of those ``frames`` (n, 160) that may lie inside a digit."""
    energy = np.einsum("ij,ij->i", frames, frames)
    product = _GATE @ frames.T
    product *= product
    half = len(_GATE_FREQUENCIES)
    power = product[:half] + product[half:]
    low = power[:4].max(axis=0)
    high = power[4:].max(axis=0)
    low *= _GATE_SCALE
    high *= _GATE_SCALE
    both = low + high
    passing = both > _GATE_SHARE * energy
    passing &= energy > _LEAST_TONE * _FRAME
    passing &= np.minimum(low, high) > _GATE_TWIST * both
    return np.flatnonzero(passing)


# The fit is linear around the nearest pair of a grid: a cosine, a sine and both times t for each tone.
_LOW_GRID: Final = (_LOW[:, None] + np.array([-10, 0, 10], np.float32)).ravel()
_HIGH_GRID: Final = (_HIGH[:, None] + np.array([-20, -10, 0, 10, 20], np.float32)).ravel()
_PER_LOW: Final = 3
_PER_HIGH: Final = 5


def _low_band() -> NDArray[np.float64]:
    """Orthonormal basis (WINDOW, k) of what lies below 480 Hz: dial tone, hum, offset."""
    tones = _tones(np.arange(0.0, 481.0, 5.0), WINDOW)
    left, strength, _ = np.linalg.svd(tones, full_matrices=False)
    return np.asarray(left[:, strength > 0.03 * strength[0]], np.float64)


def _fits(low_band: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pair of the grid: the orthonormal basis (8, WINDOW) of the fit, and from it the coefficients (8, 8)."""
    time = (np.arange(WINDOW) - (WINDOW - 1) / 2) / (WINDOW / 2)
    bases, backs = [], []
    for low in _LOW_GRID:
        for high in _HIGH_GRID:
            tones = _tones(np.array([low, high]), WINDOW)
            columns = np.concatenate((tones, tones * time[:, None]), axis=1)
            columns -= low_band @ (low_band.T @ columns)
            q, r = np.linalg.qr(columns)
            bases.append(q.T)
            backs.append(np.linalg.inv(r))
    return np.array(bases, np.float32), np.array(backs, np.float32)


_BELOW_BASIS: Final = _low_band()
_LOW_BAND: Final = np.ascontiguousarray(_BELOW_BASIS, np.float32)
_FIT_BASIS, _FIT_BACK = _fits(_BELOW_BASIS)
_WEIGHT: Final = np.hanning(WINDOW + 2)[1:-1]
_LOW_PROBE: Final = np.ascontiguousarray(_tones(_LOW_GRID, WINDOW) * _WEIGHT[:, None], np.float32)
_HIGH_PROBE: Final = np.ascontiguousarray(_tones(_HIGH_GRID, WINDOW) * _WEIGHT[:, None], np.float32)


class Pairs(NamedTuple):
    """What the windows of some rows hold; every array is (rows, windows)."""

    codes: NDArray[np.int8]
    """Index of the digit whose frequencies the two strongest tones are next to."""
    good: NDArray[np.bool_]
    """The window meets every limit of a digit."""
    fair: NDArray[np.bool_]
    """The window may continue a digit that has begun: under noise, an echo, the caller's voice."""
    low: NDArray[np.float32]
    """Frequency of the low tone, Hz."""
    high: NDArray[np.float32]
    """Frequency of the high tone, Hz."""
    power: NDArray[np.float32]
    """Mean square of both tones."""

    def window(self, index: int) -> Pairs:
        """One window of each row; every array is (rows,)."""
        return Pairs(
            self.codes[:, index],
            self.good[:, index],
            self.fair[:, index],
            self.low[:, index],
            self.high[:, index],
            self.power[:, index],
        )


def _strongest(windows: NDArray[np.float32], probe: NDArray[np.float32]) -> NDArray[np.intp]:
    product = windows @ probe
    product *= product
    half = probe.shape[1] // 2
    return np.asarray((product[:, :half] + product[:, half:]).argmax(axis=1))


def _tone(fit: NDArray[np.float32], tone: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean square and frequency error (Hz) of one of the two tones from the coefficients of the fit (n, 8).

    The model is a cos + b sin + t (a' cos + b' sin) with t from -1 to 1 over the window; a frequency error d (rad per
    half window) turns the tone by d t, hence a' = d b and b' = -d a.
    """
    a, b, a1, b1 = fit[:, tone], fit[:, 2 + tone], fit[:, 4 + tone], fit[:, 6 + tone]
    square: NDArray[np.float32] = np.asarray(a * a + b * b + np.float32(1e-3), np.float32)  # silence has no frequency
    error = np.asarray((b * a1 - a * b1) / square * np.float32(_RATE / (np.pi * WINDOW)), np.float32)
    return np.asarray(square / 2, np.float32), error


def pairs(heard: NDArray[np.float32]) -> Pairs:
    """Fit two tones to each of the 4 windows that end in the second frame of ``heard`` (n, 320)."""
    count = _FRAME // HOP
    view = np.lib.stride_tricks.sliding_window_view(heard, WINDOW, axis=1)
    first = 2 * _FRAME - WINDOW - (count - 1) * HOP
    windows = np.ascontiguousarray(view[:, first::HOP]).reshape(-1, WINDOW)

    energy = np.einsum("ij,ij->i", windows, windows)
    below = windows @ _LOW_BAND
    low_energy = np.einsum("ij,ij->i", below, below)
    low_at, high_at = _strongest(windows, _LOW_PROBE), _strongest(windows, _HIGH_PROBE)
    grid = low_at * len(_HIGH_GRID) + high_at
    projected = np.matmul(_FIT_BASIS[grid], windows[:, :, None])[:, :, 0]
    explained = np.einsum("ij,ij->i", projected, projected)
    fit = np.matmul(_FIT_BACK[grid], projected[:, :, None])[:, :, 0]

    low_power, low_error = _tone(fit, 0)
    high_power, high_error = _tone(fit, 1)
    row, column = low_at // _PER_LOW, high_at // _PER_HIGH
    low = _LOW_GRID[low_at] + low_error
    high = _HIGH_GRID[high_at] + high_error
    power = low_power + high_power
    tones = power * np.float32(WINDOW)
    rest = energy - low_energy - explained

    fair = np.minimum(low_power, high_power) > _LEAST_TONE
    fair &= (high_power < low_power * (2 * _HIGH_OVER_LOW)) & (low_power < high_power * (2 * _LOW_OVER_HIGH))
    fair &= (np.abs(low - _LOW[row]) < 2 * _LOW_LIMIT[row]) & (np.abs(high - _HIGH[column]) < 2 * _HIGH_LIMIT[column])
    fair &= rest < _REST_FAIR * tones
    good = fair & (high_power < low_power * _HIGH_OVER_LOW) & (low_power < high_power * _LOW_OVER_HIGH)
    good &= (np.abs(low - _LOW[row]) < _LOW_LIMIT[row]) & (np.abs(high - _HIGH[column]) < _HIGH_LIMIT[column])
    good &= (rest < _REST_GOOD * tones) & (low_energy < _BELOW * tones)
    shape = (-1, count)
    return Pairs(
        (row * 4 + column).astype(np.int8).reshape(shape),
        good.reshape(shape),
        fair.reshape(shape),
        low.reshape(shape),
        high.reshape(shape),
        power.reshape(shape),
    )
