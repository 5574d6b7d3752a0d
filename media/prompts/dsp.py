"""Arithmetic on whole prompts: level, silence, joints. Pure: float32 arrays of samples in [-1, 1], any rate in Hz.

Speech is brought to one level, since callers hear prompts of several engines and voices in a row. The level is that
of the active part (pauses do not count), as in ITU-T P.56 but with a simple threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Samples",
    "active_rms",
    "fade",
    "join",
    "limit_peaks",
    "normalise",
    "to_int16",
    "trim",
]

Samples = NDArray[np.float32]

SPEECH_LEVEL = 10 ** (-16 / 20)
"""Active RMS of spoken prompts: -16 dBFS, about -10 dBm0, loud and clear on a phone line without clipping."""
PEAK_LIMIT = 10 ** (-1 / 20)
"""-1 dBFS: what stays below survives resampling and companding without clipping."""
MAX_GAIN = 10 ** (24 / 20)
"""A sound fainter than that is noise, which must not be blown up."""

FRAME_SECONDS = 0.010
ACTIVE_BELOW_LOUDEST = 10 ** (-30 / 20)  # frames quieter than this against the loudest are pauses
SILENT_BELOW_LOUDEST = 10 ** (-40 / 20)  # at the ends of a prompt; breath and soft consonants lie above it
SILENCE_FLOOR = 10 ** (-60 / 20)
LEAD_SECONDS = 0.03  # kept before the first sound, so that no plosive is cut
TAIL_SECONDS = 0.06  # kept after the last sound: final consonants fade


def _frame_rms(samples: Samples, rate: int) -> NDArray[np.float64]:
    size = max(1, int(rate * FRAME_SECONDS))
    frames = -(-len(samples) // size)
    padded = np.zeros(frames * size, np.float32)
    padded[: len(samples)] = samples
    rms: NDArray[np.float64] = np.sqrt(np.mean(np.square(padded.reshape(frames, size), dtype=np.float64), axis=1))
    return rms


def active_rms(samples: Samples, rate: int) -> float:
    """RMS over the frames that are no pause; 0.0 for silence."""
    if not len(samples):
        return 0.0
    rms = _frame_rms(samples, rate)
    loudest = float(rms.max())
    if loudest == 0.0:
        return 0.0
    active = rms[rms >= loudest * ACTIVE_BELOW_LOUDEST]
    return float(np.sqrt(np.mean(active**2)))


def trim(samples: Samples, rate: int) -> Samples:
    """Without the silence at both ends, but for a little; empty when there is nothing but silence."""
    if not len(samples):
        return samples
    rms = _frame_rms(samples, rate)
    loud = np.flatnonzero(rms > max(float(rms.max()) * SILENT_BELOW_LOUDEST, SILENCE_FLOOR))
    if not len(loud):
        return samples[:0]
    size = max(1, int(rate * FRAME_SECONDS))
    start = max(0, int(loud[0]) * size - int(rate * LEAD_SECONDS))
    end = (int(loud[-1]) + 1) * size + int(rate * TAIL_SECONDS)
    return samples[start:end]


def limit_peaks(samples: Samples, rate: int, peak: float = PEAK_LIMIT) -> Samples:
    """Peaks above `peak` turned down smoothly, about 2 ms around each; below it nothing changes."""
    size = max(1, int(rate * 0.001))
    blocks = -(-len(samples) // size)
    if not blocks or float(np.abs(samples).max()) <= peak:
        return samples
    padded = np.zeros(blocks * size, np.float32)
    padded[: len(samples)] = np.abs(samples)
    gain = peak / np.maximum(padded.reshape(blocks, size).max(axis=1), peak)
    # Each block takes the least gain of itself and two neighbours on both sides; the line between block centres
    # then never rises above what any sample of the block needs.
    spread = np.pad(gain, 2, mode="edge")
    least = np.min(np.lib.stride_tricks.sliding_window_view(spread, 5), axis=1)
    centres = (np.arange(blocks) + 0.5) * size
    envelope = np.interp(np.arange(len(samples)), centres, least)
    limited: Samples = (samples * envelope).astype(np.float32)
    return limited


def normalise(samples: Samples, rate: int, level: float = SPEECH_LEVEL) -> Samples:
    """Active RMS at `level`, peaks limited; silence stays silence."""
    rms = active_rms(samples, rate)
    if rms < SILENCE_FLOOR / 10:
        return samples
    return limit_peaks((samples * np.float32(min(level / rms, MAX_GAIN))).astype(np.float32), rate)


def join(pieces: Sequence[Samples], rate: int, pause: float) -> Samples:
    """The pieces in a row with `pause` seconds of silence between them."""
    gap = np.zeros(int(rate * pause), np.float32)
    parts: list[Samples] = []
    for piece in pieces:
        if parts:
            parts.append(gap)
        parts.append(piece)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def fade(samples: Samples, rate: int, fade_in: float = 0.0, fade_out: float = 0.0) -> Samples:
    """Raised-cosine fades of so many seconds at the ends (each at most the whole sound)."""
    faded = samples.copy()
    for seconds, end in ((fade_in, False), (fade_out, True)):
        count = min(len(faded), int(rate * seconds))
        if count:
            ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)).astype(np.float32)
            if end:
                faded[-count:] *= ramp[::-1]
            else:
                faded[:count] *= ramp
    return faded


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """16-bit samples, rounded and clipped; what came from 16 bits returns unchanged."""
    integers: NDArray[np.int16] = np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767).astype(np.int16)
    return integers
