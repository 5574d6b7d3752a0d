"""RTCP (RFC 3550 section 6): reports about every five seconds, and what the peer's reports tell.

Reports are rare, so this is plain Python per report. Nothing that comes here can end a call: a BYE is as easily forged
as it is useless beside SIP's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane.limits import FRAME, RATE, TICKS_PER_SECOND
from media.plane.rows import Rows

__all__ = ["MAX_COMPOUND", "Reports"]

INTERVAL: Final = 5.0
"""Seconds between reports (RFC 3550 section 6.2), each time multiplied by 0.5 to 1.5 (section 6.3.1)."""
MAX_COMPOUND: Final = 1024
"""Octets of a compound packet that we read; a report about two parties is 100."""
BURST: Final = 10
"""Packets of one row that may come at once; a peer sends one each five seconds, some at the begin and end of a call."""
PER_SECOND: Final = 4.0
"""Packets a second that are read after that. The rest is a flood, and not looked at."""

_NEVER: Final = np.int64(1 << 62)
_SENDER: Final = 200
_RECEIVER: Final = 201
_DESCRIPTION: Final = 202
_BYE: Final = 203
_NTP_EPOCH: Final = 2208988800  # seconds from 1900 to 1970
_BLOCK: Final = struct.Struct(">IIIIII")
_SENDER_INFO: Final = struct.Struct(">IIIIII")


@dataclass(slots=True)
class _Peer:
    sender_report: int = 0
    """Middle 32 bits of the NTP time of the last sender report."""
    at: float = 0.0
    round_trip: float | None = None
    lost: int | None = None
    expected: int = 0
    received: int = 0
    """Counts at our last report, for the fraction lost."""
    tokens: float = BURST
    asked: float = 0.0
    """When the tokens were counted."""


@dataclass(slots=True)
class Reports:
    """Reports of all rows. ``name`` is the CNAME that all our streams carry."""

    rows: Rows
    rng: np.random.Generator
    name: bytes
    _due: NDArray[np.int64] = field(init=False)
    _peers: dict[int, _Peer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._due = np.full(self.rows.capacity, _NEVER)

    def start(self, row: int, tick: int) -> None:
        """The row has agreed on a stream."""
        if row not in self._peers:
            self._peers[row] = _Peer()
            self._due[row] = tick + self._interval()

    def forget(self, row: int) -> None:
        """The row is released."""
        self._peers.pop(row, None)
        self._due[row] = _NEVER

    def _interval(self) -> int:
        return int(INTERVAL * TICKS_PER_SECOND * self.rng.uniform(0.5, 1.5))

    def due(self, tick: int) -> list[int]:
        """Rows whose report is to be sent now."""
        rows: list[int] = np.flatnonzero(self._due <= tick).tolist()
        for row in rows:
            self._due[row] = tick + self._interval()
        return rows

    def report(self, row: int, now: float, wall: float, *, bye: bool = False) -> bytes:
        """A compound packet of ``row``: sender or receiver report, CNAME, and BYE when the stream ends.

        ``now`` is monotonic, ``wall`` the time of day in seconds since 1970.
        """
        rows, peer = self.rows, self._peers.get(row, _Peer())
        ssrc = int(rows.ssrc[row])
        blocks = self._block(row, peer, now) if rows.heard[row] else b""
        count = 0x80 | bool(blocks)
        if rows.packets_out[row]:
            seconds = int(wall)
            info = _SENDER_INFO.pack(
                ssrc,
                (seconds + _NTP_EPOCH) & 0xFFFFFFFF,
                int((wall - seconds) * (1 << 32)) & 0xFFFFFFFF,
                int(rows.timestamp[row]),
                int(rows.packets_out[row]) & 0xFFFFFFFF,
                int(rows.octets_out[row]) & 0xFFFFFFFF,
            )
            head = struct.pack(">BBH", count, _SENDER, (len(info) + len(blocks)) // 4) + info
        else:
            head = struct.pack(">BBHI", count, _RECEIVER, 1 + len(blocks) // 4, ssrc)
        item = bytes((1, len(self.name))) + self.name
        item += bytes(4 - len(item) % 4)
        description = struct.pack(">BBHI", 0x81, _DESCRIPTION, 1 + len(item) // 4, ssrc) + item
        end = struct.pack(">BBHI", 0x81, _BYE, 1, ssrc) if bye else b""
        return head + blocks + description + end

    def _block(self, row: int, peer: _Peer, now: float) -> bytes:
        rows = self.rows
        expected = int(rows.last_sequence[row] - rows.first_sequence[row] + 1)
        received = int(rows.of_source[row])
        expected_since, received_since = expected - peer.expected, received - peer.received
        peer.expected, peer.received = expected, received
        lost_since = max(0, expected_since - received_since)
        fraction = min(255, lost_since * 256 // expected_since) if expected_since > 0 else 0
        lost = max(-0x800000, min(0x7FFFFF, expected - received)) & 0xFFFFFF
        delay = int((now - peer.at) * 65536) & 0xFFFFFFFF if peer.sender_report else 0
        return _BLOCK.pack(
            int(rows.in_ssrc[row]),
            fraction << 24 | lost,
            int(rows.last_sequence[row]) & 0xFFFFFFFF,
            int(rows.jitter[row]) * int(rows.clock[row]) // FRAME,  # kept in samples of 8 kHz
            peer.sender_report,
            delay,
        )

    def receive(self, row: int, packet: bytes, now: float, wall: float) -> bool:
        """A compound packet from the row's peer: whether it is well-formed enough to count as a sign of life."""
        peer = self._peers.get(row)
        if peer is None or len(packet) > MAX_COMPOUND or not _affordable(peer, now):
            return False
        at, good = 0, False
        while at + 8 <= len(packet):
            first, kind, words = struct.unpack_from(">BBH", packet, at)
            end = at + 4 + 4 * words
            if first >> 6 != 2 or end > len(packet):
                break
            if kind == _SENDER and words >= 6:
                _, high, low = struct.unpack_from(">III", packet, at + 4)
                peer.sender_report = (high & 0xFFFF) << 16 | low >> 16
                peer.at = now
                self._blocks(row, peer, packet[at + 28 : end], first & 31, wall)
                good = True
            elif kind == _RECEIVER:
                self._blocks(row, peer, packet[at + 8 : end], first & 31, wall)
                good = True
            at = end
        return good

    def _blocks(self, row: int, peer: _Peer, data: bytes, count: int, wall: float) -> None:
        for index in range(min(count, len(data) // _BLOCK.size)):
            ssrc, lost, _, _, last, delay = _BLOCK.unpack_from(data, index * _BLOCK.size)
            if ssrc != int(self.rows.ssrc[row]):
                continue
            lost &= 0xFFFFFF
            peer.lost = lost - (1 << 24) if lost & 0x800000 else lost
            if last:
                arrival = int((wall + _NTP_EPOCH) * 65536) & 0xFFFFFFFF
                round_trip = ((arrival - last - delay) & 0xFFFFFFFF) / 65536
                if round_trip < 60:  # a clock that was set, or a report that is wrong
                    peer.round_trip = round_trip

    def heard_from(self, row: int) -> tuple[float | None, int | None]:
        """Round trip in seconds and packets of ours that the peer misses; None where it did not say."""
        peer = self._peers.get(row, _Peer())
        return peer.round_trip, peer.lost


def _affordable(peer: _Peer, now: float) -> bool:
    peer.tokens = min(BURST, peer.tokens + (now - peer.asked) * PER_SECOND)
    peer.asked = now
    if peer.tokens < 1:
        return False
    peer.tokens -= 1
    return True


def jitter_ms(rows: Rows, row: int) -> float:
    """Interarrival jitter of the row in milliseconds."""
    jitter: NDArray[np.float32] = rows.jitter
    return float(jitter[row]) * 1000 / RATE
