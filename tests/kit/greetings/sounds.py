"""Sounds of a call that nobody says: noises, beeps, music, tones; float64 at 8 kHz, of RMS 1 unless said."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.tones import tone

__all__ = ["NOISES", "babble", "beep", "fax", "hum", "information", "level", "melody", "noise", "ringback", "scaled"]

RATE = 8000
FULL = 16004.0
"""RMS of 0 dBm0 at 16-bit scale."""
Sound = NDArray[np.float64]


def level(sound: Sound) -> float:
    """dBm0 of the loud part: frames within 20 dB of the loudest."""
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    loud = power[power > power.max(initial=0) / 100]
    return 10 * math.log10(max(float(loud.mean()) if loud.size else 0.0, 1e-9)) - 20 * math.log10(FULL)


def scaled(sound: Sound, dbm0: float) -> Sound:
    """``sound`` at this level of its loud part."""
    return sound * 10 ** ((dbm0 - level(sound)) / 20)


def _shaped(rng: np.random.Generator, length: int, exponent: float, corner: float) -> Sound:
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    spectrum *= 1 / (1 + (hertz / corner) ** exponent)
    sound = np.fft.irfft(spectrum, length)
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-12)


def _white(rng: np.random.Generator, length: int) -> Sound:
    return rng.standard_normal(length)


def hum(rng: np.random.Generator, length: int) -> Sound:
    """In a car: low, with the engine's harmonics."""
    time = np.arange(length) / RATE
    engine = rng.uniform(25, 60) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time))
    phase = 2 * np.pi * np.cumsum(engine) / RATE
    harmonics = np.sum([np.cos(k * phase + rng.uniform(0, 6.28)) / k for k in range(1, 12)], axis=0)
    made: Sound = _shaped(rng, length, 2.0, 180.0) + 0.5 * harmonics
    return made


def _street(rng: np.random.Generator, length: int) -> Sound:
    """Cars that pass."""
    sound = _shaped(rng, length, 1.3, 500.0)
    swell = np.ones(length)
    for _ in range(rng.poisson(length / RATE / 4)):
        at, width = rng.uniform(0, length), rng.uniform(0.6, 2.0) * RATE
        swell += rng.uniform(0.5, 2.0) * np.exp(-(((np.arange(length) - at) / width) ** 2))
    return sound * swell


def babble(rng: np.random.Generator, length: int, voices: list[Sound]) -> Sound:
    """Many who talk at once, far away."""
    sound = np.zeros(length)
    for _ in range(8):
        said = np.concatenate([voices[int(rng.integers(len(voices)))] for _ in range(6)])
        said = np.resize(np.roll(said, int(rng.integers(len(said)))), length)
        sound += said / max(float(np.sqrt(np.mean(said**2))), 1e-9)
    made: Sound = sound / np.sqrt(np.mean(sound**2))
    return made


NOISES = {"white": _white, "car": hum, "street": _street}


def noise(kind: str, rng: np.random.Generator, length: int, voices: list[Sound]) -> Sound:
    """One of ``NOISES``, or babble of ``voices``."""
    return babble(rng, length, voices) if kind == "babble" else NOISES[kind](rng, length)


USUAL = (1000.0, 440.0, 800.0, 850.0, 1400.0, 2000.0, 620.0, 500.0, 1200.0, 900.0)


def _ramped(sound: Sound, seconds: float) -> Sound:
    ramp = min(max(1, round(seconds * RATE)), len(sound) // 2)
    sound[:ramp] *= np.linspace(0, 1, ramp)
    sound[-ramp:] *= np.linspace(1, 0, ramp)
    return sound


def beep(rng: np.random.Generator) -> tuple[str, Sound]:
    """A machine's beep, its loudest part near 1, and what kind it is."""
    kinds = ("plain", "pair", "two", "pips", "fading", "harsh")
    kind = str(rng.choice(kinds, p=(0.64, 0.14, 0.06, 0.05, 0.06, 0.05)))
    seconds = float(np.clip(rng.lognormal(np.log(0.4), 0.7), 0.1, 2.0))
    hertz = float(rng.choice(USUAL)) if rng.random() < 0.5 else float(np.exp(rng.uniform(np.log(350), np.log(2500))))

    def sine(f: float, length: float) -> Sound:
        return np.sin(2 * np.pi * f * np.arange(round(length * RATE)) / RATE + rng.uniform(0, 6.28))

    rise = float(rng.choice([0.001, 0.005, 0.02]))
    if kind == "pair":
        return kind, _ramped(
            0.5 * (sine(hertz, seconds) + sine(min(hertz * rng.uniform(1.15, 2.0), 2900), seconds)), rise
        )
    if kind == "two":
        first, second = (max(0.12, seconds * share) for share in (0.5, 0.5))
        other = float(np.clip(hertz * rng.choice([0.75, 0.8, 1.25, 1.5]), 350, 2500))
        return kind, np.concatenate((_ramped(sine(hertz, first), rise), _ramped(sine(other, second), rise)))
    if kind == "pips":
        one = _ramped(sine(hertz, float(rng.uniform(0.1, 0.2))), rise)
        gap = np.zeros(round(float(rng.uniform(0.05, 0.11)) * RATE))
        return kind, np.concatenate((one, gap, one, gap, _ramped(sine(hertz, max(0.15, seconds)), rise)))
    if kind == "fading":
        sound = sine(hertz, max(seconds, 0.2))
        return kind, _ramped(sound * np.exp(-np.arange(len(sound)) / len(sound) * 1.5), rise)
    sound = sine(hertz, seconds)
    if kind == "harsh":
        sound += 0.22 * sine(min(3 * hertz, 3300), seconds) + 0.1 * sine(min(2 * hertz, 3300), seconds)
    return kind, _ramped(sound, rise)


def fax() -> Sound:
    """CED, how a fax machine answers (ITU-T T.30): 2100 Hz for 3 s."""
    made: Sound = np.sqrt(2) * np.sin(2 * np.pi * 2100 * np.arange(3 * RATE) / RATE)
    return made


def information() -> Sound:
    """Special information tone (ITU-T E.180): no such number."""
    return np.concatenate(
        [np.sqrt(2) * np.sin(2 * np.pi * f * np.arange(round(0.33 * RATE)) / RATE) for f in (950, 1400, 1800)]
    )


def ringback(rng: np.random.Generator, seconds: float) -> Sound:
    """The end of a ring that the answer cut off."""
    country = str(rng.choice(["eu", "us", "uk", "fr"]))
    ring = tone("ringback", country)[: round(0.4 * RATE)].astype(np.float64)
    sound = np.resize(ring, round(seconds * RATE))
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9)


@lru_cache(maxsize=1)
def _hold() -> Sound:
    music = tone("music").astype(np.float64)
    made: Sound = music / np.sqrt(np.mean(music**2))
    return made


def melody(rng: np.random.Generator, length: int) -> Sound:
    """Music: broken chords, or a band with a beat."""
    if rng.random() < 0.4:
        return np.resize(np.roll(_hold(), int(rng.integers(len(_hold())))), length)
    beat = int(RATE * rng.uniform(0.18, 0.4))
    sound = np.zeros(length + 4 * beat)
    root = rng.uniform(110, 330)
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 16, 19]) / 12)
    for at in range(0, length, beat):
        if rng.random() < 0.85:
            lasts = int(beat * rng.choice([1, 1, 2, 3]))
            time = np.arange(lasts) / RATE
            hertz = root * float(rng.choice(scale)) * 2
            note = np.sum(
                [np.sin(2 * np.pi * hertz * k * time) / k ** rng.uniform(0.8, 2) for k in range(1, 6)], axis=0
            )
            sound[at : at + lasts] += note * np.exp(-time * rng.uniform(1, 6)) * np.minimum(1, time * 100)
        if rng.random() < 0.5:
            drum = rng.standard_normal(beat // 2) * np.exp(-np.arange(beat // 2) / (0.02 * RATE))
            sound[at : at + len(drum)] += 0.6 * drum
    sound = sound[:length]
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9)
