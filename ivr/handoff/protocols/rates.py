"""Sound of another rate brought to the 8 kHz of the line: for what an endpoint sends, one stream at a time.

A windowed sinc for each place that a sample of the line can have between two samples of the input; the ratio of the
rates is a fraction, so there are few of them. Flat to 3.3 kHz; what would be folded back is 60 dB down; a delay of
1.5 ms.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "RATES", "ToLine"]

RATE: Final = 8000
"""Samples a second of the line."""
RATES: Final = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)
"""Samples a second that are taken."""
_HALF: Final = 12
"""Samples of the line on either side of the filter's middle."""
_CUTOFF: Final = 0.95
"""Of half the line's rate: the middle of the slope."""
_BETA: Final = 5.0
"""Of the Kaiser window."""


class ToLine:
    """One stream: signed 16-bit little-endian samples, mono, of any length."""

    __slots__ = ("_at", "_buffer", "_down", "_half", "_taps", "_up", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        """Of what comes."""
        common = math.gcd(rate, RATE)
        self._up, self._down = RATE // common, rate // common
        self._half = half = math.ceil(_HALF * rate / RATE)
        phase = np.arange(self._up) / self._up
        at = np.arange(-half + 1, half + 1)[None, :] - phase[:, None]
        taps = np.sinc(at * RATE / rate * _CUTOFF) * np.i0(_BETA * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None)))
        self._taps: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        self._buffer: NDArray[np.float32] = np.zeros(2 * half - 1, np.float32)
        self._at = (half - 1) * self._up
        """Place of the next sample in the buffer, in parts of its samples."""

    def push(self, samples: bytes) -> bytes:
        """The samples of the line that are ready with these; half a sample at the end is left out."""
        if self.rate == RATE:
            return samples[: len(samples) & ~1]
        new = np.frombuffer(samples, "<i2", len(samples) // 2).astype(np.float32)
        buffer = self._buffer = np.concatenate((self._buffer, new))
        up, half = self._up, self._half
        count = max(0, ((len(buffer) - half) * up - 1 - self._at) // self._down + 1)
        at = self._at + self._down * np.arange(count)
        whole = at // up
        windows = np.lib.stride_tricks.sliding_window_view(buffer, 2 * half)[whole - half + 1]
        made = np.einsum("ij,ij->i", windows, self._taps[at - whole * up])
        self._at += count * self._down
        done = max(0, self._at // up - half + 1)
        self._buffer = buffer[done:]
        self._at -= done * up
        found: bytes = np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes()
        return found
