"""Voices and bells by their levels alone."""

from __future__ import annotations

import numpy as np
import pytest

from media.devices.levels import LOWEST, RingBursts, VoiceStart, level_of


def bell(*seconds: float, loud: float = -20.0) -> list[float]:
    """Levels of sound and silence in turn, with the flutter that 20 Hz has in frames of 20 ms."""
    levels: list[float] = []
    for at, length in enumerate(seconds):
        frames = round(length * 50)
        levels += [loud - (15.0 if n % 5 == 3 else 0) if at % 2 == 0 else -70.0 for n in range(frames)]
    return levels


@pytest.mark.parametrize(
    "rhythm",
    [(1, 4, 1, 4), (2, 4, 2, 4), (0.4, 0.2, 0.4, 2, 0.4, 0.2, 0.4, 2), (1, 5, 1, 1), (0.75, 1.5, 0.75, 1.5)],
    ids=["europe", "north america", "united kingdom", "italy", "pbx"],
)
def test_bells_ring(rhythm: tuple[float, ...]) -> None:
    ear = RingBursts(-40)
    assert any(ear.hear(level) for level in bell(*rhythm))
    assert not ear.over
    after = [ear.hear(-70) for _ in range(350)]
    assert not after[-1]
    assert ear.over


@pytest.mark.parametrize(
    "sounds",
    [(1, 4), (0.1, 0.5) * 10, (5, 1, 5, 1), (0.5, 0.6, 1.6, 0.8, 0.4, 0.7, 2.4), (1, 7, 1, 7)],
    ids=["once", "clicks", "speech without pauses", "speech", "far apart"],
)
def test_other_sounds_are_no_bell(sounds: tuple[float, ...]) -> None:
    ear = RingBursts(-40)
    assert not any(ear.hear(level) for level in bell(*sounds))


def test_a_bell_that_is_too_faint() -> None:
    ear = RingBursts(-40)
    assert not any(ear.hear(level) for level in bell(1, 4, 1, 4, loud=-45))


def test_reset_forgets_a_bell() -> None:
    ear = RingBursts(-40)
    for level in bell(1, 4, 1, 1):
        ear.hear(level)
    ear.reset()
    assert not any(ear.hear(level) for level in bell(1, 4))


def test_a_voice_begins_and_a_click_does_not() -> None:
    ear = VoiceStart(-40)
    assert not any(ear.hear(level) for level in [-60.0] * 50 + [-15.0] * 5 + [-60.0] * 50)
    heard = [ear.hear(level) for level in [-25.0] * 20]
    assert heard.index(True) == 9
    assert ear.quiet == 0
    for _ in range(25):
        ear.hear(-60)
    assert ear.quiet == pytest.approx(0.5)


def test_a_hum_that_is_always_there_is_no_voice() -> None:
    ear = VoiceStart(-40)
    [ear.hear(-32) for _ in range(20)]
    assert not any(ear.hear(-32) for _ in range(500))
    assert any(ear.hear(-18) for _ in range(12))


def test_levels() -> None:
    assert level_of(np.zeros(160, np.int16)) == LOWEST
    assert level_of(np.full(160, 32767, np.int16)) == pytest.approx(0, abs=0.01)
    assert level_of(np.full(160, 328, np.float32)) == pytest.approx(-40, abs=0.02)
