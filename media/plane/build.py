"""The packets of the next tick: one gather of frames, one write of headers, then the exceptions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.plane import laws
from media.plane.arena import Arena
from media.plane.limits import FRAME, HEADER, PACKET
from media.plane.rows import Rows

__all__ = ["Builder"]

_VERSION = 0x80  # RFC 3550 section 5.1: version 2, nothing else


class Builder:
    """Packets under construction, and then on their way."""

    def __init__(self, rows: Rows, arena: Arena) -> None:
        self._rows = rows
        self._arena = arena
        self.packets: NDArray[np.uint8] = np.zeros((rows.capacity, PACKET), np.uint8)
        self.lengths: NDArray[np.int32] = np.zeros(rows.capacity, np.int32)
        self.index: NDArray[np.intp] = np.zeros(0, np.intp)
        """Rows in the order of their packets."""
        self.position: NDArray[np.int32] = np.full(rows.capacity, -1, np.int32)
        """Place of each row in ``index``; -1: none."""

    def arrange(self, index: NDArray[np.intp]) -> None:
        """Build for the rows of ``index`` from now on."""
        self.position[:] = -1
        self.position[index] = np.arange(index.size, dtype=np.int32)
        self.index = index
        self.packets[: index.size, 0] = _VERSION
        self.packets.view(">u4")[: index.size, 2] = self._rows.ssrc[index]

    def frames(self) -> NDArray[np.intp]:
        """Fill in what each row plays, or silence, and walk on. Returns the rows at the end of their stretch."""
        rows, index = self._rows, self.index
        frame = rows.frame[index]
        np.take(self._arena.frames, frame, axis=0, out=self._frame_room(), mode="clip")
        self.packets[: index.size, HEADER:] = self._room[: index.size]
        rows.frame[index] = frame + rows.step[index]
        left = rows.left[index] - 1
        rows.left[index] = np.maximum(left, -1)
        ended: NDArray[np.intp] = index[left == 0]
        return ended

    _room: NDArray[np.uint8] = np.zeros((0, FRAME), np.uint8)

    def _frame_room(self) -> NDArray[np.uint8]:
        """(n, 160) scratch for the gather, which must not have gaps."""
        if len(self._room) < self.index.size:
            self._room = np.zeros((self._rows.capacity, FRAME), np.uint8)
        return self._room[: self.index.size]

    def bridge(self, index: NDArray[np.intp], payload: NDArray[np.uint8]) -> None:
        """Give what the rows of ``index`` said, (n, 160), to their partners, unless those hear a prompt."""
        rows = self._rows
        partners = rows.partner[index]
        chosen = np.flatnonzero((partners >= 0) & (self.position[partners] >= 0) & ~rows.playing[partners])
        if not chosen.size:
            return
        partners, said = partners[chosen], payload[chosen]
        laws.translate(said, rows.law[index[chosen]], rows.law[partners])
        self.packets[self.position[partners], HEADER:] = said

    def headers(self) -> None:
        """Write the headers of all packets and count what will be sent; held rows are counted nowhere, shaped rows
        where their packets are made."""
        rows, index = self._rows, self.index
        n = index.size
        sequence, timestamp = rows.sequence[index], rows.timestamp[index]
        sending = rows.sending[index]
        self.packets[:n, 1] = rows.audio_type[index] | rows.marker[index].astype(np.uint8) << np.uint8(7)
        self.packets.view(">u2")[:n, 1] = sequence
        self.packets.view(">u4")[:n, 1] = timestamp
        rows.timestamp[index] = timestamp + rows.clock[index]
        rows.marker[index] = ~sending
        self.lengths[:n] = PACKET
        numbered = sending & ~rows.shaped[index]  # what is cut anew is numbered and counted there
        rows.sequence[index] = sequence + numbered
        rows.packets_out[index] += numbered
        rows.octets_out[index] += numbered * np.int64(FRAME)

    def ready(self) -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.int32], NDArray[np.uint64]]:
        """Rows, packets, lengths and targets of what is to be sent now; target 0 where the socket is connected."""
        rows, n = self._rows, self.index.size
        targets = rows.target[self.index]
        sending = rows.sending[self.index] & (targets != 0) & ~rows.shaped[self.index]
        targets[rows.settled[self.index]] = 0
        if sending.all():
            return self.index, self.packets[:n], self.lengths[:n], targets
        chosen = np.flatnonzero(sending)
        return self.index[chosen], self.packets[chosen], self.lengths[chosen], targets[chosen]
