"""Comfort noise for the pauses of a call (RFC 3389), for many rows at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ComfortNoise", "level_of_payload"]

_POOL: Final = 1 << 16  # samples of noise, 8 s: rows read it from places of their own
_SHAPE: Final = np.array([0.25, 0.5, 0.25])  # falls off towards 4 kHz as the noise of a room does
_FULL_SCALE: Final = 32767.0 / np.sqrt(2)  # RFC 3389 section 3.1: levels are relative to overload, that of a sine
_FRAME: Final = 160
_LOUDEST: Final = -20.0  # dBov: a peer may ask for more, a listener would not


def level_of_payload(payload: bytes) -> float:
    """Noise level in dBov, 0 to -127, of a comfort noise packet (RFC 3389 section 3.1); silence if it is empty."""
    return -float(payload[0] & 0x7F) if payload else -127.0


class ComfortNoise:
    """Noise from one table; ``seed`` decides it."""

    def __init__(self, seed: int = 0) -> None:
        white = np.random.default_rng(seed).standard_normal(_POOL)
        spectrum = np.fft.rfft(white) * np.fft.rfft(_SHAPE, _POOL)
        coloured = np.fft.irfft(spectrum, _POOL)
        coloured /= np.sqrt(np.mean(coloured**2))
        self._pool = np.concatenate((coloured, coloured[:_FRAME])).astype(np.float32)
        self._view = np.lib.stride_tricks.sliding_window_view(self._pool, _FRAME)

    def frames(self, levels: NDArray[np.float32], places: NDArray[np.integer]) -> NDArray[np.int16]:
        """(n, 160) samples for rows of ``levels`` dBov.

        ``places`` (n,) says where in the noise each row reads, any integer; the caller moves it on by 160 a tick, and
        starts rows apart from each other, so that two calls in a bridge do not have the same noise.
        """
        gains = np.float32(_FULL_SCALE) * np.float32(10) ** (np.minimum(levels, np.float32(_LOUDEST)) / np.float32(20))
        noise = self._view[places % _POOL] * gains[:, None]
        samples: NDArray[np.int16] = np.rint(noise).astype(np.int16)
        return samples
