"""Hardware by script: does what a test writes to a socket, and tells there what it was told to do.

The process of a line with it: `python -m tests.kit.fake_line PORT`, where a test listens on that TCP port of the
loopback. A line each way: `ring 0301234567`, `answered`, `key 5` to it; `answer`, `dial 100`, `hang_up` from it.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivr.devices.hardware import (
    Alerting,
    Answered,
    Back,
    Failed,
    Gone,
    HardwareEvent,
    HungUp,
    Key,
    Ringing,
)

EVENTS: dict[str, Callable[..., HardwareEvent]] = {
    "ring": lambda caller="", name="": Ringing(caller, name),
    "alerting": Alerting,
    "answered": lambda: Answered(True),
    "failed": lambda reason: Failed(reason),
    "hung_up": HungUp,
    "key": Key,
    "gone": lambda *words: Gone(" ".join(words)),
    "back": lambda *words: Back(" ".join(words)),
}


class ToneDevice:
    """Sounds a tone for ever, and keeps the last second of what it is given."""

    rate = 8000

    def __init__(self, frequency: float) -> None:
        self._frequency = frequency
        self._at = 0
        self.written: list[NDArray[np.int16]] = []

    def read(self) -> NDArray[np.int16]:
        at = np.arange(self._at, self._at + 160)
        self._at += 160
        return (8000 * np.sin(2 * math.pi * self._frequency * at / 8000)).astype(np.int16)

    def write(self, frame: NDArray[np.int16]) -> None:
        self.written = [*self.written[-49:], frame.copy()]

    def close(self) -> None: ...

    def loudest(self) -> float:
        """The strongest frequency of the last second, in Hz; 0 for silence."""
        sound = np.concatenate(self.written).astype(np.float64) if self.written else np.zeros(160)
        if np.abs(sound).max() < 100:
            return 0.0
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        return float(np.argmax(spectrum) * 8000 / len(sound))


class FakeHardware:
    """Joined with a test by a connection."""

    full_duplex = True
    early_media = False

    def __init__(self, port: int, frequency: float = 440.0) -> None:
        self.device = ToneDevice(frequency)
        self.on_event: Callable[[HardwareEvent], None] = lambda event: None
        self._port = port
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._task = asyncio.create_task(self._obey(reader))

    async def _obey(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            word, *rest = line.decode().split()
            if word == "hang":
                threading.Event().wait(float(rest[0]))
            elif word == "crash":
                print("last words of a library", file=sys.stderr, flush=True)
                os._exit(3)
            elif word == "hear":
                self._tell(f"heard {self.device.loudest():.0f}")
            else:
                self.on_event(EVENTS[word](*rest))

    def _tell(self, text: str) -> None:
        assert self._writer is not None
        self._writer.write(f"{text}\n".encode())

    async def close(self) -> None:
        self._tell("closed")
        assert self._writer is not None and self._task is not None
        await self._writer.drain()
        self._task.cancel()
        self._writer.close()

    def answer(self) -> None:
        self._tell("answer")

    def dial(self, number: str) -> None:
        self._tell(f"dial {number}")

    def hang_up(self) -> None:
        self._tell("hang_up")

    def send_key(self, digit: str) -> None:
        self._tell(f"send_key {digit}")


def main() -> Any:
    from ivr.devices.process import main as run

    return run(lambda line: FakeHardware(int(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
