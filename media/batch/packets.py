"""The array that one receive fills."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_DATAGRAM", "PER_SOCKET", "Inbox"]

MAX_DATAGRAM: Final = 640
"""Bytes kept of one datagram: 60 ms of G.711 (480), the fixed header, 15 CSRC and a header extension fit; a datagram
longer than this is no packet that we agreed to and is dropped by its length."""

PER_SOCKET: Final = 8
"""Datagrams read from one socket in one half tick: a peer that catches up after a stall of 160 ms is read at once,
a peer that floods cannot take more than 800 packets a second of our time; the kernel drops the rest."""


class Inbox:
    """Datagrams of one receive: in rounds that hold each row at most once, in the order of rows within a round."""

    def __init__(self, capacity: int, width: int = MAX_DATAGRAM) -> None:
        self.packets: NDArray[np.uint8] = np.zeros((capacity, width), np.uint8)
        """(capacity, width) the bytes; only pages that were ever filled cost memory."""
        self.lengths: NDArray[np.int32] = np.zeros(capacity, np.int32)
        """True length of each datagram, which may exceed the width."""
        self.sources: NDArray[np.uint64] = np.zeros(capacity, np.uint64)
        """Sender: IPv4 << 16 | port."""
        self.rows: NDArray[np.int32] = np.zeros(capacity, np.int32)
        """Row whose socket it came to."""
        self.count = 0
        """How many are filled."""
