"""The sockets of rows, and which of them have something to read."""

from __future__ import annotations

import select
import socket

import numpy as np
from numpy.typing import NDArray

__all__ = ["Listening", "Sockets"]


class Listening:
    """Rows listened to, in an epoll set: to try each socket would cost a third of a packet for every one that has none.
    ``fds`` are the sockets of all rows, -1 for none."""

    def __init__(self, fds: NDArray[np.int32]) -> None:
        self.epoll = select.epoll()
        self.rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self.fds: NDArray[np.int32] = np.zeros(0, np.int32)
        self._all = fds
        self._listened: NDArray[np.bool_] = np.zeros(len(fds), np.bool_)

    def set(self, rows: NDArray[np.intp]) -> None:
        """Listen to ``rows``, in ascending order, and to no others."""
        wanted = np.zeros(len(self._listened), np.bool_)
        wanted[rows] = True
        for row in np.flatnonzero(self._listened & ~wanted).tolist():
            self.epoll.unregister(int(self._all[row]))
        for row in np.flatnonzero(wanted & ~self._listened).tolist():
            self.epoll.register(int(self._all[row]), select.EPOLLIN)
        self._listened = wanted
        self.rows = rows.astype(np.int32)
        self.fds = self._all[rows]

    def remove(self, row: int) -> None:
        """The socket of ``row`` is about to go."""
        if self._listened[row]:
            self.set(self.rows[self.rows != row].astype(np.intp))


class Sockets:
    """What both implementations know of rows: their sockets, and those listened to at each half of a tick."""

    def __init__(self, capacity: int) -> None:
        self._fds = np.full(capacity, -1, np.int32)
        self._sets = (Listening(self._fds), Listening(self._fds))

    def add(self, row: int, sock: socket.socket) -> None:
        """Know ``sock`` as ``row``."""
        self._fds[row] = sock.fileno()

    def remove(self, row: int) -> None:
        """Forget ``row``."""
        for listening in self._sets:
            listening.remove(row)
        self._fds[row] = -1

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        """Receive from ``rows`` and ``hurried`` from now on, and from no others."""
        for listening, wanted in zip(self._sets, (rows, hurried), strict=True):
            listening.set(wanted)
