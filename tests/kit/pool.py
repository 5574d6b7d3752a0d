"""Real workers and callers on loopback, for tests of the pool."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from media import MediaEvent, MediaPool, Port, Stream


def free_range(pairs: int = 32) -> tuple[int, int]:
    """Ports of loopback that nobody has: daemons of other tests bind ranges too."""
    for first in range(30200, 32600 - 2 * pairs, 64):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 2 * pairs):
                probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("127.0.0.1", port))
            return first, first + 2 * pairs - 1
    raise RuntimeError("no range of media ports is free")


class Caller:
    """A peer on loopback that sends and hears µ-law."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        self.sequence = 0
        self.timestamp = 1000
        CALLERS.append(self)

    def send(self, to: tuple[str, int], payload: bytes, kind: int = 0, timestamp: int | None = None) -> None:
        stamp = self.timestamp if timestamp is None else timestamp
        self.socket.sendto(struct.pack(">BBHII", 0x80, kind, self.sequence & 0xFFFF, stamp, 7) + payload, to)
        self.sequence += 1
        self.timestamp += 160

    async def hear(self, packets: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            return [await loop.sock_recv(self.socket, 2048) for _ in range(packets)]


CALLERS: list[Caller] = []


class Heard:
    """Events of a port, and waiting for one."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: MediaEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, wanted: Callable[[MediaEvent], bool]) -> MediaEvent:
        async with asyncio.timeout(30):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                self._changed.clear()
                await self._changed.wait()


def start(pool: MediaPool, caller: Caller, near: Port | None = None) -> tuple[Port, Heard]:
    heard = Heard()
    port = pool.allocate(heard, near=near)
    port.update(Stream(remote=caller.address, event_type=101, event_type_in=101))
    return port, heard


def sound_of(packets: list[bytes]) -> bytes:
    return b"".join(packet[12:] for packet in packets)
