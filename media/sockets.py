"""The port pairs of a worker: bound ahead of need, announced, drained before each use, rested after it.

Each address that the worker serves has the whole range of ports for itself: one of IPv4, one of IPv6, or both.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from media.batch import Addresses, Loops

__all__ = ["AHEAD", "PortPairs"]

AHEAD: Final = 256
"""Pairs bound and announced ahead: what 1,000 new calls a second take in a quarter of a second."""
AHEAD_V6: Final = 64
"""The same of IPv6 beside IPv4: few calls use it, and each pair costs two descriptors."""
REFILL: Final = 64
"""Pairs bound in one half tick, 25 µs each: more would be heard."""
REST: Final = 2.0
"""Seconds before a pair may serve another call: until then the earlier peer has noticed that its call is over."""
RECEIVE_BUFFER: Final = 65536
"""Bytes the kernel keeps per socket, doubled by it: some hundred packets, two seconds of a stalled worker; a flood on
all ports cannot take more of the machine's memory than this each."""
VOICE: Final = 0xB8
"""DSCP EF (RFC 4594): voice."""
DRAIN: Final = 512
"""Datagrams thrown away at most before a use: the buffer does not hold more."""
CONTROL_PER_HALF: Final = 256
"""Packets of RTCP read in one half tick, one of each port: a flood costs no more."""
_STARVED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
"""What says nothing of the port: no descriptors, no memory."""


@dataclass(slots=True)
class _Place:
    """One address and its ports."""

    host: str
    family: socket.AddressFamily
    ahead: int
    unbound: deque[int]
    announced: int = 0
    resting: deque[tuple[float, int]] = field(default_factory=deque)
    """Row, and from when on it may be used again."""
    taken: set[int] = field(default_factory=set)
    """Ports that somebody else holds."""


@dataclass(slots=True, frozen=True)
class _Pair:
    rtp: socket.socket
    rtcp: socket.socket
    port: int
    place: _Place


class PortPairs:
    """Even ports for RTP and the odd ones above for RTCP, by row. ``announce`` hears of row, generation, port and
    whether it is one of IPv6."""

    def __init__(
        self,
        hosts: Sequence[str],
        ports: tuple[int, int],
        capacity: int,
        loops: Loops,
        addresses: Addresses,
        announce: Callable[[int, int, int, bool], None],
    ) -> None:
        self._loops = loops
        self._addresses = addresses
        self._announce = announce
        self._places = [
            _Place(
                host,
                socket.AF_INET6 if ":" in host else socket.AF_INET,
                AHEAD_V6 if ":" in host and len(hosts) > 1 else AHEAD,
                deque(range(ports[0], ports[1], 2)),
            )
            for host in hosts
        ]
        self._rows = list(range(capacity))
        self._sockets: dict[int, _Pair] = {}
        self._generations: dict[int, int] = {}
        self._control = select.epoll()
        self._control_rows: dict[int, int] = {}
        self.starved = 0
        """Times that no pair could be bound for want of descriptors or memory."""
        self.pairs = min(len(range(ports[0], ports[1], 2)), capacity)
        """Of each address."""

    @property
    def taken(self) -> tuple[int, ...]:
        """Pairs that somebody else holds, of each address."""
        return tuple(len(place.taken) for place in self._places)

    def refill(self, now: float) -> bool:
        """Announce pairs until enough are; those that have rested go first, others are bound. Whether any was."""
        return any([self._refill(place, now) for place in self._places])

    def _refill(self, place: _Place, now: float) -> bool:
        before = place.announced
        for _ in range(REFILL):
            if place.announced >= place.ahead:
                break
            if place.resting and place.resting[0][0] <= now:
                self._offer(place.resting.popleft()[1])
            elif place.unbound and self._rows:
                if not self._bind(place, place.unbound.popleft()):
                    break
            else:
                break
        while len(place.resting) > place.ahead and place.resting[0][0] <= now:
            self._close(place.resting.popleft()[1])
        return place.announced > before

    def _bind(self, place: _Place, port: int) -> bool:
        """Bind a pair; whether it makes sense to go on."""
        pair: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                sock = socket.socket(place.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                pair.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                self._mark(sock)
                sock.bind(_bound(place.host, number))
            self._control.register(pair[1].fileno(), select.EPOLLIN)
        except OSError as error:
            for sock in pair:
                sock.close()
            if error.errno in _STARVED:
                self.starved += 1
                place.unbound.appendleft(port)
                return False
            place.unbound.append(port)
            place.taken.add(port)
            return len(place.taken) < len(place.unbound)
        place.taken.discard(port)
        row = heapq.heappop(self._rows)
        rtp, rtcp = pair
        self._sockets[row] = _Pair(rtp, rtcp, port, place)
        self._loops.add(row, rtp)
        self._control_rows[rtcp.fileno()] = row
        self._offer(row)
        return True

    @staticmethod
    def _mark(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, VOICE)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, VOICE)

    def _offer(self, row: int) -> None:
        pair = self._sockets[row]
        generation = self._generations[row] = self._generations.get(row, 0) + 1
        pair.place.announced += 1
        self._announce(row, generation, pair.port, pair.place.family == socket.AF_INET6)

    def _close(self, row: int) -> None:
        pair = self._sockets.pop(row)
        self._loops.remove(row)
        del self._control_rows[pair.rtcp.fileno()]
        self._control.unregister(pair.rtcp.fileno())
        pair.rtp.close()
        pair.rtcp.close()
        pair.place.unbound.append(pair.port)
        heapq.heappush(self._rows, row)

    def take(self, row: int) -> None:
        """A call begins on ``row``: throw away what strangers sent there."""
        pair = self._sockets[row]
        pair.place.announced -= 1
        for sock in (pair.rtp, pair.rtcp):
            with contextlib.suppress(OSError):
                for _ in range(DRAIN):
                    sock.recv(1)

    def give_back(self, row: int, now: float) -> None:
        """The call on ``row`` is over."""
        self._sockets[row].place.resting.append((now + REST, row))

    def close(self) -> None:
        """Close all sockets."""
        for row in list(self._sockets):
            self._close(row)
        self._control.close()

    def control_ready(self) -> list[tuple[int, bytes, int]]:
        """RTCP that came: row, packet, and source as host number << 16 | port."""
        found = []
        for number, _ in self._control.poll(0, CONTROL_PER_HALF):
            row = self._control_rows[number]
            try:
                packet, address = self._sockets[row].rtcp.recvfrom(2048)
            except OSError:
                continue
            found.append((row, packet, self._addresses.of_source(address)))
        return found

    def send_control(self, row: int, packet: bytes, target: int) -> None:
        """Send RTCP; what the kernel does not take is lost."""
        with contextlib.suppress(OSError):
            self._sockets[row].rtcp.sendto(packet, self._addresses.socket_address(target))


def _bound(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What ``bind`` takes; a link-local host names its link: ``fe80::1%eth0``."""
    if ":" not in host:
        return host, port
    bare, _, link = host.partition("%")
    scope = int(link) if link.isdigit() else socket.if_nametoindex(link) if link else 0
    return bare, port, 0, scope
