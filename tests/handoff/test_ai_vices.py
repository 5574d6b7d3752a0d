"""Endpoints with every vice: the call comes back in time, memory and turns of the loop stay bounded."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ivr.handoff import ai_call, ai_links
from ivr.handoff.protocols import budget
from tests.conftest import free_port
from tests.kit.ai import FakeCall, House
from tests.kit.certificate import make_certificate
from tests.kit.vices import (
    LONGEST_TURN,
    Turns,
    Vice,
    after,
    broken_frame,
    compressed,
    cut,
    deaf,
    deep,
    frame,
    giant,
    hang,
    headers,
    many_empty,
    many_marks,
    many_messages,
    many_pings,
    much_sound,
    mute,
    no_utf8,
    redirect,
    refuse,
    rubbish,
    server,
    shut,
    slow,
    wrong_key,
)
from tests.kit.waiting import until

EVIL_HTTP = Path("/work/shared/proving/drills/evil_http.py")


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
