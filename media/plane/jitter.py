"""The jitter buffer of all rows: a ring of 20 ms frames addressed by RTP timestamp.

``play_timestamp`` is the timestamp of the sample that is heard next, at the start of frame ``slot``; ``ahead`` counts
the samples from there to the newest one. Putting by timestamp makes reordering and duplicates harmless: a packet lands
where it belongs, or is late. Each tick takes one frame of each row:

- the frame is there: it is heard;
- it is missing and later sound is there: the packet is lost, the sound before it is repeated, fading;
- nothing is there: the row is dry. Playing waits, so that a late packet is heard after all and the delay has grown by
  what the network needs; after some dry ticks the next packet anchors the row anew.

The delay shrinks again by one frame whenever for a while more than enough was ahead.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane import laws
from media.plane.limits import FRAME, MAX_PAYLOAD, RING, RING_SAMPLES
from media.plane.rows import Rows
from media.tones.noise import ComfortNoise

__all__ = ["REANCHOR", "put", "skip", "take"]

DELAY: Final = 1
"""Frames by which the first packet is held back: one packet may be lost or a tick late without a gap."""
REANCHOR: Final = 3
"""Dry ticks after which a pause, not the network, is the reason: the next packet begins anew."""
LATE_MOST: Final = 8000
"""Samples by which a packet may be late and still be of this stream; older ones mean that timestamps jumped."""
CONCEAL_MOST: Final = 3
"""Frames that are concealed; longer repeats sound like a robot, silence does not."""
FADE: Final = np.float32(0.5)
"""Amplitude of each repetition against the one before."""
WINDOW: Final = 128
"""Ticks (2.56 s) over which the least depth decides whether the delay may shrink."""
ENOUGH: Final = 3 * FRAME
"""Samples ahead before a frame is taken that were more than enough if there never were fewer."""
FLOOD: Final = 10 * FRAME
"""Samples ahead above which the delay is cut at once: a peer or network let go of what it held back."""
AFTER_FLOOD: Final = 2 * FRAME
NOISE_APART: Final = 1237
"""Samples between where neighbouring rows read comfort noise: two calls in a bridge must not have the same."""

_COLUMNS: Final = np.arange(MAX_PAYLOAD)
_MASK: Final = RING - 1


def put(
    rows: Rows,
    index: NDArray[np.intp],
    timestamps: NDArray[np.uint32],
    payloads: NDArray[np.uint8],
    sizes: NDArray[np.int32],
) -> None:
    """Put one packet into each row of ``index`` (no row twice); ``payloads`` is (n, 160 or more), octets."""
    distance = (timestamps - rows.play_timestamp[index]).view(np.int32)
    anew = ~rows.anchored[index] | (rows.dry[index] >= REANCHOR)
    anew |= (distance < -LATE_MOST) | (distance + sizes > RING_SAMPLES)
    if anew.any():
        _anchor(rows, index[anew], timestamps[anew])
        distance = np.where(anew, DELAY * FRAME, distance).astype(np.int32)
    shifted = (distance > 0) & (distance % FRAME != 0) & (rows.ahead[index] <= 0)
    if shifted.any():
        rows.play_timestamp[index[shifted]] = timestamps[shifted]
        distance = np.where(shifted, 0, distance).astype(np.int32)
    plain = (sizes == FRAME) & (distance >= 0) & (distance % FRAME == 0)
    rows.noise[index] = 0
    if plain.all():
        _put_frames(rows, index, distance, payloads)
        return
    fast = np.flatnonzero(plain)
    if fast.size:
        _put_frames(rows, index[fast], distance[fast], payloads[fast])
    ends = distance + sizes
    rows.late[index[ends <= 0]] += 1
    slow = np.flatnonzero(~plain & (ends > 0))
    if slow.size:
        _put_samples(rows, index[slow], distance[slow], payloads[slow], sizes[slow])


def _anchor(rows: Rows, index: NDArray[np.intp], timestamps: NDArray[np.uint32]) -> None:
    """Forget what these rows hold; ``timestamps`` are heard after the delay."""
    rows.play_timestamp[index] = timestamps - np.uint32(DELAY * FRAME)
    rows.ahead[index] = 0
    rows.filled.reshape(-1, RING)[index] = False
    rows.anchored[index] = True
    rows.priming[index] = DELAY
    rows.dry[index] = 0
    rows.least_ahead[index] = RING_SAMPLES


def _put_frames(rows: Rows, index: NDArray[np.intp], distance: NDArray[np.int32], payloads: NDArray[np.uint8]) -> None:
    slots = index * RING + ((rows.slot[index] + distance // FRAME) & _MASK)
    rows.ring[slots] = payloads[:, :FRAME]
    rows.filled[slots] = True
    rows.ahead[index] = np.maximum(rows.ahead[index], distance + FRAME)


def _put_samples(
    rows: Rows,
    index: NDArray[np.intp],
    distance: NDArray[np.int32],
    payloads: NDArray[np.uint8],
    sizes: NDArray[np.int32],
) -> None:
    """Packets of other than 20 ms, or that do not lie on the frame grid."""
    ends = distance + sizes
    first = distance // FRAME
    for step in range(MAX_PAYLOAD // FRAME + 1):
        frame = first + step
        touched = np.flatnonzero((frame >= 0) & (frame * FRAME < ends))
        if not touched.size:
            continue
        into, at = index[touched], frame[touched]
        slots = into * RING + ((rows.slot[into] + at) & _MASK)
        fresh = np.flatnonzero(~rows.filled[slots])
        if fresh.size:
            # What never comes of this frame sounds as the one before: silence would click, and G.722 codes nothing of
            # what it was, so that its decoder would take 60 ms to find back.
            before = into[fresh] * RING + ((rows.slot[into[fresh]] + at[fresh] - 1) & _MASK)
            known = rows.filled[before] | (at[fresh] == 0)
            silence = laws.SILENCE[rows.law[into[fresh]]][:, None]
            rows.ring[slots[fresh]] = np.where(known[:, None], rows.ring[before], silence)
        rows.filled[slots] = True
    width = min(int(sizes.max()), payloads.shape[1])
    columns = _COLUMNS[:width]
    places = distance[:, None] + columns
    wanted = (columns < sizes[:, None]) & (places >= 0)
    places = (rows.slot[index][:, None] * FRAME + places) % RING_SAMPLES + index[:, None] * RING_SAMPLES
    rows.ring.reshape(-1)[places[wanted]] = payloads[:, :width][wanted]
    rows.ahead[index] = np.maximum(rows.ahead[index], ends)


def take(rows: Rows, index: NDArray[np.intp], tick: int, noise: ComfortNoise) -> NDArray[np.uint8]:
    """One frame of each row, (n, 160) octets of the row's law. ``noise`` is what a peer's comfort noise sounds like."""
    ahead = rows.ahead[index]
    flat = index * RING + rows.slot[index]
    runs = ahead >= FRAME  # of a frame that came in part only, the rest is waited for
    there = rows.filled[flat] & runs
    flooded = ahead > FLOOD
    if flooded.any():
        skip(rows, index[flooded], (ahead[flooded] - AFTER_FLOOD) // FRAME)
        return take(rows, index, tick, noise)
    payload: NDArray[np.uint8] = rows.ring.take(flat, axis=0)
    if there.all():
        rows.gap[index] = 0
        rows.dry[index] = 0
    else:
        missing = np.flatnonzero(~there)
        rows.gap[index[there]] = 0
        payload[missing] = _conceal(rows, index[missing], runs[missing], tick, noise)
        rows.ring[flat[missing]] = payload[missing]
        rows.dry[index] = np.where(runs, 0, rows.dry[index] + 1)
    rows.filled[flat] = False
    advance = runs.astype(np.int32) * FRAME
    rows.ahead[index] = ahead - advance
    rows.play_timestamp[index] += advance.astype(np.uint32)
    rows.slot[index] = (rows.slot[index] + runs) & _MASK
    rows.least_ahead[index] = np.minimum(rows.least_ahead[index], ahead)
    _shrink(rows, index, tick)
    return payload


def skip(rows: Rows, index: NDArray[np.intp], frames: NDArray[np.int32]) -> None:
    """Pass over ``frames`` frames of each row unheard."""
    slots = np.arange(RING)
    gone = slots < frames[:, None]
    places = index[:, None] * RING + ((rows.slot[index][:, None] + slots) & _MASK)
    rows.filled[places[gone]] = False
    rows.slot[index] = (rows.slot[index] + frames) & _MASK
    rows.ahead[index] -= frames * FRAME
    rows.play_timestamp[index] += (frames * FRAME).astype(np.uint32)


def _shrink(rows: Rows, index: NDArray[np.intp], tick: int) -> None:
    """Each row once per window: one frame less of delay where there was always enough."""
    due = index[(index + tick) % WINDOW == 0]
    if not due.size:
        return
    full = due[rows.anchored[due] & (rows.least_ahead[due] > ENOUGH)]
    if full.size:
        skip(rows, full, np.ones(full.size, np.int32))
    rows.least_ahead[due] = RING_SAMPLES


def _conceal(
    rows: Rows, index: NDArray[np.intp], runs: NDArray[np.bool_], tick: int, noise: ComfortNoise
) -> NDArray[np.uint8]:
    """What is heard where nothing came, (n, 160) octets."""
    law = rows.law[index]
    rows.gap[index] += 1
    gap = rows.gap[index]
    payload = np.repeat(laws.SILENCE[law][:, None], FRAME, axis=1)
    level = rows.noise[index]
    noisy = np.flatnonzero(level < 0)
    if noisy.size:
        places = index[noisy] * NOISE_APART + tick * FRAME
        payload[noisy] = laws.encode(noise.frames(level[noisy], places), law[noisy])
    primed = rows.priming[index] > 0
    rows.priming[index[primed & runs]] -= 1
    repeat = np.flatnonzero(
        (level == 0) & ~primed & rows.anchored[index] & (gap <= CONCEAL_MOST) & (rows.deaf_until[index] <= tick)
    )
    if repeat.size:
        before: NDArray[np.uint8] = rows.ring[index[repeat] * RING + ((rows.slot[index[repeat]] - 1) & _MASK)]
        samples = laws.decode(before, law[repeat])
        power = np.where(runs[repeat], FADE, FADE ** gap[repeat])[:, None]
        payload[repeat] = laws.encode((samples * power).astype(np.int16), law[repeat])
    return payload
