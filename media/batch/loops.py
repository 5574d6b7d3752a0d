"""Receive and send over many sockets: one interface, two implementations with identical results."""

from __future__ import annotations

import select
import socket
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from media.batch.packets import PER_SOCKET, Inbox

try:
    from media import _batch  # type: ignore[attr-defined,unused-ignore]
except ImportError:
    _batch = None

__all__ = ["CompiledLoops", "Loops", "PythonLoops", "compiled_available", "open_loops"]


class Loops(Protocol):
    """The two loops. ``rows`` are the numbers that sockets were added under."""

    @property
    def name(self) -> str:
        """``compiled`` or ``python``."""

    def add(self, row: int, sock: socket.socket) -> None:
        """Know ``sock`` as ``row``."""

    def remove(self, row: int) -> None:
        """Forget ``row``."""

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        """Receive from ``rows`` and ``hurried`` from now on, and from no others."""

    def settle(self, row: int, target: int) -> bool:
        """``row`` sends to ``target`` alone from now on (0: no more): whether its packets may go to target 0."""
        ...

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        """Fill ``inbox`` with what is ready at ``rows``, or at ``hurried``."""

    def send(
        self,
        rows: NDArray[np.intp],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        targets: NDArray[np.uint64],
    ) -> int:
        """Send packet k, (n, width), from ``rows[k]`` to ``targets[k]`` (0: connected). Returns how many failed."""


def compiled_available() -> bool:
    """Whether the compiled loops are installed."""
    return _batch is not None


def open_loops(capacity: int, *, compiled: bool = True) -> Loops:
    """The compiled loops where asked for and installed, else the Python ones, for rows below ``capacity``."""
    return CompiledLoops(capacity) if compiled and compiled_available() else PythonLoops()


class _Listening:
    """Rows listened to, in an epoll set: to try each socket would cost a third of a packet for every one that has none.
    ``sockets`` are those of all rows."""

    def __init__(self, sockets: dict[int, socket.socket]) -> None:
        self.epoll = select.epoll()
        self.sockets = sockets
        self.rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self.fds: NDArray[np.int32] = np.zeros(0, np.int32)
        self._listened: dict[int, int] = {}

    def set(self, rows: NDArray[np.intp]) -> None:
        wanted = set(rows.tolist())
        for row in self._listened.keys() - wanted:
            self.epoll.unregister(self._listened.pop(row))
        for row in wanted - self._listened.keys():
            fd = self._listened[row] = self.sockets[row].fileno()
            self.epoll.register(fd, select.EPOLLIN)
        self.rows = rows.astype(np.int32)
        self.fds = np.array([self._listened[row] for row in rows.tolist()], np.int32)

    def remove(self, row: int) -> None:
        if row in self._listened:
            self.set(np.array([other for other in self.rows.tolist() if other != row], np.intp))


class CompiledLoops:
    """The loops of ``batch.c``."""

    name: Final = "compiled"

    def __init__(self, capacity: int) -> None:
        self._fds = np.full(capacity, -1, np.int32)
        self._sockets: dict[int, socket.socket] = {}
        self._sets = (_Listening(self._sockets), _Listening(self._sockets))

    def add(self, row: int, sock: socket.socket) -> None:
        self._sockets[row] = sock
        self._fds[row] = sock.fileno()

    def remove(self, row: int) -> None:
        for listening in self._sets:
            listening.remove(row)
        del self._sockets[row]
        self._fds[row] = -1

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        for listening, wanted in zip(self._sets, (rows, hurried), strict=True):
            listening.set(wanted)

    def settle(self, row: int, target: int) -> bool:
        connected: bool = _batch.settle(int(self._fds[row]), target)
        return connected

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        listening = self._sets[hurried]
        inbox.count = _batch.receive(
            listening.epoll.fileno(),
            listening.fds,
            listening.rows,
            PER_SOCKET,
            inbox.packets,
            inbox.packets.shape[1],
            inbox.lengths,
            inbox.sources,
            inbox.rows,
        )

    def send(
        self,
        rows: NDArray[np.intp],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        targets: NDArray[np.uint64],
    ) -> int:
        failed: int = _batch.send(self._fds[rows], packets, packets.shape[1], lengths, targets)
        return failed


class PythonLoops:
    """The same with one call of the socket module for each packet."""

    name: Final = "python"

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._sets = (_Listening(self._sockets), _Listening(self._sockets))
        self._receivers: list[list[tuple[int, int, Any]]] = [[], []]
        self._addresses: dict[str, int] = {}
        self._targets: dict[int, tuple[int, tuple[str, int]]] = {}
        self._views: tuple[Any, list[memoryview]] | None = None

    def add(self, row: int, sock: socket.socket) -> None:
        self._sockets[row] = sock

    def remove(self, row: int) -> None:
        for listening in self._sets:
            listening.remove(row)
        self._order()
        del self._sockets[row]
        self._targets.pop(row, None)

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        for listening, wanted in zip(self._sets, (rows, hurried), strict=True):
            listening.set(wanted)
        self._order()

    def settle(self, row: int, target: int) -> bool:
        """Never: the socket module cannot undo a connection."""
        return False

    def _order(self) -> None:
        self._receivers = [
            [
                (fd, row, self._sockets[row].recvfrom_into)
                for fd, row in zip(listening.fds.tolist(), listening.rows.tolist(), strict=True)
            ]
            for listening in self._sets
        ]

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        receivers, poll = self._receivers[hurried], self._sets[hurried].epoll.poll
        if self._views is None or self._views[0] is not inbox.packets:
            self._views = (inbox.packets, [memoryview(packet) for packet in inbox.packets])
        views = self._views[1]
        capacity = len(views)
        lengths: list[int] = []
        sources: list[int] = []
        rows: list[int] = []
        count = 0
        for _ in range(PER_SOCKET):
            ready = {fd for fd, _ in poll(0, len(receivers) + 1)}
            if not ready or count == capacity:
                break
            for fd, row, receive in receivers:
                if fd not in ready:
                    continue
                try:
                    size, (host, port) = receive(views[count], 0, socket.MSG_DONTWAIT | socket.MSG_TRUNC)
                except OSError:
                    continue
                lengths.append(size)
                sources.append((self._addresses.get(host) or self._address(host)) << 16 | port)
                rows.append(row)
                count += 1
                if count == capacity:
                    break
        inbox.count = count
        inbox.lengths[:count] = lengths
        inbox.sources[:count] = sources
        inbox.rows[:count] = rows

    def _address(self, host: str) -> int:
        number = self._addresses.get(host)
        if number is None:
            if len(self._addresses) > 4096:  # a flood from forged sources must not fill the memory
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
        data = memoryview(packets.tobytes())
        width = packets.shape[1]
        sockets = self._sockets
        at = 0
        for row, length, target in zip(rows.tolist(), lengths.tolist(), targets.tolist(), strict=True):
            packet = data[at : at + length]
            at += width
            sock = sockets[row]
            for again in (True, False):
                try:
                    if target:
                        sock.sendto(packet, self._target(row, target))
                    else:
                        sock.send(packet)
                except ConnectionRefusedError:
                    failed += not again
                    continue
                except OSError:
                    failed += 1
                break
        return failed

    def _target(self, row: int, target: int) -> tuple[str, int]:
        known = self._targets.get(row)
        if known is None or known[0] != target:
            known = (target, (socket.inet_ntoa((target >> 16).to_bytes(4, "big")), target & 0xFFFF))
            self._targets[row] = known
        return known[1]
