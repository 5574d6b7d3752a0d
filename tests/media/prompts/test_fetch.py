from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from media import allow_listed
from media.prompts import PromptError, PromptLimits
from media.prompts.fetch import Fetcher, Validators, shown

LIMITS = PromptLimits(file_bytes=100_000, fetch_seconds=2.0)
Handler = Callable[[str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]


class BadServer:
    """An HTTP server whose answers are written by hand; the path picks the vice."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
            self.requests.append((path, {name.lower(): value for name, value in lines}))
            await self.misbehave(path, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def misbehave(self, path: str, writer: asyncio.StreamWriter) -> None:
        def say(status: str, body: bytes = b"", *headers: str) -> None:
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
            writer.write("\r\n".join(lines).encode() + body)

        host = f"http://127.0.0.1:{self.port}"
        match path.partition("?")[0].strip("/").split("/"):
            case ["hang"]:
                await asyncio.Event().wait()
            case ["slow"]:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n ")
                await writer.drain()
                await asyncio.Event().wait()
            case ["500"]:
                say("500 Oops", b"oops")
            case ["huge"]:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n")
            case ["endless"]:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            case ["gzipbomb"]:
                say("200 OK", gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip")
            case ["redirect", "meta"]:
                say("302 Found", b"", "Location: http://169.254.169.254/latest/meta-data/")
            case ["redirect", "file"]:
                say("302 Found", b"", "Location: file:///etc/passwd")
            case ["redirect", "name"]:
                say("302 Found", b"", f"Location: http://localhost:{self.port}/ok")
            case ["redirect", "ok"]:
                say("302 Found", b"", "Location: /ok")
            case ["redirect", "nowhere"]:
                say("302 Found")
            case ["loop"]:
                say("302 Found", b"", f"Location: {host}/loop")
            case ["cut"]:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            case ["headers"]:
                writer.write(b"HTTP/1.1 200 OK\r\n")
                while True:
                    writer.write(b"X-Flood: y\r\n" * 1000)
                    await writer.drain()
            case ["close"]:
                pass
            case ["garbage"]:
                writer.write(b"\x16\x03\x01\x00\xff" * 100)
            case _:
                say(
                    "200 OK",
                    b"body",
                    'ETag: "1"',
                    "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
                    "Cache-Control: max-age=90",
                )


@pytest.fixture
async def server() -> AsyncIterator[BadServer]:
    bad = BadServer()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await bad.answer(reader, writer)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    bad.port = listener.sockets[0].getsockname()[1]
    yield bad
    listener.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await listener.wait_closed()


async def test_a_body_and_what_is_needed_to_ask_again(server: BadServer) -> None:
    fetched = await Fetcher(allow_listed(["127.0.0.1"]), LIMITS).fetch(f"http://127.0.0.1:{server.port}/ok")
    assert fetched.body == b"body" and fetched.max_age == 90
    assert fetched.validators == Validators('"1"', "Mon, 01 Jan 2024 00:00:00 GMT")
    await Fetcher(allow_listed(["127.0.0.0/8"]), LIMITS).fetch(f"http://127.0.0.1:{server.port}/ok", fetched.validators)
    assert server.requests[-1][1]["if-none-match"] == '"1"'
    assert server.requests[-1][1]["if-modified-since"].startswith("Mon")


async def test_a_redirect_is_followed(server: BadServer) -> None:
    fetcher = Fetcher(allow_listed(["127.0.0.1"]), LIMITS)
    assert (await fetcher.fetch(f"http://127.0.0.1:{server.port}/redirect/ok")).body == b"body"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("hang", "no answer within"),
        ("slow", "no answer within"),
        ("500", "status 500"),
        ("huge", "larger than 100000 bytes"),
        ("endless", "larger than 100000 bytes"),
        ("gzipbomb", "Content-Encoding gzip"),
        ("redirect/meta", r"169\.254\.169\.254 is not a public address"),
        ("redirect/file", "not an http or https URL"),
        ("redirect/nowhere", "without a usable Location"),
        ("loop", "more than 5 redirects"),
        ("cut", "ClientPayloadError"),
        ("headers", "."),
        ("close", "ServerDisconnected"),
        ("garbage", "."),
    ],
)
async def test_a_bad_server_costs_no_more_than_the_limits(server: BadServer, path: str, words: str) -> None:
    fetcher = Fetcher(allow_listed(["127.0.0.1"]), LIMITS)
    with pytest.raises(PromptError, match=words) as caught:
        await fetcher.fetch(f"http://user:secret@127.0.0.1:{server.port}/{path}?token=secret")
    assert "secret" not in str(caught.value)


async def test_private_addresses_are_refused_before_any_packet(server: BadServer) -> None:
    fetcher = Fetcher(allow_listed([]), LIMITS)
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
        with pytest.raises(PromptError):
            await fetcher.fetch(f"http://{host}:{server.port}/ok")
    assert not server.requests


async def test_a_redirect_to_a_private_name_is_refused(server: BadServer) -> None:
    fetcher = Fetcher(lambda host, port, address: host == "127.0.0.1", LIMITS)
    with pytest.raises(PromptError, match="localhost is not a public address"):
        await fetcher.fetch(f"http://127.0.0.1:{server.port}/redirect/name")
    assert [path for path, _ in server.requests] == ["/redirect/name"]


async def test_the_checked_address_is_the_one_connected_to(server: BadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rebinding(host: str, port: int, *_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"  # the second answer is another machine
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    fetcher = Fetcher(allow_listed(["127.0.0.1"]), LIMITS)
    assert (await fetcher.fetch(f"http://rebind.example:{server.port}/ok")).body == b"body"
    assert asked == ["rebind.example"]


@pytest.mark.parametrize(
    "url",
    ["ftp://h/x", "file:///etc/passwd", "http://", "x", "http://h:99999/", "http://a\nb/", "http://" + "a" * 3000],
)
async def test_what_is_no_url(url: str) -> None:
    with pytest.raises(PromptError):
        await Fetcher(allow_listed([]), LIMITS).fetch(url)


def test_messages_show_no_secrets() -> None:
    assert shown("https://u:p@h.example/a/b.wav?k=v#f") == "https://h.example/a/b.wav"
    assert shown("nonsense") == "the URL"
