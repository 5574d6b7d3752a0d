"""A line, an emulated modem and an exchange in virtual time: an hour of telephony in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from ivr.devices.hardware import HardwareEvent
from ivr.devices.modem.protocol import ModemLine, Wish
from tests.kit.modem.chips import Chip
from tests.kit.modem.emulator import EmulatedModem
from tests.kit.modem.exchange import TICK, Exchange, Phone, Sound

__all__ = ["VirtualLine"]


class VirtualLine:
    """Everything of one line: ``line`` is what is tested, ``phone`` is the other side, number 200; the line is 100."""

    def __init__(
        self,
        chip: str | Chip = "cx93010",
        *,
        wish: Wish | None = None,
        exchange: Exchange | None = None,
        ppm: float = 0.0,
        usb: tuple[int, int] | None = None,
    ) -> None:
        self.now = 100.0
        self.exchange = exchange or Exchange()
        self.exchange.now = self.now
        self.modem = EmulatedModem(chip, self.exchange.line("100"), ppm=ppm)
        self.phone = Phone(self.exchange.line("200"))
        self.trace: list[str] = []
        self.line = ModemLine(wish or Wish(), usb, self.trace.append)
        self.events: list[HardwareEvent] = []
        self.heard: list[Sound] = []
        self.times: dict[int, float] = {}
        """When each event came, by its place."""
        self.sound: deque[Sound] = deque()
        """Frames of 20 ms at the modem's rate that go out next; silence after them."""
        self.doings: list[str] = []
        self._pending = bytearray()
        self._ticks = 0
        self.line.open(self.now)
        self._settle()

    def _settle(self) -> None:
        self._pending += self.line.take_output()
        for doing in self.line.take_doings():
            self.doings.append(doing)
            self.modem.break_() if doing == "break" else self.modem.drop_dtr()
        for event in self.line.take_events():
            self.times[len(self.events)] = self.now
            self.events.append(event)
        self.heard += self.line.take_heard()

    def step(self) -> None:
        """The next 10 ms."""
        self._ticks += 1
        self.now = 100.0 + self._ticks * TICK
        self.exchange.tick(self.now)
        self.modem.tick(self.now)
        data = self.modem.read()
        if data:
            self.line.receive(data, self.now)
            self._settle()
        if self._ticks % 2 == 0 and self.line.setup is not None:
            rate = self.line.setup.format.rate
            frame = self.sound.popleft() if self.sound else np.zeros(rate // 50, np.int16)
            self.line.sound(frame, self.now)
            self._settle()
        wake = self.line.wake_at()
        if wake is not None and wake <= self.now:
            self.line.timer(self.now)
            self._settle()
        room = min(self.modem.room, 115)
        if self._pending and room:
            self.modem.write(bytes(self._pending[:room]), self.now)
            del self._pending[:room]

    def do(self, verb: Callable[..., None], *what: object) -> None:
        """Tell the line something."""
        verb(*what, self.now)
        self._settle()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            self.step()

    def until(self, reached: Callable[[], bool], seconds: float = 30.0) -> None:
        """Let time pass until something holds; fails if it does not in time."""
        end = self.now + seconds
        while not reached():
            assert self.now < end, f"not reached in {seconds} s; {self.line.state}, {self.events}, {self.trace[-12:]}"
            self.step()

    def await_event(self, kind: type, seconds: float = 30.0) -> HardwareEvent:
        """Let time pass until such an event comes; gives it."""
        self.until(lambda: any(isinstance(event, kind) for event in self.events), seconds)
        return next(event for event in self.events if isinstance(event, kind))

    def play(self, samples: Sound) -> None:
        """Sound for the other side."""
        assert self.line.setup is not None
        size = self.line.setup.format.rate // 50
        self.sound.extend(samples[at : at + size] for at in range(0, len(samples) - size + 1, size))

    def recorded(self) -> Sound:
        """All that was heard."""
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)
