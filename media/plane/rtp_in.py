"""RTP headers of a whole receive at once (RFC 3550 section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane.limits import HEADER

__all__ = ["Headers", "parse"]

_PLAIN: Final = 0x80  # version 2, no padding, extension or CSRC
_RTCP_FIRST: Final = 192  # RFC 5761 section 4: second octets of RTCP where both share a port
_RTCP_LAST: Final = 223


@dataclass(frozen=True, slots=True)
class Headers:
    """One entry per packet, (n,)."""

    valid: NDArray[np.bool_]
    """Well-formed RTP of version 2 with a payload; the other arrays mean nothing where false."""
    rtcp: NDArray[np.bool_]
    """RTCP that came on the RTP port."""
    payload_type: NDArray[np.uint8]
    """0 to 127."""
    sequence: NDArray[np.uint16]
    """Sequence number."""
    timestamp: NDArray[np.uint32]
    """RTP timestamp."""
    ssrc: NDArray[np.uint32]
    """Source."""
    offset: NDArray[np.int32]
    """Where the payload begins."""
    size: NDArray[np.int32]
    """Octets of payload, padding left out."""


def parse(packets: NDArray[np.uint8], lengths: NDArray[np.int32]) -> Headers:
    """Headers of ``packets`` (n, width) uint8 whose true lengths are ``lengths``; longer than width is not valid."""
    head = np.ascontiguousarray(packets[:, :HEADER])
    first = head[:, 0]
    second = head[:, 1]
    words = head.view(">u4")
    offset = np.full(len(head), HEADER, np.int32)
    size = lengths - HEADER
    plain = first == _PLAIN
    valid = plain & (size > 0) & (lengths <= packets.shape[1])
    if not plain.all():
        odd = np.flatnonzero(~plain & (first >> 6 == 2) & (size > 0) & (lengths <= packets.shape[1]))
        if odd.size:
            offset[odd], size[odd] = _variable(packets, lengths, odd)
            valid[odd] = size[odd] > 0
    rtcp = (second >= _RTCP_FIRST) & (second <= _RTCP_LAST)
    valid &= ~rtcp
    return Headers(
        valid=valid,
        rtcp=rtcp & (first >> 6 == 2),
        payload_type=second & np.uint8(0x7F),
        sequence=head.view(">u2")[:, 1].astype(np.uint16),
        timestamp=words[:, 1].astype(np.uint32),
        ssrc=words[:, 2].astype(np.uint32),
        offset=offset,
        size=size,
    )


def _variable(
    packets: NDArray[np.uint8], lengths: NDArray[np.int32], odd: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Offset and size of the payload of packets with CSRC, extension or padding; size <= 0: malformed."""
    first = packets[odd, 0]
    length = lengths[odd]
    offset = HEADER + 4 * (first & 15).astype(np.int32)
    extended = (first & 0x10) != 0
    at = np.minimum(offset, packets.shape[1] - 4)
    words = packets[odd, at + 2].astype(np.int32) << 8 | packets[odd, at + 3]
    offset += np.where(extended, 4 + 4 * words, 0)
    padding = packets[odd, np.clip(length - 1, 0, packets.shape[1] - 1)].astype(np.int32)
    padded = (first & 0x20) != 0
    size = length - offset - np.where(padded, padding, 0)
    size[padded & (padding == 0)] = 0
    return offset, size
