"""A modem's sound as a device: frames of 20 ms at the network's pace on one side, samples at its own on the other.

A modem that sends and hears at once does not take out what its hybrid throws back (+VTR has no echo canceller by its
definition): that is done here, for those who are connected with somebody through it. And a modem knows the busy tone of
some countries: here those of the line's country are looked for, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.devices import FRAME_SECONDS, Inlet, LineEar, Resampler, tones_of

__all__ = ["RATE", "ModemSound"]

RATE: Final = 8000
"""Samples a second on the network's side: a telephone line has no more."""

_FRAME: Final = round(RATE * FRAME_SECONDS)


class ModemSound:
    """The device. The RTP side reads and writes in a thread of its own; all else is called in the event loop."""

    rate = RATE

    def __init__(
        self,
        on_frame: Callable[[NDArray[np.int16]], None],
        on_over: Callable[[], None],
        country: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Both are called by the RTP thread, during calls alone; ``on_over`` when the exchange sounds a tone that means
        that there is nobody any more."""
        self._on_frame = on_frame
        self._on_over = on_over
        self._country = tones_of(country)
        self._clock = clock
        self._inlet: Inlet | None = None
        self._resampler: Resampler | None = None
        self._ear: LineEar | None = None
        self._sounded = np.zeros(_FRAME, np.int16)

    def begin(self, rate: int, duplex: bool) -> None:
        """A call has sound, of so many samples a second; ``duplex``: both ways at once."""
        self._ear = LineEar(RATE, echo="auto" if duplex else "off", country=self._country)
        self._resampler = Resampler(RATE, rate) if rate != RATE else None
        self._inlet = Inlet(rate, RATE)

    def end(self) -> None:
        """No call any more."""
        self._inlet = None

    def heard(self, samples: NDArray[np.int16]) -> None:
        """Sound of the modem."""
        if self._inlet is not None:
            self._inlet.heard(samples, self._clock())

    def converted(self, frame: NDArray[np.int16]) -> NDArray[np.int16]:
        """A frame at the modem's rate."""
        if self._resampler is None:
            return frame
        made = self._resampler.push(frame.astype(np.float32))
        return np.clip(np.rint(made), -32768, 32767).astype(np.int16)

    def read(self) -> NDArray[np.int16]:
        """See :class:`media.devices.Device`."""
        inlet, ear = self._inlet, self._ear
        if inlet is None or ear is None:
            return np.zeros(_FRAME, np.int16)
        report = ear.hear(inlet.read(self._clock()), self._sounded)
        if report.tone is not None:
            self._on_over()
        return report.sound

    def write(self, frame: NDArray[np.int16]) -> None:
        """See :class:`media.devices.Device`."""
        self._sounded = frame
        if self._inlet is not None:
            self._on_frame(frame)

    def close(self) -> None:
        """See :class:`media.devices.Device`; the port is the hardware's to close."""
        self._inlet = None
