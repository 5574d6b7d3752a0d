"""Building blocks of all tones, at 8 kHz. Levels are in dBm0: a sine of 0 dBm0 is 3.14 dB below full scale."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "amplitude", "quantised", "ramped", "sine"]

RATE: Final = 8000
"""Samples per second."""

_PEAK_0DBM0: Final = 32767.0 * 10 ** (-3.14 / 20)


def amplitude(dbm0: float) -> float:
    """Peak, at 16-bit scale, of a sine of ``dbm0``."""
    return float(_PEAK_0DBM0 * 10 ** (dbm0 / 20))


def sine(frequency: float, length: int) -> NDArray[np.float64]:
    """``length`` samples of a sine of amplitude 1 that begins at zero."""
    samples: NDArray[np.float64] = np.sin(2 * np.pi * frequency / RATE * np.arange(length))
    return samples


def quantised(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Rounded to int16, clipped at its ends."""
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def ramped(samples: NDArray[np.float64], ms: float) -> NDArray[np.int16]:
    """Quantised, with a raised-cosine ramp of ``ms`` milliseconds at both ends, so that nothing clicks."""
    length = min(round(ms * RATE / 1000), len(samples) // 2)
    shaped = samples.copy()
    if length:
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
        shaped[:length] *= ramp
        shaped[-length:] *= ramp[::-1]
    return quantised(shaped)
