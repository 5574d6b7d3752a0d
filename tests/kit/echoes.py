"""Prompts that sound like keys, keys within them, and how both come back by a line or a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.devices.echo import EchoCanceller
from media.devices.keys import KeyFinder
from media.dtmf.detector import DIGITS
from media.dtmf.generator import digit_samples

__all__ = ["FRAME", "RATE", "Heard", "at_level", "echo_of", "keys_at", "listen", "match", "speech", "vowels"]

RATE = 8000
FRAME = 160
PEAK_0DBM0 = 32767 * 10 ** (-3.14 / 20)
LATEST = 0.3
"""Seconds after its start in which a key is to be found."""

Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one line heard."""

    keys: list[tuple[float, str]]
    """Second and digit of each key found."""
    rest: Sound
    """What the canceller left."""
    delay: float
    """Seconds of the echo, as the canceller has it."""


def at_level(sound: Sound, dbm0: float) -> Sound:
    """Speech at an active level: mean over the 20 ms that are within 30 dB of the loudest."""
    power = (sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) ** 2).mean(axis=1)
    active = power[power > power.max() * 1e-3].mean()
    return np.asarray(sound / np.sqrt(active) * PEAK_0DBM0 * 10 ** (dbm0 / 20) / np.sqrt(2))


def vowels(seconds: float, chance: np.random.Generator) -> Sound:
    """Voices whose two strongest harmonics wander through the pairs of keys: harder than speech."""
    parts: list[Sound] = []
    length = 0
    while length < seconds * RATE:
        size = int(chance.uniform(0.08, 0.7) * RATE)
        time = np.arange(size) / RATE
        pitch = chance.uniform(90, 480) * (1 + chance.uniform(-0.12, 0.12) * time / time[-1] * (chance.random() < 0.6))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        peaks, widths = (chance.uniform(600, 1000), chance.uniform(1100, 1750)), chance.uniform(30, 140, 2)
        sound = np.zeros(size)
        for harmonic in range(1, 40):
            at = harmonic * pitch
            if at.min() > 3600:
                break
            gain = 1 / (1 + ((at - peaks[0]) / widths[0]) ** 2) + 1 / (1 + ((at - peaks[1]) / widths[1]) ** 2)
            sound += (gain + 0.01 / harmonic) * np.sin(harmonic * phase + chance.uniform(0, 6.283))
        edge = np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.015 * RATE)
        sound *= np.clip(edge, 0, 1) / np.sqrt((sound**2).mean()) * PEAK_0DBM0 / np.sqrt(2)
        sound *= 10 ** (chance.uniform(-20, -9) / 20)
        parts += [sound, np.zeros(int(chance.uniform(0, 0.12) * RATE))]
        length += size + len(parts[-1])
    return np.concatenate(parts)[: round(seconds * RATE)]


def speech(seconds: float, chance: np.random.Generator) -> Sound:
    """Vowels with the breath and the noise of speech under them: every frequency has something."""
    sound = vowels(seconds, chance)
    power = np.convolve(sound**2, np.ones(FRAME) / FRAME, "same")
    noise: Sound = sound + 0.25 * np.sqrt(power) * chance.standard_normal(len(sound))
    return noise


def keys_at(
    length: int, times: list[float], level: float, chance: np.random.Generator
) -> tuple[Sound, list[tuple[float, str]]]:
    """Keys of 100 ms, ``level`` dB over -8 and -6 dBm0, in ``length`` samples; and which they are."""
    sound, truth = np.zeros(length), []
    for second in times:
        digit = DIGITS[chance.integers(16)]
        at = int(second * RATE)
        sound[at : at + 800] += digit_samples(digit, 100, level)[: length - at]
        truth.append((second, digit))
    return sound, truth


def echo_of(sound: Sound, delay: float, level: float, chance: np.random.Generator) -> Sound:
    """``sound`` as it comes back after ``delay`` seconds, ``level`` dB as loud, by a path of 25 ms."""
    taps = chance.standard_normal(200) * np.exp(-np.arange(200) / 40)
    taps[0] += 2
    taps *= 10 ** (level / 20) / np.sqrt((taps**2).sum())
    path = np.concatenate((np.zeros(int(delay * RATE)), taps))
    return np.convolve(sound, path)[: len(sound)]


def listen(sounded: Sound, heard: Sound) -> Heard:
    """Canceller and key finder over both."""
    canceller, finder = EchoCanceller(RATE), KeyFinder(RATE)
    out, back = (np.clip(np.rint(sound), -32768, 32767).astype(np.int16) for sound in (sounded, heard))
    keys, rest = [], []
    for at in range(0, len(out) - FRAME + 1, FRAME):
        frame = out[at : at + FRAME]
        rest.append(canceller.process(back[at : at + FRAME], frame))
        keys += [(at / RATE, key) for key in finder.hear(rest[-1], canceller.echo, frame, canceller.left)]
    return Heard(keys, np.concatenate(rest).astype(np.float64), canceller.delay)


def match(found: list[tuple[float, str]], truth: list[tuple[float, str]]) -> tuple[int, list[tuple[float, str]]]:
    """How many of the keys pressed were found, and what was found besides."""
    left, right = list(found), 0
    for second, digit in truth:
        hit = next((key for key in left if key[1] == digit and -0.02 < key[0] - second < LATEST), None)
        if hit is not None:
            left.remove(hit)
            right += 1
    return right, left
