"""Sound on its way to a modem: as much as it needs to play on, and no more; silence makes room when there is too much.

Frames come at the network's pace and are played at the modem's. The modem is given a lead (it must not run dry), anew
and a little longer after each underrun: its clock may be faster. What is waiting beyond that, because the modem was
still hearing when a prompt began, or because its clock is slower, is made up for by leaving out silent frames.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.devices.modem.protocol.formats import SampleFormat, encode
from ivr.devices.modem.protocol.wire import shield

__all__ = ["HANGOVER", "QUIET", "Sender"]

QUIET: Final = 64
"""Highest sample of a silent frame: A-law and µ-law have silence as up to 8, comfort noise stays below -55 dBFS."""

HANGOVER: Final = 0.4
"""Seconds of silence before a half duplex modem turns to hearing: longer than the pauses inside of most sentences."""

FIRST_LEAD: Final = 0.08
"""Seconds that the modem is ahead: four frames, for a network and a machine that are late at times."""
_LONGEST_LEAD: Final = 0.24
_LEAD_STEP: Final = 0.02
_LEAST_AHEAD: Final = 0.03
"""Seconds ahead at which silence is filled in for frames that do not come."""
_BURST: Final = 0.06
"""Seconds that may be sent beyond the lead: frames come in bunches at times."""

_ROUNDING: Final = 1e-6
"""Seconds: :meth:`Sender.next_at` is never a moment at which nothing is due."""

_SLACK: Final = 0.20
"""Seconds waiting from which on silent frames are left out."""
_LONGEST: Final = 8.0
"""Seconds waiting from which on the oldest sound is lost: the modem does not play at all."""


class Sender:
    """The way out of one call. Times are seconds of the monotonic clock."""

    def __init__(self, format_: SampleFormat, now: float) -> None:
        self._format = format_
        self._frames: deque[tuple[bytes, bool]] = deque()  # octets, silent
        self._held = 0
        self._loud_at = now - HANGOVER
        self._loud = 0
        self._began: float | None = None
        self._sent = 0.0
        self._filling = False
        self.lead = FIRST_LEAD
        """Seconds that the modem is kept ahead."""
        self.left_out = 0
        """Frames that were not sent."""
        self.filled_in = 0
        """Frames of silence for such that did not come."""

    @property
    def waiting(self) -> float:
        """Seconds that wait."""
        return self._held / self._format.width / self._format.rate

    def put(self, samples: NDArray[np.int16], now: float, keep_silence: bool) -> None:
        """The next frame, at the modem's rate. ``keep_silence``: sound is flowing, and a pause belongs to it."""
        silent = int(np.abs(samples.astype(np.int32)).max(initial=0)) <= QUIET
        if not silent:
            self._loud_at = now
            self._loud += 1
        elif self.waiting > _SLACK or not (keep_silence or self._loud):
            self.left_out += 1
            return
        self._frames.append((encode(self._format.coding, samples), silent))
        self._held += len(self._frames[-1][0])
        while self.waiting > _LONGEST:
            self._pop()
            self.left_out += 1

    def wants(self, now: float) -> bool:
        """There is something to sound, or was a moment ago."""
        return self._loud > 0 or now - self._loud_at < HANGOVER

    def begin(self, now: float) -> None:
        """The modem takes sound from here on."""
        self._began = now
        self._sent = 0.0
        self._filling = True

    def end(self) -> None:
        """The modem takes none any more. What waits, waits."""
        self._began = None

    def underrun(self, now: float) -> None:
        """The modem has run dry."""
        if self._began is not None and not self._filling:
            self.lead = min(self.lead + _LEAD_STEP, _LONGEST_LEAD)
            self._sent = now - self._began
            self._filling = True

    def due(self, now: float) -> bytes:
        """What is to be sent now, shielded."""
        if self._began is None:
            return b""
        out = bytearray()
        ahead = self._sent - (now - self._began)
        if ahead < 0:  # the modem ran dry, or this machine slept: what is past needs no sound
            self._sent -= ahead
            ahead = 0.0
        while ahead <= self.lead + (0.0 if self._filling else _BURST) + _ROUNDING:
            if self._frames:
                data = self._pop()
            elif self._filling or ahead <= _LEAST_AHEAD + _ROUNDING:
                data = encode(self._format.coding, np.zeros(self._format.rate // 50, np.int16))
                self.filled_in += 1
            else:
                break
            out += data
            seconds = len(data) / self._format.width / self._format.rate
            self._sent += seconds
            ahead += seconds
        self._filling = False
        return shield(bytes(out))

    def next_at(self) -> float | None:
        """When :meth:`due` has something, if no frame comes before."""
        if self._began is None:
            return None
        return self._began + self._sent - (self.lead + _BURST if self._frames else _LEAST_AHEAD)

    def _pop(self) -> bytes:
        data, silent = self._frames.popleft()
        self._held -= len(data)
        self._loud -= not silent
        return data
