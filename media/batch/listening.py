"""Which sockets have something to read."""

from __future__ import annotations

import select
import socket

import numpy as np
from numpy.typing import NDArray

__all__ = ["Listening"]


class Listening:
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
