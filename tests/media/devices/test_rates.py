"""Conversion between rates whose ratio may be anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.devices.rates import Resampler

CARDS = (48000, 44100, 16000, 8000)


def tone(frequency: float, rate: int, seconds: float) -> NDArray[np.float32]:
    return (10_000 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def fitted(heard: NDArray[np.float32], frequency: float, rate: int) -> tuple[float, float]:
    """Level of the tone in dB of what was sent, and of all else below it."""
    turn = 2 * np.pi * frequency * np.arange(len(heard)) / rate
    basis = np.stack((np.cos(turn), np.sin(turn)), axis=1)
    parts = np.linalg.lstsq(basis, heard, rcond=None)[0]
    rest = np.mean((heard - basis @ parts) ** 2)
    return 20 * np.log10(np.hypot(*parts) / 10_000), 10 * np.log10(rest / 5e7)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("frequency", [300, 1000, 3300])
def test_a_tone_comes_through_as_it_is(card: int, rate: int, frequency: float) -> None:
    inward, outward = Resampler(card, rate), Resampler(rate, card)
    heard = inward.push(tone(frequency, card, 1.0))[rate // 10 :]
    sounded = outward.push(tone(frequency, rate, 1.0))[card // 10 :]
    for made, at in ((heard, rate), (sounded, card)):
        level, rest = fitted(made, frequency, at)
        assert abs(level) < 0.05
        assert rest < -70


@pytest.mark.parametrize("card", [48000, 44100, 16000])
@pytest.mark.parametrize("frequency", [4600, 5200, 7100])
def test_what_eight_kilohertz_cannot_carry_is_gone(card: int, frequency: float) -> None:
    heard = Resampler(card, 8000).push(tone(frequency, card, 1.0))[800:-800]
    assert 10 * np.log10(np.mean(heard**2) / 5e7) < -70


def test_frames_make_the_same_sound_as_one_piece() -> None:
    sound = tone(1000, 48000, 0.5)
    whole = Resampler(48000, 8000).push(sound)
    pushed, pulled = Resampler(48000, 8000), Resampler(48000, 8000)
    pieces = [pushed.push(sound[at : at + 480]) for at in range(0, len(sound), 480)]
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-2)
    at, frames = 0, []
    while at + (count := pulled.needs(160)) <= len(sound):
        frames.append(pulled.pull(sound[at : at + count], 160))
        at += count
    joined = np.concatenate(frames)
    assert np.allclose(joined, whole[: len(joined)], atol=1e-2)


@given(
    card=st.sampled_from(CARDS),
    rate=st.sampled_from((8000, 16000)),
    speeds=st.lists(st.floats(0.998, 1.002), min_size=1, max_size=40),
)
@settings(deadline=None, max_examples=60)
def test_a_changing_speed_takes_exactly_what_it_needs_and_leaves_no_step(
    card: int, rate: int, speeds: list[float]
) -> None:
    resampler, frame = Resampler(card, rate), rate // 50
    level = np.full(card // 10, 5000, np.float32)
    resampler.push(level)
    taken, frames = 0, []
    for speed in speeds:
        count = resampler.needs(frame, speed)
        frames.append(resampler.pull(np.full(count, 5000, np.float32), frame, speed))
        taken += count
        assert len(frames[-1]) == frame
    assert np.allclose(np.concatenate(frames), 5000, atol=0.5)
    assert abs(taken - sum(speeds) * frame * card / rate) <= 2 * card / rate + 2
    assert len(resampler._buffer) < 4 * 24 * max(1, card / rate) + 2 * card / 50


def test_reset_forgets_what_was_heard() -> None:
    resampler = Resampler(48000, 8000)
    resampler.push(tone(1000, 48000, 0.1))
    resampler.reset()
    assert not resampler.push(np.zeros(4800, np.float32)).any()
