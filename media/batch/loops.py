"""Receive and send over many sockets: one interface, two implementations with identical results."""

from __future__ import annotations

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

    def receive(self, rows: NDArray[np.intp], inbox: Inbox) -> None:
        """Fill ``inbox`` with what is ready at ``rows``."""

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


class CompiledLoops:
    """The loops of ``batch.c``."""

    name: Final = "compiled"

    def __init__(self, capacity: int) -> None:
        self._fds = np.full(capacity, -1, np.int32)
        self._start = 0

    def add(self, row: int, sock: socket.socket) -> None:
        self._fds[row] = sock.fileno()

    def remove(self, row: int) -> None:
        self._fds[row] = -1

    def receive(self, rows: NDArray[np.intp], inbox: Inbox) -> None:
        inbox.count, self._start = _batch.receive(
            self._fds[rows],
            self._start,
            PER_SOCKET,
            inbox.packets,
            inbox.packets.shape[1],
            inbox.lengths,
            inbox.sources,
            inbox.owners,
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
        self._addresses: dict[str, int] = {}
        self._targets: dict[int, tuple[int, tuple[str, int]]] = {}
        self._start = 0
        self._views: tuple[Any, list[memoryview]] | None = None

    def add(self, row: int, sock: socket.socket) -> None:
        self._sockets[row] = sock

    def remove(self, row: int) -> None:
        del self._sockets[row]
        self._targets.pop(row, None)

    def receive(self, rows: NDArray[np.intp], inbox: Inbox) -> None:
        if self._views is None or self._views[0] is not inbox.packets:
            self._views = (inbox.packets, [memoryview(packet) for packet in inbox.packets])
        views = self._views[1]
        capacity = len(views)
        sockets = self._sockets
        numbers = rows.tolist()
        start = self._start if self._start < len(numbers) else 0
        lengths: list[int] = []
        sources: list[int] = []
        owners: list[int] = []
        count = 0
        self._start = start
        for step in range(len(numbers)):
            index = step + start
            if index >= len(numbers):
                index -= len(numbers)
            if count + PER_SOCKET > capacity:
                self._start = index
                break
            receive = sockets[numbers[index]].recvfrom_into
            for _ in range(PER_SOCKET):
                try:
                    size, (host, port) = receive(views[count], 0, socket.MSG_DONTWAIT | socket.MSG_TRUNC)
                except BlockingIOError:
                    break
                except ConnectionRefusedError:
                    continue
                except OSError:
                    break
                lengths.append(size)
                sources.append(self._address(host) << 16 | port)
                owners.append(index)
                count += 1
        inbox.count = count
        inbox.lengths[:count] = lengths
        inbox.sources[:count] = sources
        inbox.owners[:count] = owners

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
        at = 0
        for row, length, target in zip(rows.tolist(), lengths.tolist(), targets.tolist(), strict=True):
            packet = data[at : at + length]
            at += width
            sock = self._sockets[row]
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
