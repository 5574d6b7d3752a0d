"""Servers of WebSockets with every vice, for whoever connects to servers that he does not know."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.kit.ai import VOICE

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST_TURN = 1.5
"""Seconds that the loop may be busy with one thing on a busy machine; the flooding server shares it."""
Vice = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Action = Callable[[asyncio.StreamWriter], Awaitable[None]]


def frame(opcode: int, payload: bytes = b"", *, rsv: int = 0) -> bytes:
    head = bytes((0x80 | (rsv << 4) | opcode,))
    if len(payload) < 126:
        return head + bytes((len(payload),)) + payload
    if len(payload) < 65_536:
        return head + bytes((126,)) + struct.pack("!H", len(payload)) + payload
    return head + bytes((127,)) + struct.pack("!Q", len(payload)) + payload


async def shake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The handshake of a server."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


@contextlib.asynccontextmanager
async def server(vice: Vice) -> AsyncIterator[str]:
    """A server whose connections end with the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await vice(reader, writer)
        finally:
            writer.transport.abort()

    found = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{found.sockets[0].getsockname()[1]}/ws"
    finally:
        found.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Turns:
    """How long the loop was busy with one thing at most."""

    async def __aenter__(self) -> Turns:
        self.longest = 0.0
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.monotonic() - before - 0.001)


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for octet in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" * 50:
        writer.write(bytes((octet,)))
        await asyncio.sleep(0.05)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 503 X\r\nRetry-After: 9999\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(1)


async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(1)


async def wrong_key(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n")
    await asyncio.sleep(1)


async def headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 X\r\n")
    while True:
        writer.write(b"X-A: y\r\n" * 1_000)
        await writer.drain()


async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff" * 10_000)
    await asyncio.sleep(1)


async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


def after(action: Action) -> Vice:
    """Shake hands, and then."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await action(writer)
        await reader.read()
        await asyncio.sleep(60)

    return run


async def broken_frame(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\xff" * 100)


async def compressed(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"\xaa\x00\x00" * 10, rsv=4))


async def giant(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x81\x7f" + struct.pack("!Q", 2**62))
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"x" * 1_000)[:500])
    writer.transport.abort()


async def no_utf8(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"\xff\xfe"))


async def many_messages(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(frame(1, b"{}") * 20_000)
        await writer.drain()


async def many_pings(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(frame(9) * 20_000)
        await writer.drain()


async def many_empty(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(frame(1) * 50_000)
        await writer.drain()


async def much_sound(writer: asyncio.StreamWriter) -> None:
    payload = base64.b64encode(VOICE * 3_000).decode()
    while True:
        writer.write(frame(1, f'{{"event":"media","media":{{"payload":"{payload}"}}}}'.encode()))
        await writer.drain()


async def deep(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(frame(1, b"[" * 100_000))
        await writer.drain()


async def many_marks(writer: asyncio.StreamWriter) -> None:
    payload = base64.b64encode(VOICE * 50).decode()
    writer.write(frame(1, f'{{"event":"media","media":{{"payload":"{payload}"}}}}'.encode()))
    while True:
        writer.write(frame(1, b'{"event":"mark","mark":{"name":"x"}}') * 1_000)
        await writer.drain()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await shake(reader, writer)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(60)


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half-open: everything is read, nothing answered, not even a ping."""
    await shake(reader, writer)
    while await reader.read(65_536):
        pass
