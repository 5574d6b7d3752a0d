"""The two implementations of the socket loops, held against each other over real sockets."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from media.batch import PER_SOCKET, Addresses, CompiledLoops, Inbox, Loops, PythonLoops, compiled_available, open_loops
from tests.kit.needs import may_skip

LOOPBACK = 0x7F000001

needs_compiled = pytest.mark.skipif(
    may_skip(compiled_available()), reason="the compiled socket loops are not built here"
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def udp(stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    sock.bind(("127.0.0.1", 0))
    return sock


IMPLEMENTATIONS = [
    pytest.param(lambda: PythonLoops(64, Addresses()), id="python"),
    pytest.param(lambda: CompiledLoops(64, Addresses()), id="compiled", marks=needs_compiled),
]


def contents(inbox: Inbox) -> list[tuple[int, int, int, bytes]]:
    return [
        (
            int(inbox.rows[k]),
            int(inbox.sources[k]),
            int(inbox.lengths[k]),
            inbox.packets[k, : inbox.lengths[k]].tobytes(),
        )
        for k in range(inbox.count)
    ]


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_what_is_ready_is_received_in_rounds(stack: ExitStack, make) -> None:
    loops: Loops = make()
    peer, sockets = udp(stack), [udp(stack) for _ in range(4)]
    for row, sock in enumerate(sockets):
        loops.add(row * 3, sock)
    loops.listen(np.array([0, 3, 9]), np.array([9]))
    for row, data in ((3, b"a"), (1, b"x"), (0, b"b"), (3, b"c"), (2, b"d" * 700), (3, b"")):
        peer.sendto(data, sockets[row].getsockname())
    inbox = Inbox(16)
    source = LOOPBACK << 16 | peer.getsockname()[1]
    loops.receive(inbox, hurried=True)
    assert [(row, data) for row, _, _, data in contents(inbox)] == [(9, b"a"), (9, b"c"), (9, b"")]
    loops.receive(inbox, hurried=False)
    assert contents(inbox) == [(0, source, 1, b"b"), (3, source, 1, b"x")]
    loops.listen(np.array([6]), np.array([], np.intp))
    loops.receive(inbox, hurried=False)
    assert (int(inbox.rows[0]), int(inbox.lengths[0]), inbox.count) == (6, 700, 1)
    loops.receive(inbox, hurried=True)
    assert inbox.count == 0


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_a_flood_is_read_in_parts(stack: ExitStack, make) -> None:
    loops: Loops = make()
    peer, sock, other = udp(stack), udp(stack), udp(stack)
    loops.add(0, sock)
    loops.add(1, other)
    loops.listen(np.array([0, 1]), np.array([], np.intp))
    for k in range(PER_SOCKET + 5):
        peer.sendto(bytes([k]), sock.getsockname())
    peer.sendto(b"z", other.getsockname())
    inbox = Inbox(100)
    loops.receive(inbox, hurried=False)
    assert inbox.count == PER_SOCKET + 1
    loops.receive(inbox, hurried=False)
    assert [data[0] for *_, data in contents(inbox)] == list(range(PER_SOCKET, PER_SOCKET + 5))
    for _ in range(3):
        peer.sendto(b"1", sock.getsockname())
        peer.sendto(b"2", other.getsockname())
    small = Inbox(5)
    loops.receive(small, hurried=False)
    assert small.count == 5
    loops.receive(small, hurried=False)
    assert small.count == 1


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_rows_are_sent_to_their_targets_and_failures_counted(stack: ExitStack, make) -> None:
    loops: Loops = make()
    sockets, peers = [udp(stack) for _ in range(3)], [udp(stack) for _ in range(3)]
    for row, sock in enumerate(sockets):
        loops.add(row, sock)
    packets = np.arange(3 * 172, dtype=np.uint16).astype(np.uint8).reshape(3, 172)
    targets = np.array([LOOPBACK << 16 | peer.getsockname()[1] for peer in peers], np.uint64)
    lengths = np.array([172, 16, 0], np.int32)
    assert loops.send(np.array([2, 0, 1]), packets, lengths, targets) == 0
    for k, row in enumerate((2, 0, 1)):
        data, source = peers[k].recvfrom(1000)
        assert data == packets[k, : lengths[k]].tobytes()
        assert source == sockets[row].getsockname()
    assert loops.send(np.array([0]), packets[:1], lengths[:1], np.array([0], np.uint64)) == 1


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_a_peer_that_is_gone_stops_nobody(stack: ExitStack, make) -> None:
    loops: Loops = make()
    sock, peer = udp(stack), udp(stack)
    loops.add(0, sock)
    loops.listen(np.array([0]), np.array([], np.intp))
    gone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    gone.bind(("127.0.0.1", 0))
    port = gone.getsockname()[1]
    gone.close()
    packets = np.zeros((1, 172), np.uint8)
    for _ in range(3):
        loops.send(np.array([0]), packets, np.array([172], np.int32), np.array([LOOPBACK << 16 | port], np.uint64))
    peer.sendto(b"here", sock.getsockname())
    inbox = Inbox(8)
    loops.receive(inbox, hurried=False)
    loops.receive(inbox, hurried=False) if inbox.count == 0 else None
    assert contents(inbox)[0][3] == b"here"
    loops.remove(0)
    loops.receive(inbox, hurried=False)
    assert inbox.count == 0


@needs_compiled
def test_both_give_the_same_of_the_same_traffic(stack: ExitStack) -> None:
    chance = random.Random(4)
    found = []
    sent: list[tuple[int, bytes]] = [
        (chance.randrange(8), chance.randbytes(chance.choice((0, 12, 172, 640, 641, 900)))) for _ in range(60)
    ]
    for make in (lambda: PythonLoops(64, Addresses()), lambda: CompiledLoops(64, Addresses())):
        loops: Loops = make()
        peer, sockets = udp(stack), [udp(stack) for _ in range(8)]
        for row, sock in enumerate(sockets):
            loops.add(row, sock)
        loops.listen(np.arange(8), np.arange(2))
        for row, data in sent:
            peer.sendto(data, sockets[row].getsockname())
        taken = []
        for hurried in (True, False, False):
            inbox = Inbox(40)
            loops.receive(inbox, hurried=hurried)
            taken += [(row, length, data) for row, _, length, data in contents(inbox)]
        found.append(taken)
    assert found[0] == found[1]
    assert len(found[0]) == 60


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_a_settled_row_sends_to_its_peer_alone_until_that_is_undone(stack: ExitStack, make) -> None:
    loops: Loops = make()
    peer, other, first = udp(stack), udp(stack), udp(stack)
    port = first.getsockname()
    first.close()
    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    sock.bind(port)  # to a port by number, as ports of calls are: only then it stays when the connection is undone
    loops.add(0, sock)
    target = LOOPBACK << 16 | peer.getsockname()[1]
    packets, lengths, nowhere = np.full((1, 172), 9, np.uint8), np.array([172], np.int32), np.array([0], np.uint64)
    assert loops.settle(0, target)
    assert loops.send(np.array([0]), packets, lengths, nowhere) == 0
    assert peer.recvfrom(1000)[1] == port
    loops.listen(np.array([0]), np.array([], np.intp))
    inbox = Inbox(8)
    for data in (b"", b"1", b"2"):
        if data:
            peer.sendto(data, port)
            other.sendto(data, port)
        loops.receive(inbox, hurried=False)
        assert [(source, packet) for _, source, _, packet in contents(inbox)] == ([(target, data)] if data else [])
    assert not loops.settle(0, 0)
    assert loops.send(np.array([0]), packets, lengths, nowhere) == 1
    assert sock.getsockname() == port
    there = np.array([LOOPBACK << 16 | other.getsockname()[1]], np.uint64)
    assert loops.send(np.array([0]), packets, lengths, there) == 0
    assert other.recvfrom(1000)[1] == port
    other.sendto(b"3", port)
    loops.receive(inbox, hurried=False)
    assert [(source, packet) for _, source, _, packet in contents(inbox)] == [(int(there[0]), b"3")]


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
def test_what_came_before_a_row_was_settled_keeps_its_source(stack: ExitStack, make) -> None:
    loops: Loops = make()
    sock, peer, other = udp(stack), udp(stack), udp(stack)
    loops.add(0, sock)
    loops.listen(np.array([0]), np.array([], np.intp))
    other.sendto(b"early", sock.getsockname())
    target, stranger = (LOOPBACK << 16 | who.getsockname()[1] for who in (peer, other))
    assert loops.settle(0, target)
    peer.sendto(b"late", sock.getsockname())
    inbox = Inbox(8)
    loops.receive(inbox, hurried=False)
    assert [(source, packet) for _, source, _, packet in contents(inbox)] == [(stranger, b"early"), (target, b"late")]


def test_the_name_tells_which_runs() -> None:
    assert open_loops(4, Addresses(), compiled=False).name == "python"
    assert open_loops(4, Addresses()).name == ("compiled" if compiled_available() else "python")


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_compiled), False])
def test_rows_of_both_families_are_served_together(stack: ExitStack, compiled: bool) -> None:
    addresses = Addresses()
    loops = open_loops(64, addresses, compiled=compiled)

    def udp6() -> socket.socket:
        sock = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as first:
            first.bind(("::1", 0))
            port = first.getsockname()[1]
        sock.bind(("::1", port))  # by number, or the port is lost with the connection
        return sock

    sockets, peer, peer6 = [udp(stack), udp6(), udp(stack), udp6()], udp(stack), udp6()
    for row, sock in enumerate(sockets):
        loops.add(row, sock)
    loops.listen(np.arange(4), np.array([1]))
    for row in (3, 1, 0, 1, 2):
        (peer6 if row % 2 else peer).sendto(bytes([row]), sockets[row].getsockname())
    inbox = Inbox(16)
    loops.receive(inbox, hurried=True)
    host6 = addresses.of_packed(bytes(15) + b"\1")
    source6 = host6 << 16 | peer6.getsockname()[1]
    assert contents(inbox) == [(1, source6, 1, b"\1"), (1, source6, 1, b"\1")]
    loops.receive(inbox, hurried=False)
    source = LOOPBACK << 16 | peer.getsockname()[1]
    assert sorted(contents(inbox)) == [(0, source, 1, b"\0"), (2, source, 1, b"\2"), (3, source6, 1, b"\3")]

    packets = np.arange(2 * 172, dtype=np.uint16).astype(np.uint8).reshape(2, 172)
    targets = np.array([source6, source], np.uint64)
    assert loops.send(np.array([3, 0]), packets, np.array([172, 16], np.int32), targets) == 0
    assert peer6.recvfrom(1000) == (packets[0].tobytes(), sockets[3].getsockname())
    assert peer.recvfrom(1000) == (packets[1, :16].tobytes(), sockets[0].getsockname())
    assert loops.settle(3, source6)
    nowhere = np.array([0], np.uint64)
    assert loops.send(np.array([3]), packets[:1], np.array([172], np.int32), nowhere) == 0
    assert len(peer6.recv(1000)) == 172
    assert not loops.settle(3, 0)
    unknown = np.array([(host6 + 7) << 16 | 4000], np.uint64)
    assert loops.send(np.array([3]), packets[:1], np.array([172], np.int32), unknown) == 1
    loops.remove(3)
    peer6.sendto(b"x", sockets[3].getsockname())
    loops.receive(inbox, hurried=False)
    assert inbox.count == 0
