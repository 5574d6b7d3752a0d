"""The beep after which a machine records: one tone or two, steady, with quiet behind it, for all rows of a tick."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.detect.spectrum import FRAME, QUIETEST, Sounds

__all__ = ["BEEP", "Tones", "follow", "tones"]

_ABOVE_NOISE: Final = np.float32(5.0)
_LEAST: Final = np.float32(-48.0)
"""dBm0 of a beep, and dB above the noise."""
_PURE: Final = np.float32(0.82)
"""Of the power that is not noise: a tone has it all, a vowel spreads over its harmonics."""
_STEADY: Final = np.float32(14.0)
_SHARE: Final = np.float32(0.012)
"""Hz and share by which a tone's frequency may seem to move."""
_LEAST_TICKS: Final = 3
"""Windows of 40 ms that a beep of 100 ms fills."""
_LONGEST: Final = 110
"""Ticks of the longest beep; what lasts longer is a fax or a network."""
_GAP: Final = 8
"""Ticks of quiet after which a beep is over: pips of one signal come sooner, and what is said behind it is not one."""
_DROP: Final = np.float32(7.0)
"""dB by which the sound falls behind a beep."""
_LATE: Final = FRAME + FRAME // 2
"""Samples between the end of a beep and the end of the last window in which it is found, on average."""
_PIECES: Final = 4
"""Tones of different pitch in one beep; more are a tune."""

BEEP: Final = np.dtype(
    [
        ("run", "i4"),  # ticks of the tone under way
        ("hz", "f4"),
        ("hz2", "f4"),  # of two that sound together; 0: one
        ("power", "f4"),  # dBm0
        ("gap", "i4"),  # ticks since it stopped
        ("total", "i4"),  # ticks of all its pieces
        ("pieces", "i4"),
        ("noisy", "i4"),  # ticks of the gap in which there was sound
    ]
)
"""What is known of a row; all zero at its start."""


class Tones:
    """Which rows hear a pure tone in this frame."""

    __slots__ = ("any", "hz", "hz2")

    def __init__(self, any_: NDArray[np.bool_], hz: NDArray[np.float32], hz2: NDArray[np.float32]) -> None:
        self.any = any_
        self.hz = hz
        """The lower of two."""
        self.hz2 = hz2
        """The higher of two, 0 where there is one."""


def tones(sounds: Sounds, floor: NDArray[np.float32]) -> Tones:
    """Tones of a frame above noise of ``floor`` dBm0."""
    level = sounds.level
    loud = (level > floor + _ABOVE_NOISE) & (level > _LEAST)
    noise = np.minimum(10 ** ((floor - level) * np.float32(0.1)), np.float32(0.5))
    signal = _PURE * (1 - noise)
    one = sounds.pure > signal
    two = ~one & (sounds.pair > signal) & (sounds.pure < np.float32(12) * (sounds.pair - sounds.pure))
    low, high = np.minimum(sounds.first, sounds.second), np.maximum(sounds.first, sounds.second)
    none = np.float32(0)
    return Tones(loud & (one | two), np.where(two, low, sounds.first), np.where(two, high, none))


def follow(s: NDArray[Any], found: Tones, level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Take one frame of each row into ``s`` (n,) of :data:`BEEP`: where a beep is over.

    It ended ``gap`` ticks ago, see :func:`ended`.
    """
    near = np.abs(found.hz - s["hz"]) < _STEADY + _SHARE * found.hz
    near &= (np.abs(found.hz2 - s["hz2"]) < _STEADY + _SHARE * found.hz2) | (found.hz2 * s["hz2"] == 0)
    tone = found.any
    held = tone & near & (s["run"] > 0)
    was = s["run"] >= _LEAST_TICKS
    other = tone & ~held
    known = s["pieces"] > 0
    # A tone that was long enough becomes a piece of the beep when it stops or changes.
    closes = was & ~held
    s["pieces"] += closes
    s["total"] += np.where(closes, s["run"], 0)
    s["gap"] = np.where(closes, 0, s["gap"])
    s["noisy"] = np.where(closes, 0, s["noisy"])
    s["run"] = np.where(held, s["run"] + 1, np.where(other, 1, 0))
    s["hz"] = np.where(tone, np.where(held, s["hz"] + np.float32(0.3) * (found.hz - s["hz"]), found.hz), s["hz"])
    s["hz2"] = np.where(other, found.hz2, s["hz2"])
    s["power"] = np.where(held, np.maximum(s["power"], level), np.where(other & ~known & ~was, level, s["power"]))
    waits = (s["pieces"] > 0) & (s["run"] < _LEAST_TICKS)
    s["gap"] += waits
    quiet = level < np.maximum(s["power"] - _DROP, np.float32(QUIETEST + 1))
    s["noisy"] += waits & ~quiet & (s["gap"] > 2)
    over = waits & (s["gap"] >= _GAP)
    beep = over & (s["noisy"] <= 1) & (s["pieces"] <= _PIECES) & (s["total"] <= _LONGEST)
    if over.any():
        for name in ("pieces", "total"):
            s[name] = np.where(over, 0, s[name])
    return beep


def ended(s: NDArray[Any]) -> NDArray[np.int32]:
    """Samples from the first of this frame to the end of a beep that :func:`follow` found, below 0."""
    return FRAME - s["gap"] * FRAME - _LATE
