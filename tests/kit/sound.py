"""Sound compared as sound: where what was played stands in what was heard, how loud, and with which gaps."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import ULAW_ENCODE

RATE = 8000
FRAME = 160
"""20 ms."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well `played` was found in `heard`."""

    delay: float
    """Seconds from the start of `heard` to the start of `played` in it."""
    correlation: float
    """Normalised, at that delay; 1.0 is the same sound."""
    level: float
    """dB of what was heard over what was played."""
    broken: int
    """20 ms frames of speech that differ from what was played (a gap, a repeat, another sound)."""
    frames: int
    """Frames of speech compared."""


def read_wav(path: Path) -> NDArray[np.float64]:
    """Samples (frames, channels) at 8 kHz of a 16-bit WAV file, as float64."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2, f"{path}: {file.getsampwidth()} bytes a sample"
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        data = data.reshape(-1, file.getnchannels())
        rate = file.getframerate()
    if rate != RATE:
        import soxr

        data = soxr.resample(data, rate, RATE)
    return data


def write_wav(path: Path, samples: NDArray[np.float64], rate: int = RATE) -> None:
    """A mono 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes())


def find(played: NDArray[np.float64], heard: NDArray[np.float64]) -> Match:
    """Find `played` in `heard` (both mono, 8 kHz)."""
    size = 1 << (len(played) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    cross = np.fft.irfft(spectrum, size)
    lags = np.concatenate([np.arange(len(heard)), np.arange(-len(played), 0)])
    cross = np.concatenate([cross[: len(heard)], cross[-len(played) :]])
    lag = int(lags[int(np.argmax(cross))])
    start, first = max(0, lag), max(0, -lag)
    count = min(len(played) - first, len(heard) - start)
    a, b = played[first : first + count], heard[start : start + count]
    energy = float(np.sqrt((a @ a) * (b @ b)))
    gain = float((a @ b) / (a @ a)) if a.any() else 0.0
    broken = frames = 0
    for at in range(0, count - FRAME + 1, FRAME):
        x, y = a[at : at + FRAME], b[at : at + FRAME]
        power = float(x @ x)
        if power < FRAME * 300.0**2:
            continue
        frames += 1
        error = y - gain * x
        broken += float(error @ error) > 0.25 * gain * gain * power
    level = 20 * float(np.log10(max(abs(gain), 1e-9)))
    return Match(lag / RATE, float(a @ b) / energy if energy else 0.0, level, broken, frames)


PIECE = 800
"""0.1 s: long enough to be found nowhere else, short enough that a frame lost costs little."""
CLEAR = 0.5
"""The least share of pieces that has come through a softphone that shares its processor with others."""


def found_pieces(played: NDArray[np.float64], heard: NDArray[np.float64]) -> float:
    """The share of the pieces of `played` that `heard` has unbroken and as loud, each looked for by itself: a softphone
    whose thread comes late leaves out a frame or repeats one, and moves all that follows. Each frame is compared where
    both ends are ours."""
    pieces = [played[at : at + PIECE] for at in range(0, len(played) - PIECE + 1, PIECE)]
    sounding = [piece for piece in pieces if float(piece @ piece) > PIECE * 300.0**2]
    assert sounding, f"{len(played)} samples have no sound"
    matches = [find(piece, heard) for piece in sounding]
    return sum(match.correlation > 0.97 and abs(match.level) < 0.5 for match in matches) / len(sounding)


def ulaw(samples: NDArray[np.float64]) -> bytes:
    """As µ-law."""
    return ULAW_ENCODE[np.rint(samples).astype(np.int16).view(np.uint16)].tobytes()


def speechlike(seconds: float, seed: int) -> NDArray[np.float64]:
    """Noise-like sound with the envelope of speech: correlates with itself alone."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    noise = rng.normal(0.0, 1.0, count)
    kernel = np.hanning(9)
    coloured = np.convolve(noise, kernel / kernel.sum(), "same")
    envelope = np.repeat(rng.uniform(0.15, 1.0, count // 800 + 1), 800)[:count]
    return coloured * envelope * 6000 / float(np.abs(coloured).max())
