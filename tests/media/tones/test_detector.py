"""Busy, congestion and dial tones of all countries are found; ringing, speech and music are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from media.tones import COUNTRIES, ToneName, tone
from media.tones.detector import FRAME, ToneDetector, ToneFound

RATE = 8000


def hear(sounds: list[NDArray[np.int16]], countries: list[str] | None = None) -> list[list[tuple[str, float]]]:
    """What is found in each sound, with the second it was certain."""
    rows = len(sounds)
    detector = ToneDetector(rows)
    for row in range(rows):
        detector.listen(row, countries[row] if countries else "")
    length = max(len(sound) for sound in sounds) // FRAME
    every = np.zeros((rows, length * FRAME), np.float32)
    for row, sound in enumerate(sounds):
        every[row, : len(sound) // FRAME * FRAME] = sound[: len(sound) // FRAME * FRAME]
    found: list[list[tuple[str, float]]] = [[] for _ in sounds]
    index = np.arange(rows)
    for tick in range(length):
        for event in detector.process(every[:, tick * FRAME : (tick + 1) * FRAME], index):
            found[event.row].append((event.kind, (tick + 1) * 0.02))
    return found


def lasting(name: ToneName, country: str, seconds: float) -> NDArray[np.int16]:
    return np.resize(tone(name, country), int(seconds * RATE))


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_tones_of_a_country_are_found_once_and_soon(country: str) -> None:
    names: list[ToneName] = ["busy", "congestion", "dial"]
    sounds = [lasting(name, country, 12) for name in names]
    for found, name in zip(hear(sounds, [country] * 3), names, strict=True):
        assert len(found) == 1, (country, name, found)
        kind, at = found[0]
        assert at < 6.5
        # One sound means both in some countries.
        if tone(name, country).tobytes() != tone("busy", country).tobytes():
            assert kind == name
        assert kind in names
    for found in hear(sounds):
        assert len(found) == 1


@pytest.mark.parametrize("country", COUNTRIES)
def test_ringing_is_none_of_them(country: str) -> None:
    assert hear([lasting("ringback", country, 40)]) == [[]]


@pytest.mark.parametrize("level", [-25.0, 0.0, 10.0])
@pytest.mark.parametrize("companding", ["none", "ulaw", "alaw"])
def test_levels_noise_companding_and_frequencies_beside_their_place(level: float, companding: str) -> None:
    rng = np.random.default_rng(3)
    sounds = []
    for offset in (-6.0, 0.0, 6.0):
        time = np.arange(6 * RATE) / RATE
        sound = np.sin(2 * np.pi * (425 + offset) * time) * 5000 * 10 ** (level / 20)
        sound *= (time % 1.0) < 0.5
        sound += rng.standard_normal(len(sound)) * 5000 * 10 ** ((level - 26) / 20)
        samples = np.clip(sound, -32768, 32767).astype(np.int16)
        if companding == "ulaw":
            samples = ULAW_DECODE[ULAW_ENCODE[samples.view(np.uint16)]]
        elif companding == "alaw":
            samples = ALAW_DECODE[ALAW_ENCODE[samples.view(np.uint16)]]
        sounds.append(samples)
    for found in hear(sounds):
        assert [kind for kind, _ in found] == ["busy"]


def test_a_tone_that_stops_and_comes_again_is_told_again() -> None:
    speech = np.random.default_rng(1).standard_normal(4 * RATE) * 1500
    busy = lasting("busy", "eu", 5)
    found = hear([np.concatenate((busy, speech.astype(np.int16), busy))])[0]
    assert [kind for kind, _ in found] == ["busy", "busy"]


def test_a_row_that_is_reset_begins_anew() -> None:
    detector = ToneDetector(2)
    detector.listen(1, "us")
    detector.forget(1)
    detector.listen(1, "us")
    rows = np.array([1])
    sound = lasting("busy", "us", 4).astype(np.float32).reshape(-1, FRAME)
    found = [event for frame in sound for event in detector.process(frame[None], rows)]
    assert found == [ToneFound(1, "busy")]


def test_countries_do_not_take_the_tones_of_others() -> None:
    assert hear([lasting("busy", "us", 8), lasting("busy", "eu", 8)], ["eu", "us"]) == [[], []]


def music(seed: int, seconds: float) -> NDArray[np.int16]:
    """Notes of a scale with overtones, in a rhythm, some alone, some in chords, with decays as of plucked strings."""
    rng = np.random.default_rng(seed)
    beat = rng.choice([0.2, 0.25, 0.375, 0.4, 0.5])
    sound = np.zeros(int(seconds * RATE))
    at = 0.0
    while at < seconds:
        lasts = beat * rng.choice([1, 1, 2, 4])
        samples = int(lasts * rng.choice([0.5, 0.9, 1.0]) * RATE)
        time = np.arange(samples) / RATE
        envelope = np.exp(-time * rng.choice([0.0, 2.0, 8.0]))
        note = np.zeros(samples)
        for _ in range(rng.choice([1, 1, 3])):
            pitch = 440 * 2 ** (rng.choice([-5, -3, -2, 0, 2, 4, 7]) / 12)
            overtones = rng.choice([0.05, 0.3, 0.6])
            for k in range(1, 6):
                note += np.sin(2 * np.pi * pitch * k * time) * overtones ** (k - 1)
        start = int(at * RATE)
        room = sound[start : start + samples]
        room += (note * envelope)[: len(room)] * 3000
        at += lasts
    return np.clip(sound, -32768, 32767).astype(np.int16)


def test_music_is_none() -> None:
    sounds = [music(seed, 60) for seed in range(40)]
    sounds.append(lasting("music", "eu", 60))
    assert [found for found in hear(sounds) if found] == []
