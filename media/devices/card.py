"""A sound card as a device: two streams of PortAudio, looked after by a thread that brings a vanished card back.

PortAudio tells nobody that a device is gone: its callbacks stop, and the stream goes on saying that it is active; or
PipeWire moves the sound to another card. So callbacks and routes are watched.

Latency of each way: what is kept for late threads (50 ms at first of what is heard, 20 ms of what is sounded, and more
where sound was missing), 3 ms of filter at 8 kHz, and what the driver keeps.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from media.devices.cards import BLOCKS, CardError, CardHost, CardInfo, CardStream, PortAudio, choose
from media.devices.clocks import Inlet, Outlet
from media.devices.face import FRAME_SECONDS
from media.devices.routes import RouteWatch

__all__ = ["CardDevice", "CardState", "CardStatistics"]

SILENT_AFTER: Final = 0.6
"""Seconds without a callback after which a card is gone: sixty blocks, so no load explains it, and still within the
second in which a call should know."""
START_WITHIN: Final = 1.0
"""Seconds that a card has for its first callbacks; then it is opened anew, with longer blocks."""
ROUTED_WITHIN: Final = 0.3
"""Seconds of callbacks after which the sound goes where it will go: PipeWire's session manager links in 50 ms."""
STUCK_AFTER: Final = 5.0
"""Seconds that opening or closing takes at most: PortAudio then hangs in a driver, and only a new process helps."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a card that is not there."""
_WATCH_EVERY: Final = 0.1
_NICE: Final = -11
"""Of the card's threads, where that is permitted: as sound systems have theirs."""


@dataclass(frozen=True, slots=True)
class CardState:
    """Whether the card works, told when that changes, or when it does not for another reason."""

    there: bool
    """It hears and sounds."""
    text: str
    """Names of its devices, or why it is gone: a sentence for the log."""


@dataclass(frozen=True, slots=True)
class CardStatistics:
    """How it goes."""

    input_rate: int
    """Samples a second of the card; 0: it is not open."""
    output_rate: int
    input_latency: float
    """Seconds from a callback to the frame, the driver's own not counted."""
    output_latency: float
    """Seconds from the frame to a callback, likewise."""
    input_drift: float
    """How much faster than the network the card's clock is, as far as is known: 1e-4 is 100 ppm."""
    output_drift: float
    """The same, of the output."""
    gaps: int
    """Times that sound was missing, both ways."""
    losses: int
    """Times that the card was gone."""


class CardDevice:
    """Input and output of this machine by name, as a :class:`~media.devices.Device`.

    Names may be parts of names; None is the default of the system. ``channel``, from 1, is the one that is heard and
    sounded. ``gains`` are decibels added to what is heard and to what is sounded. With ``wait`` a card that is not
    there is waited for; otherwise CardError says what there is.
    """

    def __init__(
        self,
        input: str | int | None = None,  # the field's word for it
        output: str | int | None = None,
        *,
        rate: Literal[8000, 16000] = 8000,
        channel: int = 1,
        gains: tuple[float, float] = (0.0, 0.0),
        on_change: Callable[[CardState], None] | None = None,
        wait: bool = False,
        host: CardHost | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_change`` is called by a thread of the device."""
        self.rate: int = rate
        self._wanted = (input, output)
        self._channel = channel
        self._gains = (10 ** (gains[0] / 20), 10 ** (gains[1] / 20))
        self._on_change = on_change
        self._clock = clock
        self._host: CardHost = host or PortAudio.shared()
        self._silence = np.zeros(round(rate * FRAME_SECONDS), np.int16)
        self._inlet: Inlet | None = None
        self._outlet: Outlet | None = None
        self._streams: list[CardStream] = []
        self._names = ""
        self._why = ""
        self._heard_at = self._sounded_at = 0.0
        self._opened_at = 0.0
        self._there = False
        self._losses = 0
        self._starts = 0
        """Times that no callbacks came."""
        self._next_look = 0.0
        self._routes: RouteWatch | None = None
        self._watched_at = clock()
        self._closing = threading.Event()
        self._changed = threading.Condition()
        if not wait:
            self._open()
        self._keeper = threading.Thread(target=self._keep, name="card", daemon=True)
        self._keeper.start()

    @property
    def there(self) -> bool:
        """Whether it hears and sounds."""
        return self._there

    @property
    def stuck(self) -> bool:
        """Opening or closing hangs in a driver: the card comes back in a new process alone."""
        return self._clock() - self._watched_at > STUCK_AFTER

    def wait_for(self, there: bool, seconds: float) -> bool:
        """Wait until it works, or is gone; False where that did not happen within ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._there is there, seconds)

    def statistics(self) -> CardStatistics:
        """How it goes; rates and latencies are 0 where it is not open."""
        inlet, outlet, streams = self._inlet, self._outlet, self._streams
        return CardStatistics(
            input_rate=streams[0].rate if streams else 0,
            output_rate=streams[-1].rate if streams else 0,
            input_latency=inlet.latency if inlet else 0.0,
            output_latency=outlet.latency if outlet else 0.0,
            input_drift=inlet.regulator.drift if inlet else 0.0,
            output_drift=outlet.regulator.drift if outlet else 0.0,
            gaps=(inlet.gaps if inlet else 0) + (outlet.gaps if outlet else 0),
            losses=self._losses,
        )

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms that were heard."""
        inlet = self._inlet
        return inlet.read(self._clock()) if inlet is not None and self._there else self._silence.copy()

    def write(self, frame: NDArray[np.int16]) -> None:
        """Sound these 20 ms next."""
        outlet = self._outlet
        if outlet is not None and self._there:
            outlet.write(frame, self._clock())

    def close(self) -> None:
        """Let go of the card."""
        self._closing.set()
        if self._keeper is not threading.current_thread():
            self._keeper.join(START_WITHIN)

    # The keeper's thread from here on, and the card's where a callback says so.

    def _keep(self) -> None:
        while not self._closing.wait(_WATCH_EVERY):
            now = self._watched_at = self._clock()
            if self._streams:
                self._watch(now)
            elif now >= self._next_look:
                self._next_look = now + LOOK_EVERY
                self._look()
        self._shut()
        if self._routes is not None:
            self._routes.close()

    def _look(self) -> None:
        try:
            self._open()
        except CardError as error:
            if str(error) != self._why:
                self._why = str(error)
                self._tell(CardState(False, self._why))

    def _watch(self, now: float) -> None:
        oldest = min(self._heard_at, self._sounded_at)
        astray = self._routes.astray if self._routes is not None else ""
        if not self._there:
            if astray or (now - self._opened_at > START_WITHIN and not oldest):
                self._starts += not astray
                self._shut()
            elif oldest and (now - self._opened_at > ROUTED_WITHIN or self._routes is None):
                self._tell(CardState(True, self._names))
        elif astray or now - oldest > SILENT_AFTER:
            what = "hears" if self._heard_at < self._sounded_at else "sounds"
            self._losses += 1
            self._tell(CardState(False, astray or f"{self._names}: the card {what} no more"))
            self._shut()

    def _open(self) -> None:
        there = self._host.cards(again=True)
        heard, sounded = choose(self._wanted[0], "input", there), choose(self._wanted[1], "output", there)
        self._watch_routes()
        self._heard_at = self._sounded_at = 0.0
        self._opened_at = self._clock()
        block = BLOCKS[self._starts % len(BLOCKS)]
        try:
            hearing = self._host.listen(heard, self._channels(heard, heard.inputs), block, self._hear)
            self._streams.append(hearing)
            sounding = self._host.sound(sounded, self._channels(sounded, sounded.outputs), block, self._give)
            self._streams.append(sounding)
        except CardError:
            self._shut()
            raise
        self._names = heard.name if heard.name == sounded.name else f"{heard.name}, {sounded.name}"
        self._inlet = Inlet(hearing.rate, self.rate, self._gains[0])
        self._outlet = Outlet(sounding.rate, self.rate, self._gains[1])
        self._next_look = self._clock() + LOOK_EVERY

    def _watch_routes(self) -> None:
        """Only where cards are named, and by PortAudio itself: a default may be any card."""
        if self._wanted == (None, None) or not isinstance(self._host, PortAudio):
            return
        if self._routes is None or not self._routes.running:
            if self._routes is not None:
                self._routes.close()
            self._routes = RouteWatch(os.getpid())

    def _channels(self, card: CardInfo, there: int) -> int:
        if there < self._channel:
            raise CardError(f"{card.name!r} has {there} channels, and the line is on channel {self._channel}")
        return self._channel

    def _shut(self) -> None:
        streams, self._streams = self._streams, []
        self._inlet = self._outlet = None
        for stream in streams:
            stream.close()

    def _tell(self, state: CardState) -> None:
        if state.there:
            self._why = ""
        with self._changed:
            self._there = state.there
            self._changed.notify_all()
        if self._on_change is not None:
            self._on_change(state)

    def _hear(self, data: bytes, lost: bool) -> None:
        """A callback of the input."""
        now = self._clock()
        if not self._heard_at:
            _hurry()
        inlet = self._inlet
        if inlet is not None:
            inlet.heard(np.frombuffer(data, np.int16)[self._channel - 1 :: self._channel], now, lost)
            self._heard_at = now

    def _give(self, count: int, lost: bool) -> bytes:
        """A callback of the output."""
        now = self._clock()
        if not self._sounded_at:
            _hurry()
        outlet = self._outlet
        if outlet is None:
            return bytes(2 * count * self._channel)
        samples = outlet.wanted(count, now, lost)
        self._sounded_at = now
        if self._channel == 1:
            return samples.tobytes()
        block = np.zeros((count, self._channel), np.int16)
        block[:, -1] = samples
        return block.tobytes()


def _hurry() -> None:
    """Let this thread come before others; that of PortAudio is told so by its first callback."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
