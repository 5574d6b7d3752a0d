"""Symmetric RTP with latching that cannot be hijacked.

Each offer/answer arms a row. It then latches once: sound is taken from, and sent to, the address it latched to, and
nothing but the next offer/answer moves it; a new SSRC never does. While armed, we send to the address of the SDP.

- The address of the SDP latches with its first valid packet. So does the one latched before, while the SDP names the
  same address as before: a re-INVITE of a caller behind NAT must not cost it its sound.
- Behind NAT the SDP names an address that the packets do not come from. Another source may latch if it plausibly is
  that caller: same host as the SDP (a port was mapped), same host as the caller's SIP, or any host when the SDP names
  a private address, which only NAT explains. It must be alone for a while: some packets in a row over some ticks with
  none from the SDP's address between.
- Everybody else is refused: nothing of theirs is heard, and nothing is ever sent to them.

On secure rows only packets that were authenticated come here (secure.py).
"""

from __future__ import annotations

from typing import Final

from media.plane.rows import Rows

__all__ = ["arm", "learn", "plausible"]

LEARN_PACKETS: Final = 5
"""Packets in a row from a plausible source: 100 ms of sound, which the SDP's own address would have interrupted."""
LEARN_PACKETS_FROM_ANYWHERE: Final = 10
"""The same where only a private address in the SDP speaks for a source."""
LEARN_TICKS: Final = 4
"""Ticks between the first and the last of them: a burst is no stream."""


def arm(rows: Rows, row: int, offered: int, signalling: int, *, private: bool) -> None:
    """A new offer/answer: ``offered`` is the SDP's address, ``signalling`` the peer's SIP host; 0: unknown.
    ``private``: the SDP names a host that is reached through a router that translates only."""
    latched = int(rows.latched[row])
    same = offered == int(rows.offered[row])
    rows.trusted[row] = latched if same else 0
    rows.target[row] = latched if same and latched else offered
    rows.offered[row] = offered
    rows.signalling[row] = signalling
    rows.private[row] = private
    rows.latched[row] = 0
    rows.candidate[row] = 0
    rows.candidate_packets[row] = 0


def learn(rows: Rows, row: int, source: int, tick: int) -> bool:
    """A valid packet from ``source``, which ``row`` is not latched to: whether it is to be heard from now on."""
    offered = int(rows.offered[row])
    if rows.latched[row] or not offered:
        return False
    if source not in (offered, int(rows.trusted[row])):
        needed = _packets_needed(rows, row, source)
        if not needed or not _alone(rows, row, source, tick, needed):
            return False
    rows.latched[row] = source
    rows.target[row] = source
    return True


def plausible(rows: Rows, row: int, source: int) -> bool:
    """Whether packets from ``source`` may be ``row``'s peer's: whether they latch, or might in the end."""
    latched, offered = int(rows.latched[row]), int(rows.offered[row])
    if latched or not offered:
        return bool(latched) and source == latched
    return source in (offered, int(rows.trusted[row])) or _packets_needed(rows, row, source) > 0


def _packets_needed(rows: Rows, row: int, source: int) -> int:
    """How long ``source`` must be heard alone; 0: it never may latch."""
    if source >> 16 in (int(rows.offered[row]) >> 16, int(rows.signalling[row])):
        return LEARN_PACKETS
    return LEARN_PACKETS_FROM_ANYWHERE if rows.private[row] else 0


def _alone(rows: Rows, row: int, source: int, tick: int, needed: int) -> bool:
    if int(rows.candidate[row]) != source:
        rows.candidate[row] = source
        rows.candidate_packets[row] = 0
        rows.candidate_tick[row] = tick
    rows.candidate_packets[row] += 1
    return bool(rows.candidate_packets[row] >= needed and tick - rows.candidate_tick[row] >= LEARN_TICKS)
