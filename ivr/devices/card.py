"""A sound card as a line's hardware: card, ears, handset and clock around :class:`~ivr.devices.cardline.CardLine`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ivr.devices.cardline import CardLine, CardWish, Sounding
from ivr.devices.hardware import HardwareEvent
from ivr.devices.hid import Handset, HandsetError, HidEvent, HidHandset
from ivr.settings import SoundCard
from media.devices import FRAME_SECONDS, CardDevice, CardError, CardState, Device, LineEar, LineTones, tones_of

__all__ = ["Card", "CardHardware"]

log = logging.getLogger("ivr.devices.card")

IDLE_AFTER: Final = 0.06
"""Seconds without an endpoint that reads, after which the line hears by itself: three frames are no stall."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a handset that is not there."""
_CARD_FIRST: Final = 0.05
"""Seconds between two looks whether the card has been found, beside which the handset is."""
STUCK: Final = 70
"""Exit code of a process whose driver hangs: another process gets hold of the card, this one never will."""
_HW = re.compile(r"\(hw:(\d+),")


class Card(Protocol):
    """What is used of a :class:`~media.devices.CardDevice`."""

    @property
    def stuck(self) -> bool:
        """A driver hangs."""

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms."""

    def write(self, frame: NDArray[np.int16]) -> None:
        """Sound these 20 ms."""

    def close(self) -> None:
        """Let go."""


MakeCard = Callable[[Callable[[CardState], None]], Card]
MakeHandset = Callable[[int | None], Handset]


class _LineSound:
    """A line as a device."""

    def __init__(self, line: CardHardware) -> None:
        self._line = line
        self.rate = line.rate

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms of the other side."""
        return self._line.read()

    def write(self, frame: NDArray[np.int16]) -> None:
        """Sound these 20 ms."""
        self._line.write(frame)

    def close(self) -> None:
        """Nothing: the card stays the line's from call to call."""


class CardHardware:
    """See :class:`ivr.devices.hardware.Hardware`. Also its :attr:`device`: what the endpoint reads and writes."""

    full_duplex = True

    def __init__(
        self,
        settings: SoundCard,
        *,
        card: MakeCard | None = None,
        handset: MakeHandset | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_stuck: Callable[[], None] = lambda: os._exit(STUCK),
    ) -> None:
        """Nothing is opened yet. ``card`` and ``handset`` make them, for tests."""
        self._settings = settings
        self._clock = clock
        self._make_card = card or self._real_card
        self._make_handset = handset or (lambda number: HidHandset(settings.hid, number))
        self._on_stuck = on_stuck
        self.rate: int = 16000 if settings.wideband else 8000
        self.early_media = settings.dial == "tones"
        self.on_event: Callable[[HardwareEvent], None] = lambda event: None
        wish = CardWish(settings.answer, settings.dial, settings.threshold, settings.hang_up_after)
        country = tones_of(settings.country)
        self._line = CardLine(wish)
        self._ear = LineEar(self.rate, echo=settings.echo, country=country)
        self._tones = LineTones(self.rate, country)
        self._sounds = Sounding.NOTHING
        self._silence = np.zeros(round(self.rate * FRAME_SECONDS), np.int16)
        self._frame = self._silence
        self._last_read = -IDLE_AFTER
        self._lock = threading.Lock()
        """Held for the arithmetic of one frame, or for one command: the endpoint's thread, the idle one, the loop."""
        self._closing = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._card: Card | None = None
        self._handset: Handset | None = None
        self._threads: list[threading.Thread] = []
        self._said = ""

    @property
    def device(self) -> Device:
        """What an endpoint reads and writes: the line itself, which alone closes what it has opened."""
        return _LineSound(self)

    async def start(self) -> None:
        """Look for the card, and for it again whenever it is lost."""
        self._loop = asyncio.get_running_loop()
        for target in (self._idle, self._look_for_handset):
            thread = threading.Thread(target=target, name=f"card-{target.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def close(self) -> None:
        """Let go of card and handset."""
        self._closing.set()
        await asyncio.to_thread(self._let_go)

    def answer(self) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        with self._lock:
            self._tell(self._line.answer(self._clock()))

    def dial(self, number: str) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        with self._lock:
            self._tell(self._line.dial(number, self._clock()))

    def hang_up(self) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        with self._lock:
            self._tell(self._line.hang_up(self._clock()))

    def send_key(self, digit: str) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        with self._lock:
            if self._line.sounding is Sounding.NETWORK:
                self._tones.dial(digit)

    # What the endpoint's thread calls

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms of the other side; silence while there is no call."""
        self._last_read = self._clock()
        with self._lock:
            return self._turn()

    def write(self, frame: NDArray[np.int16]) -> None:
        """Sound these 20 ms with the next turn."""
        self._frame = frame

    # One frame

    def _turn(self) -> NDArray[np.int16]:
        card, line = self._card, self._line
        if card is None:
            return self._silence
        sounded = self._sound()
        card.write(sounded)
        report = self._ear.hear(card.read(), sounded)
        self._tell(line.hear(report, self._tones.busy, self._clock()))
        self._frame = self._silence
        return report.sound if line.heard else self._silence

    def _sound(self) -> NDArray[np.int16]:
        """The frame that the card sounds now."""
        wanted, before = self._line.sounding, self._sounds
        if wanted is not before:
            self._sounds = wanted
            self._tones.stop()
            match wanted:
                case Sounding.RING:
                    self._tones.ring()
                case Sounding.BUSY:
                    self._tones.hung_up()
                case Sounding.DIGITS:
                    self._tones.dial(self._line.dialled, self._line.dial_wait)
        own = self._tones.next()
        if own is not None:
            return own
        return self._frame if wanted is Sounding.NETWORK else self._silence

    def _tell(self, events: list[HardwareEvent]) -> None:
        """Hand events on to the loop, in their order, from whatever thread."""
        if self._handset is not None:
            self._handset.show(off_hook=self._line.off_hook, ring=self._line.sounding is Sounding.RING)
        if events and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._deliver, events)

    def _deliver(self, events: list[HardwareEvent]) -> None:
        for event in events:
            self.on_event(event)

    # Threads of its own

    def _idle(self) -> None:
        try:
            self._hear_idle()
        except Exception:
            log.exception("the line cannot go on and begins anew in another process")
            self._on_stuck()

    def _hear_idle(self) -> None:
        """Open the card, then hear it while no endpoint does."""
        while not self._closing.is_set():
            try:
                self._card = self._make_card(self._changed)
                break
            except CardError as error:
                self._say(str(error))
                self._closing.wait(LOOK_EVERY)
        tick = self._clock()
        while not self._closing.wait(max(0.0, tick - self._clock())):
            now = self._clock()
            tick = max(tick + FRAME_SECONDS, now - FRAME_SECONDS)
            if now - self._last_read > IDLE_AFTER:
                with self._lock:
                    self._turn()
            if self._card is not None and self._card.stuck:
                log.error("the sound system hangs; the line begins anew in another process")
                self._on_stuck()
                return

    def _changed(self, state: CardState) -> None:
        """The card came, or went; told by a thread of the card."""
        number = _HW.search(state.text)
        with self._lock:
            now = self._clock()
            self._tell(self._line.found(state.text, now) if state.there else self._line.lost(state.text, now))
        self._number = int(number[1]) if number else None

    _number: int | None = None
    """The kernel's number of the card, where it is a card of the kernel's."""

    def _look_for_handset(self) -> None:
        """A handset that is told to be there is looked for until it is; its loss is no loss of the card."""
        settings = self._settings
        if settings.hid == "off" or (settings.hid == "auto" and settings.answer != "hook"):
            return
        pause = _CARD_FIRST
        while not self._closing.wait(pause):
            if self._handset is not None or self._card is None:
                continue
            pause = LOOK_EVERY
            try:
                handset = self._make_handset(self._number)
            except HandsetError as error:
                self._say(str(error))
                continue
            self._said = ""
            self._handset = handset
            handset.start(self._on_hid, self._handset_lost)

    def _on_hid(self, event: HidEvent) -> None:
        line = self._line
        with self._lock:
            now = self._clock()
            match event.what:
                case "lifted" | "on_hook":
                    self._tell(line.hook(event.what == "lifted", now))
                case "drop":
                    self._tell(line.drop(now))
                case "key":
                    self._tell(line.key(event.digit, now))

    def _handset_lost(self, reason: str) -> None:
        log.warning("%s", reason)
        self._handset = None
        with self._lock:
            self._tell(self._line.hook(False, self._clock()))

    def _say(self, text: str) -> None:
        """Log what is wrong, once."""
        if text != self._said:
            self._said = text
            log.warning("%s", text)

    def _let_go(self) -> None:
        for thread in self._threads:
            thread.join(LOOK_EVERY)
        if self._handset is not None:
            self._handset.close()
        if self._card is not None:
            self._card.close()

    def _real_card(self, changed: Callable[[CardState], None]) -> Card:
        settings = self._settings
        return CardDevice(
            settings.input,
            settings.output,
            rate=16000 if settings.wideband else 8000,
            channel=settings.channel,
            gains=(settings.input_gain, settings.output_gain),
            on_change=changed,
            wait=True,
        )
