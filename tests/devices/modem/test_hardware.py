"""The modem as hardware, over a pty and in real time: sound, hot plug, and a port that is somebody else's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from ivr.devices.hardware import Answered, Back, Gone, HardwareEvent, HungUp, Key, Ringing
from ivr.devices.modem import ModemHardware
from ivr.devices.modem.port import PortError, close_port, open_port
from ivr.settings import Modem
from tests.kit.modem import Caller, Handset, Office, level_of, tone

LOUD = 7000.0


async def reached(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


class Bench:
    """Hardware with somebody who reads and writes its sound, as the RTP side does."""

    def __init__(self, port: str, **settings: object) -> None:
        kept = {"answer_after_rings": 1, "ring_back_gone": 0.5, **settings}
        self.hardware = ModemHardware(Modem(type="modem", port=port, **kept))  # type: ignore[arg-type]
        self.hardware.on_event = self.on_event
        self.events: list[HardwareEvent] = []
        self.heard: list[np.ndarray] = []
        self.queue: list[np.ndarray] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick)

    def on_event(self, event: HardwareEvent) -> None:
        self.events.append(event)

    def _tick(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self.heard.append(self.hardware.device.read())
            self.hardware.device.write(self.queue.pop(0) if self.queue else np.zeros(160, np.int16))
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def play(self, sound: np.ndarray) -> None:
        self.queue.extend(sound[at : at + 160] for at in range(0, len(sound) - 159, 160))

    async def until(self, kind: type[HardwareEvent], seconds: float = 8.0) -> HardwareEvent:
        """The first event of this kind since :attr:`events` was cleared."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                await asyncio.sleep(0.01)

    async def hears(self, frequency: float) -> None:
        """Wait until the line has heard a tone."""
        await reached(lambda: level_of(np.concatenate(self.heard[-60:]), frequency) > LOUD)

    async def is_heard(self, phone: Handset, frequency: float) -> None:
        """Wait until the other side has heard a tone."""
        await reached(lambda: level_of(phone.recorded()[-8000:], frequency) > LOUD)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        await self.hardware.start()
        self._thread.start()
        try:
            yield self
        finally:
            await self.hardware.close()
            self._stop.set()
            self._thread.join()


def office() -> Office:
    return Office(ring=(0.2, 0.3), id_first=True, quick=True)


async def test_calls_in_and_out_keys_and_a_modem_that_is_pulled_out() -> None:
    with office() as exchange:
        modem, phone = exchange.modem("cx93010", "100", ppm=80), exchange.phone("200")
        bench = Bench(modem.port)
        async with bench.running():
            back = await bench.until(Back)
            assert isinstance(back, Back)
            assert "CX93010" in back.what
            assert bench.hardware.full_duplex

            phone.call("100", Caller("5551234", "ADA"))
            assert await bench.until(Ringing) == Ringing("5551234", "ADA")
            bench.hardware.answer()
            await bench.until(Answered)
            bench.play(tone(1000, 0.8))
            phone.play(tone(600, 0.8))
            await bench.is_heard(phone, 1000)
            await bench.hears(600)
            phone.press("4")
            assert await bench.until(Key) == Key("4")
            bench.hardware.send_key("9")
            await reached(lambda: phone.keys == "9")

            modem.unplug()
            gone = await bench.until(Gone, 1.0)
            assert isinstance(gone, Gone)
            assert "gone" in gone.reason
            phone.hang()
            bench.events.clear()
            before = modem.port
            modem.plug()
            assert modem.port == before
            await bench.until(Back)

            bench.events.clear()
            bench.hardware.dial("200")
            await reached(lambda: phone.rung > 0)
            phone.lift()
            assert await bench.until(Answered) == Answered(certain=True)
            bench.play(tone(1000, 0.5))
            await bench.is_heard(phone, 1000)
            phone.hang()
            await bench.until(HungUp)

            bench.events.clear()
            bench.hardware.dial("200")
            phone.hang()
            await reached(lambda: phone.rung > 2)
            phone.lift()
            await bench.until(Answered)
        assert modem.modem.counts.underruns <= 1
        assert not modem.modem.line.off_hook  # it was closed in a call


async def test_a_port_that_is_taken_or_not_there_is_told_once_and_waited_for() -> None:
    with office() as exchange:
        modem = exchange.modem("v253", "100")
        taken = open_port(modem.port)
        bench = Bench(modem.port)
        async with bench.running():
            gone = await bench.until(Gone)
            assert isinstance(gone, Gone)
            assert "in use" in gone.reason
            close_port(taken)
            await bench.until(Back)
            assert [type(event) for event in bench.events] == [Gone, Back]


async def test_a_fault_while_the_port_is_looked_for_does_not_end_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def look(wanted: str) -> tuple[str, None]:
        looks.append(wanted)
        if len(looks) == 1:
            raise ValueError("no number in /sys")
        raise PortError("there is no serial port")

    monkeypatch.setattr("ivr.devices.modem.hardware.find", look)
    monkeypatch.setattr("ivr.devices.modem.hardware.TRY_AGAIN", 0.01)
    bench = Bench("/dev/ttyACM9")
    await bench.hardware.start()
    await reached(lambda: len(bench.events) == 2)
    await bench.hardware.close()
    assert [event.reason for event in bench.events if isinstance(event, Gone)] == [
        "/dev/ttyACM9 cannot be looked at: no number in /sys",
        "there is no serial port",
    ]


def test_emulated_modems_from_the_command_line() -> None:
    command = [sys.executable, "-m", "tests.kit.modem", "cx93010=100", "v253=200"]
    done = subprocess.run(
        command, input="call 100 555 ADA\nwhat\nsing\nhang\n", capture_output=True, text=True, timeout=20, check=True
    )
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("cx93010 100 /dev/shm/ivr-modem-")
    assert second.startswith("v253 200 /dev/shm/ivr-modem-")
    assert rest[0] == "ready"
    assert rest[1].startswith("rung 0, hears ringback")
    assert rest[2] == "not understood"
    assert not Path(first.split()[2]).is_symlink()
