"""What one frame sounds like, for all rows of a tick at once: level, voice or noise, and whether it is a pure tone."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "QUIETEST", "RATE", "WINDOW", "Sounds", "look"]

FRAME: Final = 160
"""Samples of one tick: 20 ms at 8 kHz."""
RATE: Final = 8000
WINDOW: Final = 2 * FRAME
"""Samples that are looked at: the frame and the one before, so that a bin is 25 Hz."""
QUIETEST: Final = -70.0
"""dBm0 that is told of silence, where the logarithm has no end."""

_BIN: Final = RATE / WINDOW
_LOWEST: Final = 250.0
"""Hz from which sound counts: below are mains hum, cars and what telephones do not carry."""
_HIGHEST: Final = 3400.0
_FIRST: Final = round(275.0 / _BIN)
"""Bin from which tones are looked for."""
_KNEE: Final = 700.0
"""Hz below which sound counts the less the lower it is (6 dB an octave): there a car is as loud as its driver."""
_PITCHES: Final = slice(RATE // 400, RATE // 75)
"""Samples of a period of a voice: 75 to 400 Hz."""
_TONES: Final = slice(round(325 / _BIN), round(3000 / _BIN))
"""Bins in which the peak of a beep lies."""
_LOBE: Final = 2
"""Bins to either side that a steady tone fills through the window."""

_SHAPE: Final = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_FULL_SCALE: Final = 10 * np.log10(16004.0**2 * WINDOW * float(np.sum(_SHAPE**2)) / 2)
"""Power of the bins of a 0 dBm0 tone, summed over one side of the spectrum (16004: its RMS at 16-bit scale), dB."""


def _taper() -> NDArray[np.float32]:
    """Half (in dB) of what the window does to the autocorrelation at each lag; all of it would lift noise too."""
    power = np.abs(np.fft.rfft(_SHAPE, 2 * WINDOW)) ** 2
    lags = np.fft.irfft(power)[:WINDOW]
    taper: NDArray[np.float32] = np.sqrt(lags / lags[0]).astype(np.float32)
    return taper[_PITCHES]


def _weights() -> NDArray[np.float32]:
    hertz = np.arange(WINDOW // 2 + 1) * _BIN
    weights: NDArray[np.float32] = (np.minimum(1, hertz / _KNEE) ** 2).astype(np.float32)
    weights[(hertz < _LOWEST) | (hertz > _HIGHEST)] = 0
    return weights


_TAPER: Final = _taper()
_WEIGHTS: Final = _weights()


class Sounds(NamedTuple):
    """One value for each row."""

    level: NDArray[np.float32]
    """dBm0 between 250 and 3400 Hz, low frequencies counting less: how loud a voice is."""
    voicing: NDArray[np.float32]
    """Up to 1: how well the sound repeats at the period of a voice; noise is below 0.4."""
    pure: NDArray[np.float32]
    """Share of the power that the strongest frequency has."""
    pair: NDArray[np.float32]
    """Share of the power that the two strongest have together."""
    first: NDArray[np.float32]
    """Hz of the strongest."""
    second: NDArray[np.float32]
    """Hz of the second."""
    power: NDArray[np.float32]
    """dBm0 from 275 Hz up, all frequencies counting the same: how loud a tone is."""


def look(windows: NDArray[np.float32]) -> Sounds:
    """The last 40 ms of each row, (n, 320) at 16-bit scale."""
    spectrum = np.fft.rfft(windows * _SHAPE)
    whole: NDArray[Any] = spectrum.real**2 + spectrum.imag**2
    whole[:, :_FIRST] = 0
    power = whole * _WEIGHTS
    total = power.sum(axis=1) + np.float32(1.0)
    level = np.maximum(10 * np.log10(total) - np.float32(_FULL_SCALE), np.float32(QUIETEST))
    lags: NDArray[Any] = np.fft.irfft(power, WINDOW)
    voicing = (lags[:, _PITCHES] / _TAPER).max(axis=1) / (lags[:, 0] + np.float32(1e-3))
    total = whole.sum(axis=1) + np.float32(1.0)
    first, one = _strongest(whole)
    second, two = _strongest(whole)
    sum_ = np.maximum(10 * np.log10(total) - np.float32(_FULL_SCALE), np.float32(QUIETEST))
    return Sounds(level, voicing, one / total, (one + two) / total, first, second, sum_)


def _strongest(power: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hz and power of the strongest tone of each row, which is taken out of ``power``."""
    index = np.arange(len(power))
    peak = power[:, _TONES].argmax(axis=1) + _TONES.start
    # A Hann window's lobe is close to a parabola of logarithms.
    before, at, after = (np.log(power[index, peak + step] + np.float32(1.0)) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < -1e-3, 0.5 * (before - after) / np.minimum(bend, -1e-3), 0)
    lobe = peak[:, None] + np.arange(-_LOBE, _LOBE + 1)
    found = np.take_along_axis(power, lobe, axis=1).sum(axis=1)
    np.put_along_axis(power, lobe, 0, axis=1)
    return ((peak + np.clip(shift, -0.5, 0.5)) * np.float32(_BIN)).astype(np.float32), found
