"""A voice modem as a line's hardware: port, clock and sound around :class:`~.protocol.ModemLine`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.devices.hardware import Gone, HardwareEvent
from ivr.devices.modem.port import Port, PortError, find, open_port
from ivr.devices.modem.protocol import ModemLine, State, Wish
from ivr.devices.modem.sound import ModemSound
from ivr.settings import Modem

__all__ = ["ModemHardware"]

log = logging.getLogger("ivr.devices.modem")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a port that is not there."""
TRY_AGAIN: Final = 3.0
"""Seconds until a modem that cannot be used is tried again."""
CLOSE_SECONDS: Final = 2.5
"""For hanging up at the end; letting go of the port hangs up too."""
HELD_UP: Final = 400
"""Octets that wait for the driver from which on no more sound is sent: 50 ms, beyond what it buffers itself."""


class ModemHardware:
    """See :class:`ivr.devices.hardware.Hardware`."""

    early_media = False  # while it dials, a modem is in command state and sends no sound

    def __init__(self, settings: Modem) -> None:
        """Nothing is opened yet."""
        self._port_name = settings.port
        self._wish = Wish(
            profile=settings.profile,
            duplex=settings.duplex,
            country=settings.country or "",
            caller_id=settings.caller_id,
            rings=settings.answer_after_rings,
            pulse=settings.dial == "pulse",
            ring_gone=settings.ring_back_gone,
            init=settings.init,
        )
        self._promised = settings.full_duplex
        self.device = ModemSound(self._from_network, self._from_exchange, self._wish.country)
        self.on_event: Callable[[HardwareEvent], None] = lambda event: None
        self._line = ModemLine(self._wish, None, self._trace)
        self._port: Port | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        """The modem is lost."""
        self._ended = asyncio.Event()
        """No call is being hung up."""
        self._closing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said = ""
        self._sounding = False
        self._vanished = False

    @property
    def full_duplex(self) -> bool:
        """It hears while it sounds: what its settings promise, until the modem says otherwise."""
        return self._line.full_duplex if self._line.setup is not None else self._promised

    async def start(self) -> None:
        """Look for the modem, and for it again whenever it is lost."""
        self._loop = asyncio.get_running_loop()
        self._keeper = self._loop.create_task(self._keep(), name="modem")

    async def close(self) -> None:
        """Hang up and let go of the port."""
        self._closing.set()
        if self._keeper is not None:
            await self._keeper

    def answer(self) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        self._line.answer(time.monotonic())
        self._pump()

    def dial(self, number: str) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        self._line.dial(number, time.monotonic())
        self._pump()

    def hang_up(self) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        self._line.hang_up(time.monotonic())
        self._pump()

    def send_key(self, digit: str) -> None:
        """See :class:`ivr.devices.hardware.Hardware`."""
        self._line.send_key(digit, time.monotonic())
        self._pump()

    # The port.

    async def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                path, usb = await asyncio.to_thread(find, self._port_name)
                device = await asyncio.to_thread(open_port, path)
            except (PortError, OSError) as error:  # the second: it was pulled out while it was looked at
                self._gone(str(error))
                await self._wait(self._closing, LOOK_EVERY)
                continue
            except Exception as error:  # what a driver, or pyserial's look at the bus, has in store: nobody else looks
                log.exception("the port cannot be looked at")
                self._gone(f"{self._port_name} cannot be looked at: {error}")
                await self._wait(self._closing, TRY_AGAIN)
                continue
            self._over.clear()
            self._vanished = False
            self._port = Port(device, self._received, self._lost)
            self._line = ModemLine(self._wish, usb, self._trace)
            self._line.open(time.monotonic())
            self._pump()
            await self._until_over()
            await self._let_go()
            if not self._closing.is_set():
                await self._wait(self._closing, LOOK_EVERY if self._vanished else TRY_AGAIN)

    async def _until_over(self) -> None:
        """Until the modem is lost, or this is to close."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._over, self._closing)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _let_go(self) -> None:
        if not self._over.is_set():
            self.hang_up()
            await self._wait(self._ended, CLOSE_SECONDS)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.device.end()
        port, self._port = self._port, None
        if port is not None:
            await port.close()

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def _received(self, data: bytes) -> None:
        self._line.receive(data, time.monotonic())
        self._pump()

    def _lost(self, reason: str) -> None:
        self._vanished = True
        self._line.lost(reason, time.monotonic())
        self._pump()

    def _wake(self) -> None:
        self._timer = None
        self._line.timer(time.monotonic())
        self._pump()

    def _from_network(self, frame: NDArray[np.int16]) -> None:
        """A frame for the other side, in the RTP thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._sound, frame)

    def _from_exchange(self) -> None:
        """A tone that means that the call is over, in the RTP thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._call_over)

    def _call_over(self) -> None:
        self._line.call_over(time.monotonic())
        self._pump()

    def _sound(self, frame: NDArray[np.int16]) -> None:
        if self._line.state is State.TALKING:
            self._line.held_up = self._port is not None and self._port.waiting > HELD_UP
            self._line.sound(self.device.converted(frame), time.monotonic())
            self._pump()

    # What the line says.

    def _pump(self) -> None:
        """Carry out all that the line wants, and be back when it wants more."""
        line, port = self._line, self._port
        talking = line.state is State.TALKING and line.setup is not None
        if talking and not self._sounding and line.setup is not None:
            self.device.begin(line.setup.format.rate, line.full_duplex)
        elif not talking and self._sounding:
            self.device.end()
        self._sounding = talking
        if port is not None:
            data = line.take_output()
            if data:
                port.write(data)
            for what in line.take_doings():
                port.do(what)
        for samples in line.take_heard():
            self.device.heard(samples)
        for event in line.take_events():
            self._tell(event)
        if line.state is State.ENDING:
            self._ended.clear()
        else:
            self._ended.set()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake = self._line.wake_at()
        if wake is not None and self._loop is not None and self._port is not None:
            self._timer = self._loop.call_later(max(0.0, wake - time.monotonic()), self._wake)

    def _tell(self, event: HardwareEvent) -> None:
        if isinstance(event, Gone):
            self._over.set()
            self._gone(event.reason)
            return
        self._said = ""
        self.on_event(event)

    def _gone(self, reason: str) -> None:
        """Tell that there is no modem; the same reason is told once."""
        if reason != self._said:
            self._said = reason
            self.on_event(Gone(reason))

    def _trace(self, text: str) -> None:
        log.debug("%s", text)
