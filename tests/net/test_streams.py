"""Calls over TCP, TLS and WebSockets between two shells on loopback."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr.errors import UnreachableError
from ivr.net import TlsFiles
from ivr.sip import Answered, Confirmed, Ended, Flow, IncomingCall, Rejected
from tests.kit.certificate import make_certificate
from tests.kit.node import Node, Peer, options
from tests.kit.sip import request, sdp
from tests.kit.waiting import until

LONG = (("X-Long", "x" * 4000),)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "pbx.example.net")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def call_through(caller: Node, called: Node, flow: Flow, **more: Any) -> IncomingCall:
    session = caller.call(flow, **more)
    coming: IncomingCall = await called.expect(IncomingCall)
    await caller.expect(Answered)
    await called.expect(Confirmed)
    session.hangup(asyncio.get_running_loop().time())
    caller.shell.flush()
    await called.expect(Ended)
    return coming


@pytest.mark.parametrize("listens", [True, False])
async def test_calls_over_tcp_share_a_connection(listens: bool) -> None:
    kinds = ["udp", "tcp"] if listens else ["udp"]
    async with Node(*kinds) as caller, Node("udp", "tcp") as called:
        for _ in range(2):
            flow = caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp")
            coming = await call_through(caller, called, flow)
            assert coming.request.top_via.transport == "TCP"
            contact = coming.request.contacts[0].uri
            assert contact.params["transport"] == "tcp"
            # Where nobody listens, the peer that goes by the address finds the connection.
            assert contact.port == (caller.port("tcp") if listens else coming.flow.remote[1])
        assert caller.shell.connections == called.shell.connections == {"tcp": 1}


async def test_the_called_hangs_up_on_the_connection_of_the_call() -> None:
    async with Node("udp") as caller, Node("tcp") as called:
        caller.call(caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp"))
        coming = await called.expect(IncomingCall)
        await caller.expect(Answered)
        await called.expect(Confirmed)
        coming.session.hangup(asyncio.get_running_loop().time())
        called.shell.flush()
        await caller.expect(Ended)
        assert called.shell.connections == {"tcp": 1}


async def test_the_called_hangs_up_when_the_connection_of_the_call_is_gone() -> None:
    async with Node("tcp") as caller, Node("tcp") as called:
        caller.call(caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp"))
        coming = await called.expect(IncomingCall)
        await caller.expect(Answered)
        await called.expect(Confirmed)
        for connection in list(caller.shell._table._connections.values()):
            connection.close("for the test")
        await until(lambda: not called.shell.connections)
        coming.session.hangup(asyncio.get_running_loop().time())
        called.shell.flush()
        await caller.expect(Ended)


async def test_an_invite_of_thousands_of_octets_over_tcp() -> None:
    async with Node("tcp") as caller, Node("tcp") as called:
        flow = caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp")
        coming = await call_through(caller, called, flow, headers=LONG)
        assert coming.request.get("X-Long") == LONG[0][1]


async def test_what_no_datagram_holds_goes_by_tcp_where_the_line_permits() -> None:
    async with Node("udp") as caller, Node("udp", "tcp") as called:
        # One port for both, as a trunk has.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        called.shell._add("udp", "127.0.0.1", port)
        called.shell._loop.add_reader(called.shell._udp[-1].fileno(), called.shell._on_readable, called.shell._udp[-1])
        called.shell._add("tcp", "127.0.0.1", port)
        called.shell._table.listen(called.shell._streams[-1])
        flow = caller.shell.flow_to("127.0.0.1", port)
        coming = await call_through(caller, called, flow, headers=LONG, stream_ok=True)
        assert coming.flow.transport == "tcp"
        coming = await call_through(caller, called, flow, headers=LONG)
        assert coming.flow.transport == "udp"
        coming = await call_through(caller, called, flow, stream_ok=True)
        assert coming.flow.transport == "udp"


async def test_who_refuses_tcp_gets_it_by_udp() -> None:
    async with Node("udp") as caller, Node("udp") as called:
        flow = caller.shell.flow_to("127.0.0.1", called.port("udp"))
        for _ in range(2):
            coming = await call_through(caller, called, flow, headers=LONG, stream_ok=True)
            assert coming.flow.transport == "udp"
            assert coming.request.top_via.transport == "UDP"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_calls_by_ipv6() -> None:
    async with Node("udp", "tcp", host="::1") as caller, Node("udp", "tcp", host="::1") as called:
        for kind in ("udp", "tcp"):
            coming = await call_through(
                caller, called, caller.shell.flow_to("::1", called.port(kind), kind), sdp=sdp("192.0.2.1")
            )
            assert coming.request.contacts[0].uri.host == "::1"
            assert str(coming.request.top_via).startswith(f"SIP/2.0/{kind.upper()} [::1]:{caller.port(kind)};")
        with pytest.raises(UnreachableError):
            caller.shell.flow_to("127.0.0.1", 5060)


async def test_a_peer_that_takes_no_connection_fails_the_call_at_once() -> None:
    async with Node("udp", t1=0.5) as caller:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            caller.call(caller.shell.flow_to(*probe.getsockname(), "tcp"))
            assert (await caller.expect(Rejected)).status == 503


async def test_a_peer_that_is_not_reached_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Node("udp") as caller:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        for _ in range(3):
            caller.call(caller.shell.flow_to("127.0.0.1", port, "tcp"))
            await caller.expect(Rejected)
    assert caplog.text.count("no tcp connection") == 1


async def test_the_end_of_a_connection_fails_what_waits_on_it() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, Node("udp", t1=0.5) as caller:
        caller.call(caller.shell.flow_to(*server.sockets[0].getsockname(), "tcp"))
        assert (await caller.expect(Rejected)).status == 503
        assert not caller.shell.connections


async def test_a_response_goes_by_a_new_connection_when_its_own_is_gone() -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    answers: asyncio.Queue[bytes] = asyncio.Queue()
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Node("tcp") as node:
        held: list[Any] = []
        node.shell._on_event = lambda event: held.append(event)
        peer = await Peer.to(node.port("tcp"))
        peer.write(request("INVITE", via=f"SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKone"))
        await until(lambda: held)
        peer.close()
        await until(lambda: not node.shell.connections)
        held[0].session.reject(486, asyncio.get_running_loop().time())
        node.shell.flush()
        async with asyncio.timeout(10):
            assert (await answers.get()).startswith(b"SIP/2.0 486")


async def test_a_call_over_tls_to_a_peer_that_proves_its_name(certificate: Path) -> None:
    async with (
        Node("udp", tls=TlsFiles(ca=certificate)) as caller,
        Node("tls", tls=TlsFiles(certificate)) as called,
    ):
        flow = caller.shell.flow_to("127.0.0.1", called.port("tls"), "tls", "pbx.example.net")
        coming = await call_through(caller, called, flow, headers=LONG)
        assert coming.request.top_via.transport == "TLS"
        assert coming.request.contacts[0].uri.params["transport"] == "tls"


async def test_a_peer_that_is_another_is_not_spoken_to(certificate: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Node("udp", tls=TlsFiles(ca=certificate)) as caller,
        Node("tls", tls=TlsFiles(certificate)) as called,
        Node("udp", tls=TlsFiles(verify=False)) as careless,
    ):
        for name in ("pbx.example.com", "example.net", "b.pbx.example.net", ""):
            caller.call(caller.shell.flow_to("127.0.0.1", called.port("tls"), "tls", name))
            assert (await caller.expect(Rejected)).status == 503
            assert f"the peer's certificate is not that of {name}" in caplog.text
        strict = Node("udp")
        async with strict:
            strict.call(strict.shell.flow_to("127.0.0.1", called.port("tls"), "tls", "pbx.example.net"))
            assert (await strict.expect(Rejected)).status == 503
            assert "CERTIFICATE_VERIFY_FAILED (self-signed certificate)" in caplog.text
        assert called.events.empty()
        await call_through(careless, called, careless.shell.flow_to("127.0.0.1", called.port("tls"), "tls"))


async def test_who_has_no_certificate_is_turned_away_where_one_is_required(certificate: Path) -> None:
    async with (
        Node("tls", tls=TlsFiles(certificate, ca=certificate, client="required")) as called,
        Node("udp", tls=TlsFiles(verify=False)) as stranger,
        Node("udp", tls=TlsFiles(certificate, verify=False)) as known,
    ):
        stranger.call(stranger.shell.flow_to("127.0.0.1", called.port("tls"), "tls"))
        assert (await stranger.expect(Rejected)).status == 503
        await call_through(known, called, known.shell.flow_to("127.0.0.1", called.port("tls"), "tls"))


async def test_a_browser_by_websocket() -> None:
    async with Node("ws") as node, aiohttp.ClientSession() as session:
        url = f"ws://127.0.0.1:{node.port('ws')}/"
        async with session.ws_connect(url, protocols=("sip",)) as browser:
            await browser.send_str(options("1", "WS").decode())
            answer = await browser.receive_str(timeout=5)
            assert answer.startswith("SIP/2.0 200")
            assert f"<sip:127.0.0.1:{node.port('ws')};transport=ws>" in answer
            await browser.send_bytes(options("2", "WS"))
            assert (await browser.receive_str(timeout=5)).startswith("SIP/2.0 200")
            await browser.send_str("\r\n\r\n")
            assert await browser.receive_str(timeout=5) == "\r\n"
            assert node.shell.connections == {"ws": 1}
        await until(lambda: not node.shell.connections)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url, protocols=("chat",))
        async with session.get(url) as page:
            assert page.status == 400
        with pytest.raises(UnreachableError):
            node.shell.flow_to("127.0.0.1", 80, "ws")


async def test_a_browser_is_called_on_its_own_connection(certificate: Path) -> None:
    async with Node("wss", tls=TlsFiles(certificate)) as node, aiohttp.ClientSession() as session:
        url = f"wss://127.0.0.1:{node.port('wss')}/"
        async with session.ws_connect(url, protocols=("sip",), ssl=False) as browser:
            await browser.send_str(request("REGISTER", via="SIP/2.0/WSS x.invalid;branch=z9hG4bK1").decode())
            registered = await node.expect(object)
            node.call(registered.flow)
            assert (await browser.receive_str(timeout=5)).startswith("INVITE ")
            await browser.close()
            assert (await node.expect(Rejected)).status == 503
        node.call(registered.flow)
        assert (await node.expect(Rejected)).status == 503


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\xfe",
        b"\x85\x00",
        b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc1\x80\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xff",
    ],
)
async def test_frames_that_break_the_rules_close_the_connection(frame: bytes) -> None:
    async with Node("ws") as node:
        peer = await Peer.to(node.port("ws"))
        peer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        )
        assert (await peer.read()).startswith(b"HTTP/1.1 101")
        peer.write(frame + bytes(70_000))
        await peer.closed()
        await until(lambda: not node.shell.connections)
