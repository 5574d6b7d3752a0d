"""Receive and send over many sockets: one interface, two implementations with identical results."""

from __future__ import annotations

import socket
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from media.batch.addresses import Addresses
from media.batch.listening import Sockets
from media.batch.packets import PER_SOCKET, Inbox
from media.batch.python import PythonLoops

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


def open_loops(capacity: int, addresses: Addresses, *, compiled: bool = True) -> Loops:
    """The compiled loops where asked for and installed, else the Python ones, for rows below ``capacity``."""
    return (CompiledLoops if compiled and compiled_available() else PythonLoops)(capacity, addresses)


class CompiledLoops(Sockets):
    """The loops of ``batch.c``. Sockets of IPv6 go through the Python ones: their sources are numbers of a table."""

    name: Final = "compiled"

    def __init__(self, capacity: int, addresses: Addresses) -> None:
        super().__init__(capacity)
        self._others = PythonLoops(capacity, addresses)
        self._is_other: NDArray[np.bool_] = np.zeros(capacity, np.bool_)
        self._any_other = False

    def add(self, row: int, sock: socket.socket) -> None:
        if sock.family == socket.AF_INET6:
            self._is_other[row] = self._any_other = True
            self._others.add(row, sock)
        else:
            super().add(row, sock)

    def remove(self, row: int) -> None:
        if self._is_other[row]:
            self._is_other[row] = False
            self._any_other = bool(self._is_other.any())
            self._others.remove(row)
        else:
            super().remove(row)

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        if self._any_other:
            other, other_hurried = self._is_other[rows], self._is_other[hurried]
            self._others.listen(rows[other], hurried[other_hurried])
            rows, hurried = rows[~other], hurried[~other_hurried]
        super().listen(rows, hurried)

    def settle(self, row: int, target: int) -> bool:
        if self._is_other[row]:
            return self._others.settle(row, target)
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
        if self._any_other:
            self._others.receive_more(inbox, hurried=hurried)

    def send(
        self,
        rows: NDArray[np.intp],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        targets: NDArray[np.uint64],
    ) -> int:
        failed = 0
        if self._any_other:
            other = self._is_other[rows]
            failed = self._others.send(rows[other], packets[other], lengths[other], targets[other])
            rows, packets, lengths, targets = rows[~other], packets[~other], lengths[~other], targets[~other]
        return failed + int(_batch.send(self._fds[rows], packets, packets.shape[1], lengths, targets))
