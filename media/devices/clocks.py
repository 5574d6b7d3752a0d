"""Sound between a card's clock and the network's: for each way a ring, a converter of rates and a regulator.

The card's thread calls :meth:`Inlet.heard` and :meth:`Outlet.wanted`, which copy and no more; the thread of the call
does the arithmetic. Time is passed in, seconds of the monotonic clock. In how large pieces a card takes and gives its
sound is learnt: wherever sound was missing, a little more is kept from then on.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.devices.drift import Regulator
from media.devices.face import FRAME_SECONDS
from media.devices.rates import Resampler
from media.devices.ring import Mark, Ring

__all__ = ["MOST_KEPT", "Inlet", "Outlet"]

_MARGIN: Final = 0.01
"""Seconds kept for threads that come late, at first."""
_BLOCK: Final = 0.02
"""Seconds that a card gives at once, as a rule."""
_GROWTH: Final = 0.01
"""Seconds that are kept more after sound was missing."""
MOST_KEPT: Final = 0.12
"""Seconds at most: a card that needs more is not fit for talking, and the call is better off with gaps."""
_TOO_MUCH: Final = 0.1
"""Seconds above the target that are not worked off but left out: a thread was stopped, or nobody had listened."""
_RING_SECONDS: Final = 0.5
_OLDEST: Final = 0.1
"""Seconds for which a card's clock is taken to run on without a callback; what was heard before is of no use then."""
_PAUSE: Final = 0.1
"""Seconds without a frame after which sounding begins anew: there was no call, and nothing was missing."""


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


class Inlet:
    """What the card hears, in frames of 20 ms at the network's pace."""

    def __init__(self, card_rate: int, rate: int, gain: float = 1.0) -> None:
        self._card_rate = card_rate
        self._frame = round(rate * FRAME_SECONDS)
        self._gain = gain
        self._ring = Ring(round(card_rate * _RING_SECONDS))
        self._resampler = Resampler(card_rate, rate)
        self._regulator = Regulator(FRAME_SECONDS + _BLOCK + _MARGIN)
        self._mark = Mark(0, 0.0)
        self._running = False
        self._lost = False
        self.gaps = 0
        """Times that sound was missing."""

    @property
    def regulator(self) -> Regulator:
        """What it knows of the fill and the clocks."""
        return self._regulator

    @property
    def latency(self) -> float:
        """Seconds between a callback of the card and the frame that has its sound, on average."""
        return self._regulator.fill + self._resampler.delay / self._card_rate

    def heard(self, samples: NDArray[np.int16], now: float, lost: bool = False) -> None:
        """Take a block from the card, (n,); ``lost``: some that came before it is missing."""
        self._lost |= lost
        if self._ring.write(samples):
            self._mark = Mark(self._ring.written, now)

    def read(self, now: float) -> NDArray[np.int16]:
        """The next frame; silence where there is none."""
        written, at = self._mark
        target = self._regulator.target
        if now - at > _OLDEST:  # nobody had listened until it was full, or the card has stopped
            self._ring.skip(self._ring.held)
            self._running = False
            return np.zeros(self._frame, np.int16)
        fill = (written - self._ring.taken) / self._card_rate + now - at
        if self._lost:  # a jump is heard already, and says nothing of the clocks
            self._lost = False
            self._running = self._running and fill >= target
            self._regulator.restart()
        if fill > target + _TOO_MUCH or (not self._running and fill >= target):
            self._ring.skip(round((fill - target) * self._card_rate))
            self._regulator.restart()
            self._running = True
            fill = target
        if not self._running:
            return np.zeros(self._frame, np.int16)
        speed = self._regulator.step(fill, FRAME_SECONDS)
        count = self._resampler.needs(self._frame, speed)
        if self._ring.held < count:
            self._running = False
            self.gaps += 1
            self._regulator.target = min(target + _GROWTH, MOST_KEPT)
            return np.zeros(self._frame, np.int16)
        taken = self._ring.take(count).astype(np.float32)
        return _int16(self._resampler.pull(taken, self._frame, speed) * self._gain)


class Outlet:
    """What the card sounds, from frames of 20 ms at the network's pace."""

    def __init__(self, card_rate: int, rate: int, gain: float = 1.0) -> None:
        self._card_rate = card_rate
        self._gain = gain
        self._ring = Ring(round(card_rate * _RING_SECONDS))
        self._resampler = Resampler(rate, card_rate)
        self._delay = self._resampler.delay / rate
        self._regulator = Regulator(2 * _MARGIN)
        self._mark = Mark(0, 0.0)
        self._last = -_PAUSE
        self._missing = 0
        self._missed = 0
        self._lost = False
        self.gaps = 0
        """Times that sound was missing."""

    @property
    def regulator(self) -> Regulator:
        """What it knows of the fill and the clocks."""
        return self._regulator

    @property
    def latency(self) -> float:
        """Seconds between a frame and the callback that takes it to the card, on average."""
        return self._regulator.fill + self._delay

    def wanted(self, count: int, now: float, lost: bool = False) -> NDArray[np.int16]:
        """Give a block to the card, (count,); silence where there is none. ``lost``: the card had stood still."""
        self._lost |= lost
        taken = self._ring.take(count)
        self._mark = Mark(self._ring.taken, now)
        if len(taken) == count:
            return taken
        self._missing += 1
        return np.concatenate((taken, np.zeros(count - len(taken), np.int16)))

    def write(self, frame: NDArray[np.int16], now: float) -> None:
        """Sound a frame next; one that there is no room for is left out."""
        taken, at = self._mark
        fill = (self._ring.written - taken) / self._card_rate - min(now - at, _OLDEST)
        missing, self._missed = self._missing - self._missed, self._missing
        paused, self._last = now - self._last > _PAUSE, now
        if missing or paused:
            if not paused:
                self.gaps += 1
                self._regulator.target = min(self._regulator.target + _GROWTH, MOST_KEPT)
            silence = round((self._regulator.target - fill) * self._card_rate)
            self._ring.write(np.zeros(max(0, silence), np.int16))
            self._regulator.restart()
            fill = self._regulator.target
        if self._lost:  # what was not sounded meanwhile is left out: the jump is heard already
            self._lost = fill > self._regulator.target + FRAME_SECONDS
            self._regulator.restart()
            if self._lost:
                return
        if fill > self._regulator.target + _TOO_MUCH:
            self._regulator.restart()
            return
        speed = self._regulator.step(fill, FRAME_SECONDS)
        self._ring.write(_int16(self._resampler.push(frame.astype(np.float32) * self._gain, speed)))
