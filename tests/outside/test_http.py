from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr.flow.ports import Request, RequestDone
from ivr.outside import http
from ivr.outside.http import HttpClient
from ivr.settings import Settings
from tests.conftest import free_port
from tests.kit.needs import may_skip

EVIL = Path(__file__).resolve().parents[3] / "shared/proving/drills/evil_http.py"


class Server:
    """A local web server that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, Callable[[web.Request], Any]] = {}
        self.came = asyncio.Event()
        self.port = 0
        self.runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> Server:
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def count(self, number: int) -> None:
        """Wait until so many requests have come."""
        while len(self.asked) < number:
            self.came.clear()
            await self.came.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.raw_path, headers, body))
        self.came.set()
        found = self.answers.get(request.path, lambda _: web.json_response({"ok": True}))(request)
        answer: web.StreamResponse = await found if asyncio.iscoroutine(found) else found
        return answer

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = await Server().start()
    yield found
    assert found.runner is not None
    await found.runner.cleanup()


@asynccontextmanager
async def client(allow: tuple[str, ...] = ("127.0.0.1",), **settings: Any) -> AsyncIterator[HttpClient]:
    limits = settings.pop("http", {})
    found = HttpClient(Settings.model_validate({"http": {"allow": allow, **limits}, **settings}))
    try:
        yield found
    finally:
        await found.close()


async def ask(client: HttpClient, url: str, method: str = "GET", **fields: Any) -> RequestDone:
    waiting: asyncio.Future[RequestDone] = asyncio.get_running_loop().create_future()
    client.request(Request(1, method, url, **fields), waiting.set_result)
    return await waiting


async def test_json_comes_back_as_a_value(server: Server) -> None:
    server.answers["/x"] = lambda _: web.json_response({"a": [1, "ä", None, 2.5]}, status=201, headers={"X-Id": "7"})
    async with client() as found:
        done = await ask(found, server.url("/x?q=1"), "POST", body=b"{}", headers={"content-type": "application/json"})
    assert (done.status, done.body, done.error, done.text) == (201, {"a": [1, "ä", None, 2.5]}, None, "")
    assert done.headers["x-id"] == "7" and done.elapsed > 0
    method, path, headers, body = server.asked[0]
    assert (method, path, body, headers["content-type"]) == ("POST", "/x?q=1", b"{}", "application/json")
    assert headers["user-agent"].startswith("ivr/") and "cookie" not in headers


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"", "application/json", None),
        (b'"text"', "application/problem+json; charset=utf-8", "text"),
        ("Grüße".encode("iso-8859-1"), "text/plain; charset=iso-8859-1", "Grüße"),
        ("Grüße".encode(), "", "Grüße"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"\x00\x01", "image/png", None),
        (b"a\xff", "text/plain", "a\ufffd"),
    ],
)
async def test_what_is_made_of_a_body(server: Server, body: bytes, content_type: str, value: Any) -> None:
    def answer(_: web.Request) -> web.Response:
        response = web.Response(body=body)
        response.headers["Content-Type"] = content_type
        return response

    server.answers["/"] = answer
    async with client() as found:
        assert (await ask(found, server.url())).body == value


async def test_connections_are_kept_and_cookies_are_not(server: Server) -> None:
    peers = []

    def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        response = web.json_response({})
        response.set_cookie("session", "1")
        return response

    server.answers["/"] = answer
    async with client() as found:
        await ask(found, server.url())
        await ask(found, server.url())
    assert peers[0] == peers[1]
    assert all("cookie" not in headers for _, _, headers, _ in server.asked)


# Addresses


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "168.63.129.16", "[fe80::1]", "[fd00:ec2::254]"],
)  # fmt: skip
async def test_private_addresses_are_closed(server: Server, host: str) -> None:
    async with client(allow=()) as found:
        done = await ask(found, f"http://{host}:{server.port}/")
    assert (done.status, done.error) == (None, "refused")
    assert not server.asked


@pytest.mark.parametrize(
    "url",
    ["ftp://h/", "file:///etc/passwd", "//h/x", "x", "", "http://", "http://h:0/", "http://u:p@h/", "http://u@h/"],
)
async def test_what_is_no_url_is_refused(url: str) -> None:
    async with client() as found:
        assert (await ask(found, url)).error == "refused"


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def rebinding(host: str, port: int, *_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    async with client() as found:
        done = await ask(found, f"http://rebind.example:{server.port}/")
    assert done.status == 200 and asked == ["rebind.example"]
    assert server.asked[0][2]["host"] == f"rebind.example:{server.port}"


async def test_a_name_that_leads_inside_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: inside)
    async with client() as found:
        assert (await ask(found, "http://inside.example/")).error == "refused"


async def test_one_port_of_an_address_may_be_opened_alone(server: Server) -> None:
    other = await Server().start()
    async with client(allow=(f"127.0.0.1:{server.port}",)) as found:
        assert (await ask(found, server.url())).status == 200
        assert (await ask(found, other.url())).error == "refused"
    assert other.runner is not None
    await other.runner.cleanup()


async def test_names_in_certificates_are_checked_and_sent(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str | None] = []
    trusted.sni_callback = lambda _socket, name, _context: names.append(name)
    server = await Server().start(trusted)
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: inside)
    async with client() as found:
        done = await ask(found, f"https://secure.example:{server.port}/")
        other = await ask(found, f"https://other.example:{server.port}/")
    assert done.status == 200 and names[0] == "secure.example"
    assert server.asked[0][2]["host"] == f"secure.example:{server.port}"
    assert (other.status, other.error, len(server.asked)) == (None, "network", 1)
    assert server.runner is not None
    await server.runner.cleanup()


async def test_a_certificate_that_nobody_vouches_for(trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = await Server().start(trusted)
    async with client(allow=("localhost",)) as found:
        assert (await ask(found, f"https://localhost:{server.port}/")).error == "network"
    assert not server.asked and server.runner is not None
    await server.runner.cleanup()


# Redirects


def to(where: str, status: int = 302) -> Callable[[web.Request], web.Response]:
    return lambda _: web.Response(status=status, headers={"Location": where})


async def test_redirects_are_followed_and_checked(server: Server) -> None:
    server.answers |= {
        "/a": to("/b"),
        "/meta": to("http://169.254.169.254/latest/meta-data/"),
        "/name": to(f"http://127.0.0.2:{server.port}/"),
        "/file": to("file:///etc/passwd"),
        "/user": to(f"http://u:p@127.0.0.1:{server.port}/"),
        "/loop": to("/loop"),
        "/long": to("/" + "x" * 7900),
    }
    async with client() as found:
        assert (await ask(found, server.url("/a"))).status == 200
        for path, error in [
            ("meta", "refused"),
            ("name", "refused"),
            ("file", "refused"),
            ("user", "refused"),
            ("loop", "bad_answer"),
        ]:
            assert (await ask(found, server.url(f"/{path}"))).error == error, path
    assert len([path for _, path, _, _ in server.asked if path == "/loop"]) == http.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT"),
     (302, "PUT", "PUT"), (302, "GET", "GET")],
)  # fmt: skip
async def test_method_and_body_after_a_redirect(server: Server, status: int, method: str, then: str) -> None:
    server.answers["/a"] = to("/b", status)
    async with client() as found:
        body = b"x=1" if method != "GET" else None
        await ask(found, server.url("/a"), method, body=body, headers={"content-type": "text/plain", "x-mine": "1"})
    asked, _, headers, sent = server.asked[1]
    assert (asked, sent) == (then, b"x=1" if then != "GET" else b"")
    assert headers["x-mine"] == "1"


async def test_another_origin_gets_neither_headers_nor_bodies(server: Server) -> None:
    other = await Server().start()
    server.answers |= {"/get": to(other.url("/x")), "/post": to(other.url("/x"), 307)}
    async with client(
        connectors={"crm": {"url": server.url("/"), "token": "geheim", "headers": {"X-Key": "k"}}}
    ) as found:
        await ask(found, "get", connector="crm", headers={"x-pin": "1234"})
        done = await ask(found, "post", "POST", connector="crm", body=b"pin=1234")
    assert server.asked[0][2]["authorization"] == "Bearer geheim" and server.asked[0][2]["x-key"] == "k"
    assert done.error == "refused" and len(other.asked) == 1
    assert not {"authorization", "x-key", "x-pin"} & set(other.asked[0][2])
    assert other.runner is not None
    await other.runner.cleanup()


# Connectors


async def test_a_connector_gives_base_url_and_credentials(server: Server) -> None:
    connectors = {
        "crm": {"url": server.url("/api"), "user": "ivr", "password": "geheim", "headers": {"X-Key": "k"}},
    }
    async with client(connectors=connectors) as found:
        await ask(found, "/people?q=1", connector="crm", headers={"authorization": "mine", "x-key": "mine"})
        await ask(found, "", connector="crm")
    assert [path for _, path, _, _ in server.asked] == ["/api/people?q=1", "/api/"]
    assert server.asked[0][2]["authorization"] == "Basic aXZyOmdlaGVpbQ=="


@pytest.mark.parametrize("url", ["../other", "a/../../other", "%2e%2e/other", "/../other", "..\\other/../../x"])
async def test_a_connector_is_not_left(server: Server, url: str) -> None:
    async with client(connectors={"crm": {"url": server.url("/api/v1")}}) as found:
        done = await ask(found, url, connector="crm")
    assert done.error == "refused" or all(path.startswith("/api/v1/") for _, path, _, _ in server.asked)


async def test_an_unknown_connector_is_refused() -> None:
    async with client() as found:
        done = await ask(found, "/x", connector="nowhere")
    assert (done.error, done.text) == ("refused", "there is no connector nowhere")


async def test_a_connector_may_be_slower_or_faster_than_a_flow_asks(server: Server) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server.answers["/"] = hang
    async with client(connectors={"crm": {"url": server.url("/"), "timeout": 0.1}}) as found:
        assert (await ask(found, "", connector="crm", timeout=100.0)).error == "timeout"
        assert (await ask(found, server.url(), timeout=0.1)).error == "timeout"


# Bounds


@pytest.mark.parametrize(
    ("body", "encoding", "value", "error"),
    [
        (gzip.compress(b"{}", mtime=0), "gzip", {}, None),
        (zlib.compress(b"{}"), "deflate", {}, None),
        (zlib.compress(b"{}")[2:-4], "deflate", {}, None),
        (gzip.compress(bytes(50_000_000)), "gzip", None, "too_large"),
        (gzip.compress(b"{}", mtime=0)[:-6], "gzip", None, "bad_answer"),
        (b"{}", "gzip", None, "bad_answer"),
        (b"{}", "br", None, "bad_answer"),
    ],
)
async def test_packed_answers(server: Server, body: bytes, encoding: str, value: Any, error: str | None) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    server.answers["/"] = lambda _: web.Response(body=body, headers=headers)
    async with client() as found:
        done = await ask(found, server.url())
    assert (done.status, done.body, done.error) == (200, value, error)


async def test_long_headers_are_too_large(server: Server) -> None:
    server.answers["/"] = lambda _: web.Response(headers={f"X-{number}": "x" * 4000 for number in range(10)})
    async with client() as found:
        done = await ask(found, server.url())
    assert (done.status, done.error, done.headers) == (200, "too_large", {})


async def test_the_limit_of_answers_is_configured(server: Server) -> None:
    server.answers["/"] = lambda _: web.Response(text="x" * 1001)
    async with client(http={"answer_bytes": 1000}) as found:
        assert (await ask(found, server.url())).error == "too_large"
    async with client(http={"answer_bytes": 1001}) as found:
        assert (await ask(found, server.url())).status == 200


@pytest.mark.parametrize(
    "text",
    [
        "[" * 33 + "]" * 33,
        '{"x": NaN}',
        '{"x": ' + "9" * 401 + "}",
        "{",
        '{"a": [' + "{}," * 40 + "[" * 31 + "]" * 31 + "]}",
    ],
)
async def test_json_that_is_not_taken(server: Server, text: str) -> None:
    server.answers["/"] = lambda _: web.Response(text=text, content_type="application/json", status=500)
    async with client() as found:
        done = await ask(found, server.url())
    assert (done.status, done.body, done.error) == (500, None, "bad_answer")


async def test_json_that_is_taken(server: Server) -> None:
    text = '{"a": [' + "{}," * 40 + "[" * 30 + "]" * 30 + "]}"
    server.answers["/"] = lambda _: web.Response(text=text, content_type="application/json")
    async with client() as found:
        assert (await ask(found, server.url())).body == json.loads(text)


async def test_requests_under_way_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def hold(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="done")

    server.answers["/"] = hold
    monkeypatch.setattr(http, "MAX_UNDER_WAY_PER_HOST", 3)
    async with client() as found:
        waiting = [asyncio.ensure_future(ask(found, server.url())) for _ in range(3)]
        await server.count(3)
        done = await ask(found, server.url())
        assert (done.error, done.text) == ("network", "too many requests are under way")
        assert (await ask(found, "http://127.0.0.2:1/")).error == "refused"
        release.set()
        assert [each.body for each in await asyncio.gather(*waiting)] == ["done"] * 3
        assert (await ask(found, server.url())).status == 200


async def test_requests_to_all_hosts_together_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_UNDER_WAY", 2)
    async with client() as found:
        errors = [done.error for done in await asyncio.gather(*(ask(found, server.url()) for _ in range(4)))]
    assert errors == [None, None, "network", "network"]


async def test_nothing_of_a_request_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ivr")
    async with client() as found:
        done = await ask(
            found, "http://127.0.0.1:1/4711?pin=1234", "POST", body=b"1234", headers={"x": "1234"}, secret=True
        )
    assert done.error == "network" and "1234" not in done.text and "4711" not in done.text
    assert "127.0.0.1" not in done.text and "1234" not in caplog.text and "4711" not in caplog.text


async def test_header_splitting_is_refused(server: Server) -> None:
    async with client() as found:
        done = await ask(found, server.url(), headers={"x": "a\r\nHost: evil"})
    assert done.error == "refused" and not server.asked


async def test_a_client_that_is_closed_cancels_what_is_under_way(server: Server) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server.answers["/"] = hang
    answers: list[RequestDone] = []
    async with client() as found:
        found.request(Request(1, "GET", server.url()), answers.append)
        await server.count(1)
    found.request(Request(2, "GET", server.url()), answers.append)
    assert not answers


# A peer with every vice


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    port = free_port(socket.SOCK_STREAM)
    process = subprocess.Popen([sys.executable, str(EVIL), "--port", str(port)])
    try:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(may_skip(EVIL.exists()), reason="../shared/proving is not there")
@pytest.mark.parametrize(
    ("vice", "status", "error"),
    [
        ("hang", None, "timeout"),
        ("slow", None, "timeout"),
        ("500", 500, "bad_answer"),
        ("503retry", 503, None),
        ("badjson", 200, "bad_answer"),
        ("notutf8", 200, "bad_answer"),
        ("deepjson", 200, "bad_answer"),
        ("bigint", 200, "too_large"),
        ("huge", 200, "too_large"),
        ("gzipbomb", 200, "too_large"),
        ("redir-meta", None, "refused"),
        ("redir-file", None, "refused"),
        ("redir-loop", None, "bad_answer"),
        ("cut", None, "network"),
        ("nolen-endless", 200, "too_large"),
        ("header-flood", None, "bad_answer"),
        ("close", None, "network"),
        ("ok", 200, None),
    ],
)
async def test_a_peer_with_every_vice(evil: str, vice: str, status: int | None, error: str | None) -> None:
    async with client() as found:
        done = await ask(found, f"{evil}/{vice}", timeout=1.0 if error == "timeout" else 20.0)
        assert (done.status, done.error) == (status, error)
        assert done.body == ({} if vice == "ok" else None)
        assert error != "timeout" or done.elapsed < 5.0
