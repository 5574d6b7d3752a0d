"""The port pairs of a worker: bound ahead of need, announced, drained before each use, rested after it."""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from media.batch import Loops

__all__ = ["AHEAD", "PortPairs"]

AHEAD: Final = 256
"""Pairs bound and announced ahead: what 1,000 new calls a second take in a quarter of a second."""
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


class PortPairs:
    """Even ports for RTP and the odd ones above for RTCP, by row. ``announce`` hears of row, generation and port."""

    def __init__(
        self,
        host: str,
        ports: tuple[int, int],
        capacity: int,
        loops: Loops,
        announce: Callable[[int, int, int], None],
    ) -> None:
        self._host = host
        self._loops = loops
        self._announce = announce
        self._unbound = deque(range(ports[0], ports[1], 2))
        self._rows = list(range(capacity))
        self._sockets: dict[int, tuple[socket.socket, socket.socket, int]] = {}
        self._generations: dict[int, int] = {}
        self._announced = 0
        self._resting: deque[tuple[float, int]] = deque()
        self._control = select.epoll()
        self._control_rows: dict[int, int] = {}
        self.taken: set[int] = set()
        """Ports of the range that somebody else holds."""
        self.pairs = min(len(self._unbound), capacity)

    def refill(self, now: float) -> bool:
        """Announce pairs until enough are; those that have rested go first, others are bound. Whether any was."""
        before = self._announced
        for _ in range(REFILL):
            if self._announced >= AHEAD:
                break
            if self._resting and self._resting[0][0] <= now:
                self._offer(self._resting.popleft()[1])
            elif self._unbound and self._rows:
                if not self._bind(self._unbound.popleft()):
                    break
            else:
                break
        while len(self._resting) > AHEAD and self._resting[0][0] <= now:
            self._close(self._resting.popleft()[1])
        return self._announced > before

    def _bind(self, port: int) -> bool:
        pair: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                pair.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, VOICE)
                sock.bind((self._host, number))
        except OSError:
            for sock in pair:
                sock.close()
            self._unbound.append(port)
            self.taken.add(port)
            return len(self.taken) < len(self._unbound)
        self.taken.discard(port)
        row = heapq.heappop(self._rows)
        rtp, rtcp = pair
        self._sockets[row] = (rtp, rtcp, port)
        self._loops.add(row, rtp)
        self._control_rows[rtcp.fileno()] = row
        self._control.register(rtcp.fileno(), select.EPOLLIN)
        self._offer(row)
        return True

    def _offer(self, row: int) -> None:
        generation = self._generations[row] = self._generations.get(row, 0) + 1
        self._announced += 1
        self._announce(row, generation, self._sockets[row][2])

    def _close(self, row: int) -> None:
        rtp, rtcp, port = self._sockets.pop(row)
        self._loops.remove(row)
        del self._control_rows[rtcp.fileno()]
        self._control.unregister(rtcp.fileno())
        rtp.close()
        rtcp.close()
        self._unbound.append(port)
        heapq.heappush(self._rows, row)

    def take(self, row: int) -> None:
        """A call begins on ``row``: throw away what strangers sent there."""
        self._announced -= 1
        for sock in self._sockets[row][:2]:
            with contextlib.suppress(OSError):
                for _ in range(DRAIN):
                    sock.recv(1)

    def give_back(self, row: int, now: float) -> None:
        """The call on ``row`` is over."""
        self._resting.append((now + REST, row))

    def control_ready(self) -> list[tuple[int, bytes, int]]:
        """RTCP that came: row, packet, and source as IPv4 << 16 | port."""
        found = []
        for number, _ in self._control.poll(0, 256):
            row = self._control_rows[number]
            try:
                packet, (host, port) = self._sockets[row][1].recvfrom(2048)
            except OSError:
                continue
            found.append((row, packet, int.from_bytes(socket.inet_aton(host), "big") << 16 | port))
        return found

    def send_control(self, row: int, packet: bytes, target: int) -> None:
        """Send RTCP; what the kernel does not take is lost."""
        address = (socket.inet_ntoa((target >> 16).to_bytes(4, "big")), target & 0xFFFF)
        with contextlib.suppress(OSError):
            self._sockets[row][1].sendto(packet, address)
