"""What is sent, and receivers that behave badly."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr.webhooks import SIGNATURE_HEADER, Delivery, Failure, Sender, Target, signed_with, verify
from media import allow_listed

SECRET = "0123456789abcdef"
NOW = 1_772_000_000.5


def delivery(**more: object) -> Delivery:
    return Delivery("run-7", "call", "call.ended", '{"id": "run-7"}', NOW, **more)  # type: ignore[arg-type]


def target(url: object, timeout: float = 5.0) -> Target:
    return Target(str(url), signed_with(SECRET), {"X-Team": "crm"}, timeout)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender(allow_listed(["127.0.0.1"]))
    yield sender
    await sender.close()


class Receiver:
    def __init__(self) -> None:
        self.requests: list[tuple[web.BaseRequest, bytes]] = []
        self.status = 200
        self.headers: dict[str, str] = {}

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.requests.append((request, await request.read()))
        return web.Response(status=self.status, headers=self.headers, text="{}")


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", receiver.handle)
    async with TestServer(app) as server:
        yield receiver, str(server.make_url("/hook?a=1"))


async def test_what_goes_out(sender: Sender, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    assert await sender.send(target(url), delivery(attempts=2), NOW) is None
    (request, body), *_ = got.requests
    assert (request.method, request.path_qs, body) == ("POST", "/hook?a=1", b'{"id": "run-7"}')
    names = ("Content-Type", "Ivr-Event", "Ivr-Delivery", "Ivr-Attempt", "X-Team")
    assert [request.headers[name] for name in names] == ["application/json", "call.ended", "run-7", "3", "crm"]
    assert verify(SECRET, body, request.headers[SIGNATURE_HEADER], NOW)


async def test_connections_are_used_again(sender: Sender, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    for _ in range(5):
        assert await sender.send(target(url), delivery(), NOW) is None
    assert len({request.transport.get_extra_info("peername") for request, _ in got.requests if request.transport}) == 1


async def test_headers_stay_with_their_host(sender: Sender, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    assert await sender.send(target("https://crm.example/"), delivery(url=url), NOW) is None
    assert "X-Team" not in got.requests[0][0].headers


@pytest.mark.parametrize(
    ("status", "headers", "failure"),
    [
        (204, {}, None),
        (302, {"Location": "http://127.0.0.1:1/"}, Failure("status 302: redirects are not followed", unwanted=True)),
        (422, {}, Failure("status 422", refused=True, unwanted=True)),
        (404, {}, Failure("status 404", unwanted=True)),
        (503, {"Retry-After": "7"}, Failure("status 503", retry_after=7.0)),
        (503, {"Retry-After": "Sat, 21 Nov 2026 22:00:00 GMT"}, Failure("status 503")),
        (429, {"Retry-After": "9" * 40}, Failure("status 429")),
    ],
)
async def test_what_statuses_mean(
    sender: Sender, receiver: tuple[Receiver, str], status: int, headers: dict[str, str], failure: Failure | None
) -> None:
    got, url = receiver
    got.status, got.headers = status, headers
    assert await sender.send(target(url), delivery(), NOW) == failure
    assert len(got.requests) == 1


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://2130706433/"]
)
async def test_private_addresses_are_refused(sender: Sender, url: str) -> None:
    failure = await sender.send(target(url), delivery(), NOW)
    assert failure is not None and "not a public address" in failure.problem


async def test_nobody_is_there(sender: Sender) -> None:
    failure = await sender.send(target("http://127.0.0.1:9/"), delivery(), NOW)
    assert failure == Failure("no answer: connection refused")


LINE = b"HTTP/1.1 200 OK\r\n"


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _slow(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE + b"Content-Length: 3000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.2)


async def _slow_headers(writer: asyncio.StreamWriter) -> None:
    for byte in LINE * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _huge(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE + b"Content-Length: 209715200\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def _header_flood(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE)
    for number in range(10**6):
        writer.write(b"X-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0)


async def _cut(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE + b'Content-Length: 100\r\n\r\n{"action":')


async def _bomb(writer: asyncio.StreamWriter) -> None:
    writer.write(LINE + b"Content-Length: 20\r\nContent-Encoding: gzip\r\n\r\n" + b"\x1f\x8b" * 10)


async def _close(writer: asyncio.StreamWriter) -> None:
    pass


async def _rubbish(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\xff\xfe\r\n" * 100)


async def _loop(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("vice", "delivered"),
    [
        (_hang, False), (_slow, True), (_slow_headers, False), (_huge, True), (_endless, True), (_header_flood, False),
        (_cut, True), (_bomb, True), (_close, False), (_rubbish, False), (_loop, False),
    ],
)  # fmt: skip
async def test_a_receiver_that_behaves_badly_costs_neither_time_nor_memory(
    sender: Sender, vice: object, delivered: bool
) -> None:
    """A status that has come counts, whatever comes after it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await vice(writer)  # type: ignore[operator]
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    tracemalloc.start()
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        failure = await sender.send(target(f"http://127.0.0.1:{port}/", timeout=0.5), delivery(), NOW)
        assert (failure is None) is delivered
        assert loop.time() - began < 10.0
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
        server.close()
