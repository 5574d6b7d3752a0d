"""Endpoints with every vice: the call comes back in time, memory and turns of the loop stay bounded."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ivr.handoff import ai_call, ai_links
from ivr.handoff.protocols import budget
from tests.conftest import free_port
from tests.kit.ai import VOICE, FakeCall, House
from tests.kit.certificate import make_certificate
from tests.kit.waiting import until

EVIL_HTTP = Path("/work/shared/proving/drills/evil_http.py")
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST_TURN = 1.5
"""Seconds that the loop may be busy with one thing on a busy machine; the flooding server shares it."""
Vice = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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


@contextlib.asynccontextmanager
async def tls_server() -> AsyncIterator[int]:
    """A server with a certificate of its own making."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder), "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        found = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context)
        try:
            yield found.sockets[0].getsockname()[1]
        finally:
            found.close()


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


@pytest.mark.parametrize("vice", [hang, slow, refuse, redirect, wrong_key, headers, rubbish, shut])
async def test_a_handshake_that_is_none(vice: Vice) -> None:
    async with server(vice) as url:
        begun = time.monotonic()
        done = await House(f"url: '{url}', connect_timeout: 0.3s").call().outcome()
        assert done.reason == "not_started" and done.text
        assert time.monotonic() - begun < 10.0, "the limit holds, not the minute for which some hang"


@pytest.mark.parametrize("vice", [hang, refuse, rubbish, shut])
async def test_a_server_that_speaks_no_tls(vice: Vice) -> None:
    async with server(vice) as url:
        begun = time.monotonic()
        done = await House(f"url: '{url.replace('ws:', 'wss:')}', connect_timeout: 0.3s").call().outcome()
        assert done.reason == "not_started" and done.text
        assert time.monotonic() - begun < 10.0


def after(action: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> Vice:
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


@pytest.mark.parametrize("action", [broken_frame, compressed, giant, cut, no_utf8])
async def test_frames_that_are_none(action: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    async with server(after(action)) as url, Turns() as turns:
        call = House(f"url: '{url}'").call()
        done = await call.outcome()
        assert done.reason == "endpoint_closed" and done.text
        assert turns.longest < LONGEST_TURN


async def end(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(8))


async def test_an_end_in_order_without_a_code_is_a_usual_one() -> None:
    async with server(after(end)) as url:
        assert (await House(f"url: '{url}'").call().outcome()).reason == "completed"


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


@pytest.mark.parametrize("action", [many_messages, many_pings, many_empty, much_sound, deep, many_marks])
async def test_a_flood_is_read_slowly_and_given_up(
    action: Callable[[asyncio.StreamWriter], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FLOOD_SECONDS", 0.5)
    monkeypatch.setattr(budget, "BURST_MESSAGES", 500)
    monkeypatch.setattr(budget, "BURST_OCTETS", 256 * 1024)
    async with server(after(action)) as url, Turns() as turns:
        call = House(f"url: '{url}', buffer: 2s").call()
        done = await call.outcome(10)
        assert done.reason == "endpoint_closed" and done.text in ("it floods", "it reads nothing")
        assert turns.longest < LONGEST_TURN
        assert call.entries[0]["bytes_in"] < 4 * 1024 * 1024
        assert len(call.port.queued) <= 2 * 8_000


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await shake(reader, writer)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(60)


async def test_one_that_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_links, "STALL", 0.1)
    monkeypatch.setattr(ai_call, "LOOK", 0.02)
    async with server(deaf) as url:
        call = House(f"url: '{url}'").call()
        await until(lambda: "AiAgentStarted" in call.kinds())
        spoken = 0
        while not call.done.done() and spoken < 1_000_000:
            for _ in range(200):
                call.port.speak()
            spoken += 200
            await asyncio.sleep(0.001)
        done = await call.outcome()
        assert (done.reason, done.text) == ("endpoint_closed", "it reads nothing")
        assert call.entries[0]["frames_left_out"] > 0


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half-open: everything is read, nothing answered, not even a ping."""
    await shake(reader, writer)
    while await reader.read(65_536):
        pass


async def test_one_that_answers_no_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_links, "PING_AFTER", 0.05)
    monkeypatch.setattr(ai_links, "PONG_WITHIN", 0.05)
    monkeypatch.setattr(ai_call, "LOOK", 0.02)
    async with server(mute) as url:
        done = await House(f"url: '{url}'").call().outcome()
        assert (done.reason, done.text) == ("endpoint_closed", "it answers no ping")


async def test_a_tcp_server_that_floods_with_empty_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "FLOOD_SECONDS", 0.3)
    monkeypatch.setattr(budget, "BURST_MESSAGES", 500)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"\x10\x00\x00" * 50_000)
            await writer.drain()

    async with server(flood) as url, Turns() as turns:
        address = url.replace("ws://", "tcp://").removesuffix("/ws")
        done = await House(f"url: '{address}', protocol: audiosocket").call().outcome()
        assert (done.reason, done.text) == ("endpoint_closed", "it floods") and turns.longest < LONGEST_TURN


@pytest.fixture
def evil() -> object:
    """The server with the vices of an HTTP endpoint, where it is at hand."""
    if not EVIL_HTTP.exists():
        pytest.skip("the drill with bad HTTP servers is not here")
    port = free_port()
    process = subprocess.Popen([sys.executable, str(EVIL_HTTP), "--port", str(port)])
    yield port
    process.kill()
    process.wait()


VICES = "hang slow 500 503retry badjson notutf8 deepjson bigint huge gzipbomb redir-meta redir-file redir-loop cut"


async def test_every_vice_of_an_http_server(evil: int) -> None:
    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", evil)
        except OSError:
            return False
        writer.close()
        return True

    for _ in range(200):
        if await answers():
            break
        await asyncio.sleep(0.05)
    begun = time.monotonic()
    vices = [*VICES.split(), "nolen-endless", "header-flood", "close", "ok"]
    calls: list[FakeCall] = [
        House(f"url: 'ws://127.0.0.1:{evil}/{vice}', connect_timeout: 0.5s").call() for vice in vices
    ]
    for vice, call in zip(vices, calls, strict=True):
        done = await call.outcome()
        assert done.reason == "not_started" and done.text, vice
    assert time.monotonic() - begun < 10.0
