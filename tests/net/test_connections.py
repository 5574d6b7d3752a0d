"""What peers of streams may cost: number, time, octets."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest

from ivr.net import ConnectionLimits, TlsFiles, connections
from ivr.sip import Flow, Rejected
from tests.kit.certificate import make_certificate
from tests.kit.node import Node, Peer, options
from tests.kit.waiting import until


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for."""
    for name in ("HANDSHAKE_SECONDS", "FIRST_SECONDS", "MESSAGE_SECONDS"):
        monkeypatch.setattr(f"ivr.net.deadlines.{name}", 0.1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "pbx.example.net")


async def test_messages_come_as_they_like_and_are_answered_in_order() -> None:
    async with Node("tcp") as node:
        peer = await Peer.to(node.port("tcp"))
        stream = b"\r\n\r\n" + b"".join(options(str(number)) for number in range(200))
        for place in range(0, len(stream), 777):
            peer.write(stream[place : place + 777])
        found = b""
        while found.count(b"SIP/2.0 200") < 200:
            found += await peer.read()
        assert found.startswith(b"\r\nSIP/2.0 200")
        calls = [line for line in found.split(b"\r\n") if line.startswith(b"Call-ID")]
        assert calls == [b"Call-ID: %d" % number for number in range(200)]
        peer.close()


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: 1\r\n\r\n", b"SIP/2.0 400"),
        (b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 2000000000\r\n\r\n", b"SIP/2.0 513"),
        (b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nX: " + b"x" * 20_000, b"SIP/2.0 513"),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00\x01", b""),
    ],
)
async def test_a_stream_that_cannot_be_read_on_is_closed(data: bytes, answer: bytes) -> None:
    async with Node("tcp") as node:
        peer = await Peer.to(node.port("tcp"))
        peer.write(data)
        found = await peer.closed()
        assert found[:11] == answer
        assert found.count(b"SIP/2.0 ") == bool(answer)
        assert not node.shell.connections


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("data", [b"", b"\r\n", b"OPTIONS sip:x SIP/2.0\r\n", options()[:-4], b"\r\n\r\nOPTIONS"])
async def test_who_says_nothing_complete_is_closed(data: bytes) -> None:
    async with Node("tcp") as node:
        peer = await Peer.to(node.port("tcp"))
        peer.write(data)
        assert await peer.closed() in (b"", b"\r\n")
        assert not node.shell.connections


@pytest.mark.usefixtures("quick")
async def test_octets_that_drip_in_save_nobody() -> None:
    async with Node("tcp") as node:
        peer = await Peer.to(node.port("tcp"))
        peer.write(options())
        assert (await peer.read()).startswith(b"SIP/2.0 200")
        for octet in options("2"):
            peer.write(bytes((octet,)))
            await asyncio.sleep(0.01)
            if not node.shell.connections:
                break
        assert not node.shell.connections
        peer.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01\x02\x00\x01", b"OPTIONS sip:x SIP/2.0\r\n\r\n"])
async def test_half_a_tls_handshake_is_given_up(certificate: Path, data: bytes) -> None:
    async with Node("tls", tls=TlsFiles(certificate)) as node:
        peer = await Peer.to(node.port("tls"))
        peer.write(data)
        await peer.closed()
        assert not node.shell.connections


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 10_000])
async def test_half_a_websocket_handshake_is_given_up(data: bytes) -> None:
    async with Node("ws") as node:
        peer = await Peer.to(node.port("ws"))
        peer.write(data)
        await peer.closed()
        assert not node.shell.connections


async def test_who_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.net.connection.MAX_UNSENT", 20_000)
    async with Node("tcp") as node:
        with socket.create_connection(("127.0.0.1", node.port("tcp"))) as peer:
            peer.setblocking(False)
            await until(lambda: node.shell.connections)
            stream = b"".join(options(str(number)) for number in range(100))
            while node.shell.connections:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    peer.send(stream)
                await asyncio.sleep(0)


async def test_one_source_has_so_many_connections_and_trusted_ones_more() -> None:
    limits = ConnectionLimits(10, 2, (ipaddress.ip_network("127.0.0.9/32"),))
    async with Node("tcp", limits=limits) as node:
        port = node.port("tcp")
        peers = [await Peer.to(port) for _ in range(2)]
        assert await Peer.refused(port)
        peers += [await Peer.to(port, local_addr=("127.0.0.9", 0)) for _ in range(3)]
        await until(lambda: node.shell.connections == {"tcp": 5})
        assert node.shell.connections_refused == 1
        peers[0].close()
        await until(lambda: node.shell.connections == {"tcp": 4})
        again = await Peer.to(port)
        again.write(options())
        assert (await again.read()).startswith(b"SIP/2.0 200")
        for peer in (*peers[1:], again):
            peer.close()


async def test_when_all_are_taken_the_one_silent_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Node("tcp", limits=ConnectionLimits(2, 10)) as node:
        port = node.port("tcp")
        first, second = await Peer.to(port), await Peer.to(port)
        for peer in (second, first):
            peer.write(options())
            assert (await peer.read()).startswith(b"SIP/2.0 200")
        assert await Peer.refused(port)
        monkeypatch.setattr("ivr.net.connections.EVICT_IDLE", 0.0)
        third = await Peer.to(port)
        assert await second.closed() == b""
        for peer in (first, third):
            peer.write(options("3"))
            assert (await peer.read()).startswith(b"SIP/2.0 200")
        for peer in (first, second, third):
            peer.close()


class Keeper:
    """A doorkeeper who says what it is told to."""

    def __init__(self) -> None:
        self.connections = self.messages = True

    def message(self, host: str, now: float, size: int) -> bool:
        return self.messages

    def connection(self, host: str, now: float) -> bool:
        return self.connections


async def test_the_doorkeeper_is_asked_and_the_tap_is_shown_everything() -> None:
    keeper, seen = Keeper(), []
    async with Node("tcp", "udp", guard=keeper, tap=lambda *one: seen.append(one)) as node:
        peer = await Peer.to(node.port("tcp"))
        peer.write(options())
        answer = await peer.read()
        assert [(direction, data) for direction, data, _ in seen] == [("in", options()), ("out", answer)]
        assert seen[0][2] == Flow("tcp", ("127.0.0.1", node.port("tcp")), peer.writer.get_extra_info("sockname"), 1)
        keeper.messages = False
        peer.write(options("2"))
        assert await peer.closed() == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            stranger.sendto(options("3", "UDP"), ("127.0.0.1", node.port("udp")))
            keeper.connections = False
            assert await Peer.refused(node.port("tcp"))
            with pytest.raises(BlockingIOError):
                stranger.recv(10)
        assert len(seen) == 2


async def test_keep_alives_of_connections_that_we_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.net.deadlines.PING_SECONDS", 0.05)
    monkeypatch.setattr("ivr.net.deadlines.PONG_SECONDS", 0.1)

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while not data.endswith(b"\r\n" * 8):  # without an answer it goes on
            data += await reader.read(1000)
        writer.write(b"\r\n")
        began = asyncio.get_running_loop().time()
        while await reader.read(1000):  # known to answer, it is given up
            pass
        done.set_result(asyncio.get_running_loop().time() - began)
        writer.close()

    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    async with server, Node("udp", t1=0.5) as node:
        node.call(node.shell.flow_to(*server.sockets[0].getsockname(), "tcp"))
        async with asyncio.timeout(10):
            assert await done < 5
        assert (await node.expect(Rejected)).status == 503


async def test_who_has_no_descriptor_left_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.net.connections.ACCEPT_AGAIN", 0.05)
    async with Node("tcp") as node:
        listener = node.shell._streams[0]
        real, failures = listener.socket, [OSError(24, "Too many open files")]

        class Full:
            def accept(self) -> Any:
                if failures:
                    raise failures.pop()
                return real.accept()

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

        listener.socket = Full()  # type: ignore[assignment]
        peer = await Peer.to(node.port("tcp"))
        peer.write(options())
        assert (await peer.read()).startswith(b"SIP/2.0 200")
        assert not failures
        peer.close()


def test_descriptors_are_had_as_far_as_the_system_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 4096)]
    monkeypatch.setattr("resource.getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr("resource.setrlimit", lambda kind, wanted: limits.append(wanted))
    assert connections._have_files(1000) == 1000 and limits[-1] == (1512, 4096)
    assert connections._have_files(4000) == 4096 - connections.FILES_KEPT and limits[-1] == (4096, 4096)
    limits.append((600, 600))
    assert connections._have_files(4000) == 300
    limits.append((1024, -1))
    assert connections._have_files(4000) == 4000 and limits[-1] == (4512, -1)
