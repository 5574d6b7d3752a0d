"""UDP sockets on loopback."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from ivr.net import UdpSocket
from ivr.net.udp import local_address_towards
from ivr.sip import Flow


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        yield sock


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def udp(request: pytest.FixtureRequest) -> Iterator[UdpSocket]:
    made = UdpSocket(request.param, 0)
    yield made
    made.close()


def receive(udp: UdpSocket, limit: int = 10) -> list[tuple[bytes, Flow]]:
    found: list[tuple[bytes, Flow]] = []
    assert select.select([udp.fileno()], [], [], 5)[0]
    udp.receive(lambda data, flow: found.append((data, flow)), limit)
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7"])
def test_a_datagram_knows_where_it_was_sent_to_and_is_answered_from_there(
    udp: UdpSocket, peer: socket.socket, host: str
) -> None:
    if not udp.wildcard and host != udp.local[0]:
        host = udp.local[0]
    peer.sendto(b"hello", (host, udp.local[1]))
    ((data, flow),) = receive(udp)
    assert data == b"hello"
    assert flow == Flow("udp", (host, udp.local[1]), peer.getsockname())
    assert udp.send(b"answer", flow)
    assert peer.recvfrom(100) == (b"answer", (host, udp.local[1]))


def test_no_more_than_asked_for_is_read(udp: UdpSocket, peer: socket.socket) -> None:
    for number in range(5):
        peer.sendto(b"%d" % number, ("127.0.0.1", udp.local[1]))
    assert [data for data, _ in receive(udp, 3)] == [b"0", b"1", b"2"]
    assert [data for data, _ in receive(udp, 3)] == [b"3", b"4"]


def test_a_large_message_fits(udp: UdpSocket, peer: socket.socket) -> None:
    peer.sendto(b"x" * 60_000, ("127.0.0.1", udp.local[1]))
    ((data, flow),) = receive(udp)
    assert len(data) == 60_000
    assert udp.send(data, flow)
    assert len(peer.recv(65535)) == 60_000


def test_what_can_never_be_sent_is_told(udp: UdpSocket, peer: socket.socket) -> None:
    flow = udp.flow_to(*peer.getsockname())
    assert flow.local == ("127.0.0.1", udp.local[1])
    assert not udp.send(b"x" * 70_000, flow)


def test_ipv6() -> None:
    try:
        udp = UdpSocket("::", 0)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            udp.close()
            pytest.skip("no IPv6 loopback on this machine")
        other.settimeout(5)
        other.sendto(b"hello", ("::1", udp.local[1]))
        ((_, flow),) = receive(udp)
        assert flow.local[0] == flow.remote[0] == "::1"
        assert udp.send(b"answer", flow)
        assert other.recv(100) == b"answer"
    udp.close()


def test_the_way_to_a_peer() -> None:
    assert local_address_towards("127.0.0.1") == "127.0.0.1"


def test_a_taken_port_is_an_error(udp: UdpSocket) -> None:
    with pytest.raises(OSError, match="in use"):
        UdpSocket(udp.local[0], udp.local[1])
