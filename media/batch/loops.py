"""Receive and send over many sockets: one interface, two implementations with identical results."""

from __future__ import annotations

import socket
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from media.batch.listening import Listening
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


def open_loops(capacity: int, *, compiled: bool = True) -> Loops:
    """The compiled loops where asked for and installed, else the Python ones, for rows below ``capacity``."""
    return CompiledLoops(capacity) if compiled and compiled_available() else PythonLoops(capacity)


class CompiledLoops:
    """The loops of ``batch.c``."""

    name: Final = "compiled"

    def __init__(self, capacity: int) -> None:
        self._fds = np.full(capacity, -1, np.int32)
        self._sets = (Listening(self._fds), Listening(self._fds))

    def add(self, row: int, sock: socket.socket) -> None:
        self._fds[row] = sock.fileno()

    def remove(self, row: int) -> None:
        for listening in self._sets:
            listening.remove(row)
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
