"""The socket loops in Python: one call of the socket module for each packet."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.batch.listening import Listening
from media.batch.packets import PER_SOCKET, Inbox

__all__ = ["PythonLoops"]

_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_TRUNC
_UNSPECIFIED: Final = struct.pack("=H14x", socket.AF_UNSPEC)
_MOST_ADDRESSES: Final = 4096
"""Hosts whose numbers are remembered: a flood from forged sources must not fill the memory."""


class PythonLoops:
    """The loops where nothing is compiled."""

    name: Final = "python"

    def __init__(self, capacity: int) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._fds = np.full(capacity, -1, np.int32)
        self._sets = (Listening(self._fds), Listening(self._fds))
        self._receivers: list[list[tuple[int, int, Any, Any]]] = [[], []]
        self._addresses: dict[str, int] = {}
        self._senders: dict[int, tuple[int, Callable[..., int], tuple[str, int]]] = {}
        self._views: tuple[Any, list[memoryview]] | None = None
        self._peers: dict[int, int] = {}
        """Peers of connected sockets in which nothing waits that came before: they need not be asked for a source."""
        self._settling: dict[int, int] = {}
        """Peers of connected sockets of which that is not yet known."""
        self._connect = ctypes.CDLL(None, use_errno=True).connect

    def add(self, row: int, sock: socket.socket) -> None:
        self._sockets[row] = sock
        self._fds[row] = sock.fileno()

    def remove(self, row: int) -> None:
        for listening in self._sets:
            listening.remove(row)
        self._order()
        del self._sockets[row]
        self._fds[row] = -1
        for known in (self._senders, self._peers, self._settling):
            known.pop(row, None)

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        for listening, wanted in zip(self._sets, (rows, hurried), strict=True):
            listening.set(wanted)
        self._order()

    def settle(self, row: int, target: int) -> bool:
        sock = self._sockets[row]
        self._peers.pop(row, None)
        self._settling.pop(row, None)
        if not target:
            self._connect(sock.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))  # what the socket module has no word for
            return False
        try:
            sock.connect(_pair(target))
        except OSError:
            return False
        self._settling[row] = target
        return True

    def _order(self) -> None:
        self._receivers = [
            [
                (fd, row, self._sockets[row].recvfrom_into, self._sockets[row].recv_into)
                for fd, row in zip(listening.fds.tolist(), listening.rows.tolist(), strict=True)
            ]
            for listening in self._sets
        ]

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        receivers, poll = self._receivers[hurried], self._sets[hurried].epoll.poll
        if self._views is None or self._views[0] is not inbox.packets:
            self._views = (inbox.packets, [memoryview(packet) for packet in inbox.packets])
        views, peers = self._views[1], self._peers
        capacity = len(views)
        lengths: list[int] = []
        sources: list[int] = []
        rows: list[int] = []
        count = 0
        for turn in range(PER_SOCKET):
            ready = {fd for fd, _ in poll(0, len(receivers) + 1)}
            if turn == 0 and self._settling:
                self._settled(ready, hurried)
            if not ready or count == capacity:
                break
            for fd, row, receive_from, receive in receivers:
                if fd not in ready:
                    continue
                try:
                    if row in peers:
                        size = receive(views[count], 0, _FLAGS)
                        source = peers[row]
                    else:
                        size, (host, port) = receive_from(views[count], 0, _FLAGS)
                        source = (self._addresses.get(host) or self._address(host)) << 16 | port
                except OSError:
                    continue
                lengths.append(size)
                sources.append(source)
                rows.append(row)
                count += 1
                if count == capacity:
                    break
        inbox.count = count
        inbox.lengths[:count] = lengths
        inbox.sources[:count] = sources
        inbox.rows[:count] = rows

    def _settled(self, ready: set[int], hurried: bool) -> None:
        """Connected sockets that are empty now will hold nothing but their peer's packets."""
        listened = set(self._sets[hurried].rows.tolist())
        for row in listened & self._settling.keys():
            if self._sockets[row].fileno() not in ready:
                self._peers[row] = self._settling.pop(row)

    def _address(self, host: str) -> int:
        if len(self._addresses) > _MOST_ADDRESSES:
            self._addresses.clear()
        number = self._addresses[host] = int.from_bytes(socket.inet_aton(host), "big")
        return number

    def send(
        self,
        rows: NDArray[np.intp],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        targets: NDArray[np.uint64],
    ) -> int:
        failed = 0
        data = packets.tobytes()
        width = packets.shape[1]
        sockets, senders = self._sockets, self._senders
        starts = range(0, len(data), width) if width else ()
        for row, at, length, target in zip(rows.tolist(), starts, lengths.tolist(), targets.tolist(), strict=True):
            packet = data[at : at + length]
            try:
                if not target:
                    sockets[row].send(packet)
                    continue
                known = senders.get(row)
                if known is None or known[0] != target:
                    known = senders[row] = (target, sockets[row].sendto, _pair(target))
                known[1](packet, known[2])
            except ConnectionRefusedError:
                failed += self._again(row, packet, target)
            except OSError:
                failed += 1
        return failed

    def _again(self, row: int, packet: bytes, target: int) -> bool:
        """Send what was not sent because the kernel had to tell of an earlier packet: whether that failed too."""
        try:
            self._sockets[row].sendto(packet, _pair(target)) if target else self._sockets[row].send(packet)
        except OSError:
            return True
        return False


def _pair(target: int) -> tuple[str, int]:
    return socket.inet_ntoa((target >> 16).to_bytes(4, "big")), target & 0xFFFF
