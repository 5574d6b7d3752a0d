"""From 16 kHz to 8 kHz and back, frame by frame, for many streams at once.

One half-band low-pass serves both ways: flat to 3.4 kHz (0.1 dB), 45 dB down at 4.6 kHz and 65 dB from 5 kHz, with a
delay of 1.4 ms. Each block of 40 narrow samples is one product with a matrix that holds the shifted filter, so that
BLAS does the work.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOWN_HISTORY", "FRAME", "UP_HISTORY", "WIDE_FRAME", "down", "low_pass", "up"]

FRAME: Final = 160
"""Samples of 20 ms at 8 kHz."""
WIDE_FRAME: Final = 320
"""Samples of 20 ms at 16 kHz."""

_TAPS: Final = 47
_BETA: Final = 6.0
_BLOCK: Final = 40  # narrow samples of one product: a matrix that stays in the first-level cache

DOWN_HISTORY: Final = _TAPS - 1
"""Samples of the frames before that :func:`down` needs."""
UP_HISTORY: Final = _TAPS // 2
"""Samples of the frames before that :func:`up` needs."""


def low_pass() -> NDArray[np.float64]:
    """The filter, (47,), for 16 kHz."""
    at = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(at / 2) * np.kaiser(_TAPS, _BETA)
    whole: NDArray[np.float64] = taps / taps.sum()
    return whole


def _down_matrix() -> NDArray[np.float32]:
    taps = low_pass()
    matrix = np.zeros((2 * _BLOCK + DOWN_HISTORY, _BLOCK))
    for column in range(_BLOCK):
        matrix[2 * column : 2 * column + _TAPS, column] = taps[::-1]
    return matrix.astype(np.float32)


def _up_matrix() -> NDArray[np.float32]:
    taps = 2 * low_pass()
    matrix = np.zeros((_BLOCK + UP_HISTORY, 2 * _BLOCK))
    for column in range(2 * _BLOCK):
        newest = UP_HISTORY + column // 2
        phase = taps[column % 2 :: 2]
        matrix[newest - len(phase) + 1 : newest + 1, column] = phase[::-1]
    return matrix.astype(np.float32)


_DOWN: Final = _down_matrix()
_UP: Final = _up_matrix()


def down(wide: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 46 + 320) at 16 kHz, the 46 samples before and a frame, to the frame at 8 kHz, (n, 160)."""
    windows = np.lib.stride_tricks.sliding_window_view(wide, len(_DOWN), axis=1)[:, :: 2 * _BLOCK]
    return (np.ascontiguousarray(windows).reshape(-1, len(_DOWN)) @ _DOWN).reshape(-1, FRAME)


def up(narrow: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 23 + 160) at 8 kHz, the 23 samples before and a frame, to the frame at 16 kHz, (n, 320)."""
    windows = np.lib.stride_tricks.sliding_window_view(narrow, len(_UP), axis=1)[:, ::_BLOCK]
    return (np.ascontiguousarray(windows).reshape(-1, len(_UP)) @ _UP).reshape(-1, WIDE_FRAME)


assert FRAME % _BLOCK == 0
