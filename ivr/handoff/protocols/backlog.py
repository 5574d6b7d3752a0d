"""Sound that comes as it is spoken, and has piled up.

Who sends a frame every 20 ms and is late once makes a gap; what follows is heard that much later from then on, and each
further hold-up adds to it. Here is found out how much of what waits is never needed, and so many frames are left out,
quiet ones where there are any. The last frame that waits, which makes good for a small hold-up, is left out with more
care. Each time it takes twice as much care: a network that disturbs again and again keeps what it needs. Sound that
comes faster than it is spoken, as most bots send theirs, is never touched.
"""

from __future__ import annotations

from typing import Final

from ivr.handoff.protocols.laws import loud_samples

__all__ = ["Backlog"]

RATE: Final = 8000
WINDOW: Final = 0.5
"""Seconds that are looked at: a hold-up of the network comes again within them, or is over."""
REAL_TIME: Final = (0.85, 1.15)
"""Seconds of sound that come in a second from one that sends as it speaks."""
LONGEST: Final = RATE * 6 // 100
"""Samples of one message of such a sender."""
FRAME: Final = RATE // 50
"""Samples that are heard together."""
NEEDED: Final = RATE * 4 // 1000
"""Samples that everything must wait: who comes closer to the moment at which its packet is made will miss it now and
then."""
CALM: Final = (4, 128)
"""Windows after which the last frame is left out: the first time, and at most."""
WAIT: Final = (1, 16)
"""Windows after which the frames before the last are left out: the first time, and at most."""
PATIENCE: Final = 3
"""Windows in which only quiet frames of them are left out."""
QUIET: Final = 0.02
"""Share of loud samples of a quiet frame."""


class Backlog:
    """Looks at what one agent sends."""

    __slots__ = (
        "_arrived",
        "_begun",
        "_calm",
        "_excess",
        "_least",
        "_linear",
        "_missed",
        "_piled",
        "_wait",
        "_windows",
        "left_out",
    )

    def __init__(self, linear: bool) -> None:
        self._linear = linear
        self._begun: float | None = None
        self._arrived = 0
        self._least = 0
        self._excess = 0
        self._windows = 0
        self._calm = CALM[0]
        self._piled = 0
        """Windows, one after the other, in all of which more than the last frame was never needed."""
        self._wait = WAIT[0]
        self._missed = False
        """Frames before the last were left out; a hold-up that comes now would have needed them."""
        self.left_out = 0.0
        """Seconds."""

    def surplus(self, payload: bytes, waits: int, now: float) -> bool:
        """Whether a message is to be left out that goes into the packet which is made when so many samples were."""
        samples = len(payload) // 2 if self._linear else len(payload)
        if samples > LONGEST:
            self._begun = None
            self._excess = 0
            return False
        if self._begun is None or now - self._begun > 2 * WINDOW:
            self._restart(now, waits)
        elif now - self._begun >= WINDOW:
            arrived = self._arrived / RATE / (now - self._begun)
            spare = self._least - NEEDED
            usual = REAL_TIME[0] <= arrived <= REAL_TIME[1]
            self._windows = self._windows + 1 if usual and spare > 0 else 0
            self._piled = self._piled + 1 if self._windows and spare >= 2 * FRAME else 0
            if self._missed and spare < FRAME:
                self._wait, self._missed = min(2 * self._wait, WAIT[1]), False
            if spare >= 2 * FRAME:
                self._excess = spare - FRAME if self._piled >= self._wait else 0
            else:
                self._excess = spare if self._windows > self._calm else 0
            self._restart(now, waits)
        self._arrived += samples
        self._least = min(self._least, waits)
        if samples > self._excess or not samples:
            return False
        if self._windows < PATIENCE + self._wait and loud_samples(payload, self._linear) > QUIET * samples:
            return False
        if self._least - NEEDED - samples < FRAME:
            self._calm = min(2 * self._calm, CALM[1])
            self._windows = 0
            self._missed = False
        else:
            self._missed = True
        self._least -= samples
        self._excess -= samples
        self.left_out += samples / RATE
        return True

    def _restart(self, now: float, waits: int) -> None:
        self._begun = now
        self._arrived = 0
        self._least = waits
