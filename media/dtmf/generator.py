"""DTMF tones (ITU-T Q.23) to be sent in the sound, where a peer takes no telephone-events."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.tones.synthesis import amplitude, ramped, sine

__all__ = ["HIGH", "LOW", "digit_samples", "digits_samples"]

LOW: Final = (697.0, 770.0, 852.0, 941.0)
"""Frequencies of the four rows of the keypad, Hz."""

HIGH: Final = (1209.0, 1336.0, 1477.0, 1633.0)
"""Frequencies of its four columns, Hz."""

_KEYPAD: Final = "123A456B789C*0#D"
_LOW_LEVEL: Final = -8.0  # dBm0: ETSI ES 201 235-2 section 4.2.3, with the high tone 2 dB above
_HIGH_LEVEL: Final = -6.0
_RAMP_MS: Final = 2.0  # no click, and well inside the 5 ms of ES 201 235-2 for the level to be reached


def digit_samples(digit: str, ms: float = 100.0, level: float = 0.0) -> NDArray[np.int16]:
    """One digit of ``ms`` milliseconds; ``level`` dB is added to -8 and -6 dBm0. ValueError if it is no digit."""
    code = _KEYPAD.find(digit.upper()) if len(digit) == 1 else -1
    if code < 0:
        raise ValueError(f"not a DTMF digit: {digit!r}")
    length = round(ms * 8)
    tone = sine(LOW[code // 4], length) * amplitude(_LOW_LEVEL + level)
    tone += sine(HIGH[code % 4], length) * amplitude(_HIGH_LEVEL + level)
    return ramped(tone, _RAMP_MS)


def digits_samples(digits: str, ms: float = 100.0, gap_ms: float = 70.0, level: float = 0.0) -> NDArray[np.int16]:
    """Several digits, each with ``gap_ms`` of silence behind it; ``,`` is a pause of two seconds."""
    gap = np.zeros(round(gap_ms * 8), np.int16)
    pause = np.zeros(16000, np.int16)
    parts = [
        part for digit in digits for part in ((pause,) if digit == "," else (digit_samples(digit, ms, level), gap))
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
