"""SRTP and SRTCP (RFC 3711) with keys from the signalling (RFC 4568): packets of secure rows are opened before they are
looked at and sealed when they are built. Only secure rows pay for it.

What does not open is dropped and counted, whatever is wrong with it: another key, a replay, plain RTP, garbage. Nothing
but what opened is heard, latches a row, or counts as a sign of life. A row's streams go on under new keys without a
gap: what the peer sealed with its key of before is opened for some seconds more.

Cipher, authentication, rollover counters, replay lists and the streams of several SSRCs are libsrtp's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from pylibsrtp import Error, Policy, Session

from media.batch import Inbox
from media.face import SrtpKey
from media.plane import latching
from media.plane.limits import TICKS_PER_SECOND
from media.plane.rows import Rows

__all__ = ["TAG", "Secure"]

TAG: Final = 10
"""Octets that sealing adds to a packet of RTP at most: the tag of HMAC-SHA1-80; no MKI is agreed to."""
GRACE_TICKS: Final = 5 * TICKS_PER_SECOND
"""How long the peer's key of before still opens: it changes keys when it hears of ours, which takes a round trip and,
where messages are lost, their retransmission."""
MOST_SOURCES: Final = 32
"""SSRCs of one key: each has a state of its own. A peer changes its SSRC when it moves or restarts its stream."""
WINDOW: Final = 128
"""Packets behind the newest one that may still come (RFC 3711 section 3.3.2 asks for 64): 1.3 s of 10 ms packets."""

_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
_RTCP: Final = range(192, 224)  # RFC 5761 section 4
_LEAST: Final = 12  # octets that any packet of either kind has, sealed
_BROKEN: Final = (Error, ValueError, IndexError)  # the last: a status that the binding has no words for


def _session(key: SrtpKey, direction: int) -> Session:
    policy = Policy(key.key, direction, 0, _PROFILES[key.suite])
    policy.window_size = WINDOW
    return Session(policy)


@dataclass(slots=True)
class _Member:
    key_out: SrtpKey
    key_in: SrtpKey
    outgoing: Session
    incoming: Session
    before: Session | None = None
    """Opens what is sealed with the peer's key of before."""
    until: int = 0
    """Tick of its end."""
    sources: set[bytes] = field(default_factory=set)
    """SSRCs that opened."""


class Secure:
    """Contexts of all secure rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._members: dict[int, _Member] = {}
        self.dropped = 0
        """Packets that did not open, since the start."""

    @property
    def any(self) -> bool:
        """Whether there are secure rows."""
        return bool(self._members)

    def agree(self, row: int, key_out: SrtpKey | None, key_in: SrtpKey | None, tick: int) -> None:
        """Keys of ``row`` from now on; None: plain. A key that stays keeps its counters and its list of replays."""
        rows = self._rows
        if key_out is None or key_in is None:
            self.forget(row)
            return
        member = self._members.get(row)
        if member is None:
            if not rows.packets_out[row]:
                # A loss of the first packets just at the wrap would leave the peer a rollover behind for good.
                rows.sequence[row] &= 0x7FFF
            outgoing = _session(key_out, Policy.SSRC_ANY_OUTBOUND)
            incoming = _session(key_in, Policy.SSRC_ANY_INBOUND)
            self._members[row] = _Member(key_out, key_in, outgoing, incoming)
            rows.secure[row] = True
            return
        if key_out != member.key_out:
            member.key_out, member.outgoing = key_out, _session(key_out, Policy.SSRC_ANY_OUTBOUND)
        if key_in != member.key_in:
            member.before, member.until = member.incoming, tick + GRACE_TICKS
            member.key_in, member.incoming = key_in, _session(key_in, Policy.SSRC_ANY_INBOUND)
            member.sources.clear()

    def forget(self, row: int) -> None:
        """The row is released, or plain from now on."""
        if self._members.pop(row, None) is not None:
            self._rows.secure[row] = False

    def open(self, inbox: Inbox, tick: int) -> None:
        """Put what the packets of secure rows in ``inbox`` hold in their place; what does not open becomes nothing."""
        rows = self._rows
        count = inbox.count
        packets, lengths = inbox.packets, inbox.lengths
        for k in np.flatnonzero(rows.secure[inbox.rows[:count]]).tolist():
            row = int(inbox.rows[k])
            length = int(lengths[k])
            opened = None
            # A copy from elsewhere that opened would make the packet itself a replay.
            if _LEAST <= length <= packets.shape[1] and latching.plausible(rows, row, int(inbox.sources[k])):
                opened = self._open(row, packets[k, :length].tobytes(), tick)
            if opened is None:
                self.dropped += 1
                packets[k, 0] = lengths[k] = 0
            else:
                packets[k, : len(opened)] = np.frombuffer(opened, np.uint8)
                lengths[k] = len(opened)

    def open_control(self, row: int, packet: bytes, tick: int) -> bytes | None:
        """RTCP that came to a secure row's RTCP port; None where it does not open."""
        opened = None
        if len(packet) >= _LEAST and packet[1] in _RTCP:
            opened = self._open(row, packet, tick)
        if opened is None:
            self.dropped += 1
            self._rows.refused[row] += 1
        return opened

    def _open(self, row: int, packet: bytes, tick: int) -> bytes | None:
        member = self._members[row]
        control = packet[1] in _RTCP
        source = packet[4:8] if control else packet[8:12]
        if source in member.sources or len(member.sources) < MOST_SOURCES:
            try:
                opened = _opened(member.incoming, packet, control=control)
            except _BROKEN:
                pass
            else:
                member.sources.add(source)
                return opened
        if member.before is not None:
            if tick > member.until:
                member.before = None
                return None
            try:
                return _opened(member.before, packet, control=control)
            except _BROKEN:
                pass
        return None

    def seal(self, row: int, packet: bytes) -> bytes | None:
        """A packet of RTP as it is sent; None where it cannot be sealed."""
        try:
            sealed: bytes = self._members[row].outgoing.protect(packet)
        except _BROKEN:
            return None
        return sealed

    def seal_control(self, row: int, packet: bytes) -> bytes | None:
        """The same of RTCP."""
        try:
            sealed: bytes = self._members[row].outgoing.protect_rtcp(packet)
        except _BROKEN:
            return None
        return sealed


def _opened(session: Session, packet: bytes, *, control: bool) -> bytes:
    opened: bytes = session.unprotect_rtcp(packet) if control else session.unprotect(packet)
    return opened
