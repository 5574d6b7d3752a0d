"""The socket loops in Python: one call of the socket module for each packet."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.batch.addresses import Addresses, SocketAddress
from media.batch.listening import Sockets
from media.batch.packets import PER_SOCKET, Inbox

__all__ = ["PythonLoops"]

_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_TRUNC
_UNSPECIFIED: Final = struct.pack("=H14x", socket.AF_UNSPEC)
_MOST_ADDRESSES: Final = 4096
"""Hosts whose numbers are remembered: a flood from forged sources must not fill the memory."""


class PythonLoops(Sockets):
    """The loops where nothing is compiled."""

    name: Final = "python"

    def __init__(self, capacity: int, addresses: Addresses) -> None:
        super().__init__(capacity)
        self._sockets: dict[int, socket.socket] = {}
        self._receivers: list[list[tuple[int, int, Any, Any]]] = [[], []]
        self._addresses = addresses
        self._known: dict[str, int] = {}
        self._senders: dict[int, tuple[int, Callable[..., int], SocketAddress]] = {}
        self._views: tuple[Any, list[memoryview]] | None = None
        self._peers: dict[int, int] = {}
        """Peers of connected sockets in which nothing waits that came before: they need not be asked for a source."""
        self._settling: dict[int, int] = {}
        """Peers of connected sockets of which that is not yet known."""
        self._connect = ctypes.CDLL(None, use_errno=True).connect

    def add(self, row: int, sock: socket.socket) -> None:
        super().add(row, sock)
        self._sockets[row] = sock

    def remove(self, row: int) -> None:
        super().remove(row)
        self._order()
        del self._sockets[row]
        for known in (self._senders, self._peers, self._settling):
            known.pop(row, None)

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        super().listen(rows, hurried)
        self._order()

    def settle(self, row: int, target: int) -> bool:
        sock = self._sockets[row]
        self._peers.pop(row, None)
        self._settling.pop(row, None)
        if not target:
            self._connect(sock.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))  # what the socket module has no word for
            return False
        try:
            sock.connect(self._addresses.socket_address(target))
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
        inbox.count = 0
        self.receive_more(inbox, hurried=hurried)

    def receive_more(self, inbox: Inbox, *, hurried: bool) -> None:
        """Receive behind what ``inbox`` holds already."""
        receivers, poll = self._receivers[hurried], self._sets[hurried].epoll.poll
        if self._views is None or self._views[0] is not inbox.packets:
            self._views = (inbox.packets, [memoryview(packet) for packet in inbox.packets])
        views, peers = self._views[1], self._peers
        capacity = len(views)
        lengths: list[int] = []
        sources: list[int] = []
        rows: list[int] = []
        first = count = inbox.count
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
                        size, address = receive_from(views[count], 0, _FLAGS)
                        source = self._number(address) << 16 | address[1]
                except OSError:
                    continue
                lengths.append(size)
                sources.append(source)
                rows.append(row)
                count += 1
                if count == capacity:
                    break
        inbox.count = count
        inbox.lengths[first:count] = lengths
        inbox.sources[first:count] = sources
        inbox.rows[first:count] = rows

    def _settled(self, ready: set[int], hurried: bool) -> None:
        """Connected sockets that are empty now will hold nothing but their peer's packets."""
        listened = set(self._sets[hurried].rows.tolist())
        for row in listened & self._settling.keys():
            if self._sockets[row].fileno() not in ready:
                self._peers[row] = self._settling.pop(row)

    def _number(self, address: Any) -> int:
        host = address[0]
        if len(address) > 2:
            return self._addresses.of_v6(host, address[3])
        known = self._known.get(host)
        if known is None:
            if len(self._known) > _MOST_ADDRESSES:
                self._known.clear()
            known = self._known[host] = int.from_bytes(socket.inet_aton(host), "big")
        return known

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
                    known = senders[row] = (target, sockets[row].sendto, self._addresses.socket_address(target))
                known[1](packet, known[2])
            except ConnectionRefusedError:
                failed += self._again(row, packet, target)
            except OSError:
                failed += 1
        return failed

    def _again(self, row: int, packet: bytes, target: int) -> bool:
        """Send what was not sent because the kernel had to tell of an earlier packet: whether that failed too."""
        try:
            sock = self._sockets[row]
            sock.sendto(packet, self._addresses.socket_address(target)) if target else sock.send(packet)
        except OSError:
            return True
        return False
