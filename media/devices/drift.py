"""Two clocks that are never the same: how fast to play so that a buffer between them neither runs dry nor over.

A card's crystal is off by up to 200 ppm, which is a buffer of 20 ms lost in 100 s. Instead of leaving samples out, what
passes through the buffer is resampled by a speed near one, which a PI controller takes from the buffer's fill: slow
enough that no ear follows it, and with the difference of the clocks learnt, so that the fill ends where it should be.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MOST_OFF", "Regulator"]

MOST_OFF: Final = 2e-3
"""Most that the speed differs from one: 3.5 cents, below the 5 that trained ears tell apart, and four times what the
worst cards need."""
_MOST_LEARNT: Final = 1e-3  # of the clocks' difference; crystals stay within 2e-4, cheap oscillators within 5e-4

_GAIN: Final = 0.05
"""A second: of a fill that is off by 10 ms, 0.5 ms are made good in each second."""
_LEARNING: Final = _GAIN * _GAIN / 4
"""A second squared: as fast as it can be without overshoot."""
_SMOOTHING: Final = 2.0
"""Seconds over which the fill is averaged: callbacks come late by 10 ms, and the speed shall not follow that."""
_SETTLING: Final = 1.0
"""Seconds after which it is known where a buffer that was just filled stands; until then what was learnt counts."""
_SLACK: Final = 0.015
"""Seconds above the target that are kept as they are: who fills a buffer sees a moment of its clocks, not their mean,
and to work that off would be heard sooner than it."""


class Regulator:
    """Speed of what passes through one buffer.

    ``fill`` and ``target`` are seconds of sound in it. The fill is to be measured as if both sides were continuous: a
    count of whole blocks alone stands still while the clocks drift, and then jumps.
    """

    def __init__(self, target: float) -> None:
        self.target = target
        self._learnt = 0.0
        self.restart()

    @property
    def drift(self) -> float:
        """How much faster the side that fills the buffer is, as far as is known: 1e-4 is 100 ppm."""
        return self._learnt

    @property
    def place(self) -> float:
        """Seconds that are kept in the buffer: the target, or a little more."""
        return self._place

    @property
    def fill(self) -> float:
        """Seconds in the buffer, smoothed."""
        return self._fill

    def restart(self) -> None:
        """The buffer was filled anew to its target; what was learnt of the clocks holds."""
        self._fill = self._place = self.target
        self._settled = 0.0
        self._mean = 0.0

    def step(self, fill: float, seconds: float) -> float:
        """The speed at which the buffer is to be used up, ``seconds`` after the step before."""
        if self._settled < _SETTLING:
            self._settled += seconds
            self._mean += fill * seconds
            if self._settled >= _SETTLING:
                self._fill = self._mean / self._settled
                self._place = min(max(self._fill, self.target), self.target + _SLACK)
            return 1.0 + self._learnt
        self._fill += (fill - self._fill) * seconds / (_SMOOTHING + seconds)
        off = self._fill - self._place
        self._learnt = _within(self._learnt + _LEARNING * off * seconds, _MOST_LEARNT)
        return 1.0 + _within(self._learnt + _GAIN * off, MOST_OFF)


def _within(value: float, most: float) -> float:
    return max(-most, min(most, value))
