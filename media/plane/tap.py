"""Rows that somebody looks at: their RTP and RTCP, copied as it comes and goes.

What is encrypted on the wire is copied in the clear. Packets of strangers are copied too: that they came is what is
looked for. Only ticks with such a row pay for this.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.batch import Addresses, Inbox
from media.plane.rows import Rows

__all__ = ["HEAD", "MAX_FILE", "PacketTap"]

HEAD: Final = struct.Struct("<dBBHHB")
"""Before each packet: seconds since the epoch, 1 for sent and 0 for received, 1 for RTCP and 0 for RTP, the peer's
port, octets of the packet, octets of the peer's address in front of it (4 or 16; 0: not known)."""
MAX_FILE: Final = 64 << 20
"""Octets copied of one row: 40 minutes of G.711 in both directions."""

Write = Callable[[str, bytes | None], None]
"""Appends to a file, later; None completes it."""


class PacketTap:
    """Copies what rows receive and send into files."""

    def __init__(self, rows: Rows, addresses: Addresses, write: Write) -> None:
        self._rows = rows
        self._addresses = addresses
        self._write = write
        self._files: dict[int, tuple[str, int]] = {}
        self._watched: NDArray[np.bool_] = np.zeros(rows.capacity, np.bool_)
        self.wall = 0.0
        """Seconds since the epoch, set by each half of a tick."""

    @property
    def any(self) -> bool:
        """Whether any row is looked at."""
        return bool(self._files)

    def begin(self, row: int, path: str) -> None:
        """Copy the packets of ``row`` into a file from now on."""
        self.end(row)
        self._files[row] = path, 0
        self._watched[row] = True
        self._write(path, b"")

    def end(self, row: int) -> None:
        """Copy no more of ``row``."""
        if row in self._files:
            self._write(self._files.pop(row)[0], None)
            self._watched[row] = False

    def received(self, inbox: Inbox) -> None:
        """What one receive brought, opened."""
        n = inbox.count
        width = inbox.packets.shape[1]
        for k in np.flatnonzero(self._watched[inbox.rows[:n]]).tolist():
            packet = inbox.packets[k, : min(int(inbox.lengths[k]), width)].tobytes()
            self._copy(int(inbox.rows[k]), packet, int(inbox.sources[k]), sent=False)

    def sent(self, index: NDArray[np.intp], packets: NDArray[np.uint8], lengths: NDArray[np.int32]) -> None:
        """What one send took along."""
        for k in np.flatnonzero(self._watched[index]).tolist():
            row = int(index[k])
            self._copy(row, packets[k, : int(lengths[k])].tobytes(), int(self._rows.target[row]), sent=True)

    def queued(self, row: int, packet: bytes) -> None:
        """A packet that is sent within this tick, before it is sealed."""
        if self._watched[row]:
            self._copy(row, packet, int(self._rows.target[row]), sent=True)

    def packet(self, row: int, packet: bytes, peer: int, *, sent: bool, control: bool) -> None:
        """A packet on its own."""
        if self._watched[row]:
            self._copy(row, packet, peer, sent=sent, control=control)

    def _copy(self, row: int, packet: bytes, peer: int, *, sent: bool, control: bool = False) -> None:
        path, size = self._files[row]
        host = self._addresses.packed(peer >> 16)
        data = HEAD.pack(self.wall, sent, control, peer & 0xFFFF, len(packet), len(host)) + host + packet
        if size + len(data) > MAX_FILE:
            self.end(row)
            return
        self._files[row] = path, size + len(data)
        self._write(path, data)
