"""Emulated modems on ptys in real time, joined by a telephone exchange that a thread runs.

::

    with Office() as office:
        modem = office.modem("cx93010", "100")      # modem.port: give this to a line
        phone = office.phone("200")                 # a telephone for the test
        phone.call("100", Caller("5551234", "ADA"))
        office.until(lambda: phone.tone == "voice")

What is done with modems and phones between ticks is done under :attr:`Office.lock`, which every method here takes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import numpy as np

from tests.kit.modem.chips import CHIPS, Chip
from tests.kit.modem.emulator import EmulatedModem, Fault, Misbehaviour
from tests.kit.modem.exchange import TICK, Caller, Exchange, Phone, Sound, Tone

__all__ = ["Handset", "Office", "PtyModem", "level_of", "tone"]

LINKS: Final = Path("/dev/shm")
"""Where ports have names that stay: a modem that is plugged in again has another pty."""
_names = itertools.count()


class PtyModem:
    """An emulated modem on a pty."""

    def __init__(self, modem: EmulatedModem, lock: threading.RLock) -> None:
        self.modem = modem
        """The emulator; touch it under the lock."""
        self.port = str(LINKS / f"ivr-modem-{os.getpid()}-{next(_names)}")
        """A link to its pty."""
        self._lock = lock
        self._master = self._slave = -1
        self._pending = b""
        self.plug()

    @property
    def pty(self) -> str:
        """The pty of this moment; empty: it is not plugged in."""
        return os.ttyname(self._slave) if self._slave >= 0 else ""

    def plug(self) -> None:
        """Plug it in: it is there under another number."""
        with self._lock:
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._pending = b""
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.port)
            os.symlink(os.ttyname(self._slave), self.port)

    def unplug(self) -> None:
        """Pull it out, whatever it does."""
        with self._lock:
            if self._master < 0:
                return
            self.modem.unplug(self.modem.line._exchange.now)
            os.unlink(self.port)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def fault(self, begins: str, does: Misbehaviour, times: int = 1) -> None:
        """The next ``times`` commands that begin so (without AT) are answered wrongly."""
        with self._lock:
            self.modem.faults.append(Fault(begins, does, times))

    def code(self, code: str) -> None:
        """Report an event of the line."""
        with self._lock:
            self.modem.code(code)

    @property
    def commands(self) -> list[str]:
        """All command lines that came."""
        with self._lock:
            return list(self.modem.counts.commands)

    def turn(self, now: float) -> None:
        """The tick of the pty, under the lock."""
        if self._master < 0:
            return
        room = min(self.modem.room, 115)
        if room:
            with contextlib.suppress(BlockingIOError, OSError):
                self.modem.write(os.read(self._master, room), now)
        self.modem.tick(now)
        out = self._pending + self.modem.read()
        if out:
            try:
                sent = os.write(self._master, out)
            except OSError:  # nobody reads
                sent = 0
            self._pending = out[sent:][-8192:]


class Handset:
    """A telephone in the hand of a test."""

    def __init__(self, phone: Phone, lock: threading.RLock) -> None:
        self.phone = phone
        self._lock = lock

    def call(self, number: str, caller: Caller | None = None) -> None:
        """Lift and dial."""
        with self._lock:
            self.phone.call(number, caller)

    def lift(self) -> None:
        """Off hook: answers, if it rings."""
        with self._lock:
            self.phone.lift()

    def hang(self) -> None:
        """On hook."""
        with self._lock:
            self.phone.hang()

    def press(self, digits: str, seconds: float = 0.1) -> None:
        """Keys."""
        with self._lock:
            self.phone.press(digits, seconds)

    def play(self, sound: Sound) -> None:
        """Speak: samples at 8000 a second."""
        with self._lock:
            self.phone.play(sound)

    @property
    def rung(self) -> int:
        """How often it has rung."""
        return self.phone.rung

    @property
    def tone(self) -> Tone:
        """What it hears."""
        return self.phone.tone

    @property
    def keys(self) -> str:
        """Keys that the other side has sounded."""
        with self._lock:
            return "".join(self.phone.keys)

    def recorded(self) -> Sound:
        """All that was heard since it was lifted."""
        with self._lock:
            return self.phone.recorded()

    def forget(self) -> None:
        """Hear anew."""
        with self._lock:
            self.phone.heard.clear()


class Office:
    """An exchange, its lines, and the thread that runs them."""

    def __init__(
        self,
        ring: tuple[float, float] = (2.0, 4.0),
        id_first: bool = False,
        release: Literal["busy", "loop"] = "busy",
        quick: bool = False,
    ) -> None:
        """``quick``: commands take 5 ms, whatever they are: for tests of something else than the dialogue."""
        self._quick = quick
        self.exchange = Exchange(ring, id_first, release)
        self.lock = threading.RLock()
        self.modems: list[PtyModem] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)

    def __enter__(self) -> Office:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2)
        for modem in self.modems:
            modem.unplug()

    def modem(self, chip: str | Chip, number: str, *, ppm: float = 0.0) -> PtyModem:
        """A modem on a line of its own."""
        with self.lock:
            chip = CHIPS[chip] if isinstance(chip, str) else chip
            if self._quick:
                chip = dataclasses.replace(chip, latency=0.005, slow=())
            modem = PtyModem(EmulatedModem(chip, self.exchange.line(number), ppm=ppm), self.lock)
            self.modems.append(modem)
            return modem

    def phone(self, number: str) -> Handset:
        """A telephone on a line of its own."""
        with self.lock:
            return Handset(Phone(self.exchange.line(number)), self.lock)

    def until(self, reached: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until something holds; fails if it does not in time."""
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, f"not reached in {seconds} s"
            time.sleep(TICK)

    def _run(self) -> None:
        began = time.monotonic()
        for count in itertools.count(1):
            now = began + count * TICK
            late = time.monotonic() - now
            if late < 0 and self._stop.wait(-late):
                return
            with self.lock:
                for modem in self.modems:
                    modem.turn(now)
                self.exchange.tick(now)


def tone(frequency: float, seconds: float, level: float = 8000.0) -> Sound:
    """A sine at 8000 samples a second."""
    at = np.arange(round(8000 * seconds)) / 8000
    return (level * np.sin(2 * np.pi * frequency * at)).astype(np.int16)


def level_of(sound: Sound, frequency: float) -> float:
    """Amplitude of a frequency in the loudest 100 ms."""
    at = np.arange(800) / 8000
    probe = np.exp(-2j * np.pi * frequency * at)
    windows = [sound[start : start + 800] for start in range(0, len(sound) - 799, 400)]
    return max((float(abs(window @ probe)) / 400 for window in windows), default=0.0)
