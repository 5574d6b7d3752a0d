"""Which packets of a row are its peer's sound, and what is counted of them (RFC 3550 section 6.4, appendix A)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane.limits import FRAME
from media.plane.rows import Rows

__all__ = ["admit", "count", "count_soundless"]

SWITCH_PACKETS: Final = 3
"""Packets in a row of another SSRC from the latched address after which that is the peer's stream. Fewer would let a
stray packet cut the sound off; sound of two SSRCs is never mixed."""

_JUMP: Final = 3000
"""Sequence numbers ahead that are still loss (a minute); more is a new start of the counter (RFC 3550 appendix A.1)."""
_DISORDER: Final = 100
"""Sequence numbers behind that are still reordering."""


def admit(
    rows: Rows, index: NDArray[np.intp], ssrcs: NDArray[np.uint32], sequences: NDArray[np.uint16]
) -> NDArray[np.bool_]:
    """Which of these packets of sound, in order of arrival, are of their row's stream; a new SSRC may take over."""
    same: NDArray[np.bool_] = rows.heard[index] & (ssrcs == rows.in_ssrc[index])
    rows.other_packets[index[same]] = 0
    if same.all():
        return same
    for k in np.flatnonzero(~same).tolist():
        row, ssrc = int(index[k]), int(ssrcs[k])
        if rows.heard[row]:
            if ssrc == rows.in_ssrc[row]:
                continue
            if ssrc != rows.other_ssrc[row]:
                rows.other_ssrc[row] = ssrc
                rows.other_packets[row] = 0
            rows.other_packets[row] += 1
            if rows.other_packets[row] < SWITCH_PACKETS:
                continue
            rows.forget_source(row)
        rows.in_ssrc[row] = ssrc
        rows.heard[row] = True
        rows.first_sequence[row] = rows.last_sequence[row] = int(sequences[k])
        rows.of_source[row] = 0
    admitted: NDArray[np.bool_] = rows.heard[index] & (ssrcs == rows.in_ssrc[index])
    return admitted


def count_soundless(rows: Rows, row: int, ssrc: int, sequence: int) -> None:
    """Count a packet of the stream that holds no sound (an event, comfort noise): its number is not a lost one."""
    rows.packets_in[row] += 1
    if not rows.heard[row] or ssrc != int(rows.in_ssrc[row]):
        return
    last = int(rows.last_sequence[row])
    step = ((sequence - last + 0x8000) & 0xFFFF) - 0x8000
    if -_DISORDER <= step <= _JUMP:
        rows.last_sequence[row] = last + max(step, 0)
        rows.of_source[row] += 1


def count(
    rows: Rows,
    index: NDArray[np.intp],
    sequences: NDArray[np.uint16],
    timestamps: NDArray[np.uint32],
    sizes: NDArray[np.int32],
    arrival: int,
) -> None:
    """Count one admitted packet of each row (no row twice). ``arrival`` is the time in samples."""
    last = rows.last_sequence[index]
    step = (sequences - last.astype(np.uint16)).view(np.int16).astype(np.int64)
    jumped = (step > _JUMP) | (step < -_DISORDER)
    if jumped.any():
        for row, sequence in zip(index[jumped].tolist(), sequences[jumped].tolist(), strict=True):
            rows.lost_before[row] += rows.lost_of_source(row)
            rows.first_sequence[row] = rows.last_sequence[row] = sequence
            rows.of_source[row] = 0
        last = rows.last_sequence[index]
        step = np.where(jumped, 0, step)
    rows.last_sequence[index] = last + np.maximum(step, 0)
    rows.of_source[index] += 1
    rows.packets_in[index] += 1
    rows.octets_in[index] += sizes
    transit = (np.uint32(arrival & 0xFFFFFFFF) - timestamps).view(np.int32).astype(np.int64)
    change = np.abs(transit - rows.transit[index])
    rows.transit[index] = transit
    usual = change < 100 * FRAME  # the first packet, and jumps of the timestamp, say nothing of the network
    jitter = rows.jitter[index]
    rows.jitter[index] = np.where(usual, jitter + (change - jitter) * np.float32(1 / 16), jitter)
