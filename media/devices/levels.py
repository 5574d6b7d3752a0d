"""What a line's level tells, frame by frame: that somebody speaks, and that a bell rings.

Levels are RMS of 20 ms in dB below full scale. Pure counting; everything is in frames.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.devices.face import FRAME_SECONDS

__all__ = ["LOWEST", "RingBursts", "VoiceStart", "level_of"]

LOWEST: Final = -90.0
"""dBFS of silence."""

_VOICE: Final = 10
_WITHIN: Final = 20
"""Frames that are loud, of so many: 0.2 s in 0.4 s. A click or a cough is shorter, a "hello" is not."""
_ABOVE: Final = 10.0
"""dB above the quietest of the last seconds: hum that is always there is no voice."""
_BACKGROUND: Final = 250
"""Frames of which the quietest is the background: 5 s have a pause."""

_SHORTEST: Final = 15
_LONGEST: Final = 150
"""Frames of one burst of a bell: 0.4 s (United Kingdom) to 2 s (North America) and what an adapter adds."""
_GAP: Final = 7
"""Frames of a gap within a burst, at most: 20 Hz is no even level in frames of 20 ms."""
_BETWEEN: Final = 325
"""Frames after a burst in which the next one comes, 6.5 s: bells pause for 4 s, 5 s at most."""
_BURSTS: Final = 2
"""Bursts of a ring: one alone may be any noise, and a caller id comes between the first two."""
_UNLIKE: Final = 0.35
"""Share by which two bursts may differ, above 0.1 s: a bell is even, speech is not."""


def level_of(frame: NDArray[np.int16] | NDArray[np.float32]) -> float:
    """RMS level of a frame at 16-bit scale, dBFS."""
    samples = frame.astype(np.float32, copy=False)
    power = float(samples @ samples) / len(samples) / 32768**2
    return max(LOWEST, 10 * float(np.log10(power))) if power > 0 else LOWEST


class VoiceStart:
    """Finds that somebody begins to speak."""

    def __init__(self, threshold: float) -> None:
        """``threshold`` dBFS is the least level of a voice."""
        self._threshold = threshold
        self._levels: deque[float] = deque(maxlen=_BACKGROUND)
        self._loud: deque[bool] = deque(maxlen=_WITHIN)
        self.quiet = 0.0
        """Seconds since it was loud."""

    def reset(self) -> None:
        """Begin anew; the background stays known."""
        self._loud.clear()
        self.quiet = 0.0

    def hear(self, level: float) -> bool:
        """Take the level of a frame: whether somebody speaks."""
        background = min(self._levels, default=LOWEST)
        self._levels.append(level)
        loud = level >= self._threshold and level >= background + _ABOVE
        self._loud.append(loud)
        self.quiet = 0.0 if loud else self.quiet + FRAME_SECONDS
        return sum(self._loud) >= _VOICE


class RingBursts:
    """Finds the rhythm of a bell, as an adapter has it at its output: bursts of the same length, with pauses."""

    def __init__(self, threshold: float) -> None:
        """``threshold`` dBFS is the least level of a burst."""
        self._threshold = threshold
        self._on = 0
        self._off = _BETWEEN
        self._lengths: list[int] = []

    def reset(self) -> None:
        """Forget what was heard."""
        self._on, self._off = 0, _BETWEEN
        self._lengths.clear()

    @property
    def over(self) -> bool:
        """No burst for longer than a bell pauses."""
        return not self._on and self._off >= _BETWEEN

    def hear(self, level: float) -> bool:
        """Take the level of a frame: whether a bell rings, since the last burst that made it certain."""
        if level >= self._threshold:
            if self._on and self._off:
                self._on += self._off  # the gap was in the burst
            self._on += 1
            self._off = 0
        else:
            self._off += 1
            if self._on and self._off > _GAP:
                self._burst(self._on)
                self._on = 0
            if self._off >= _BETWEEN:
                self._lengths.clear()
        return len(self._lengths) >= _BURSTS

    def _burst(self, length: int) -> None:
        if not _SHORTEST <= length <= _LONGEST:
            self._lengths.clear()
        elif self._lengths and abs(length - self._lengths[-1]) > 5 + _UNLIKE * self._lengths[-1]:
            self._lengths = [length]
        else:
            self._lengths = [*self._lengths[-_BURSTS:], length]
