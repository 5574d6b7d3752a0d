from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.prompts import dsp

RATE = 8000
rng = np.random.default_rng(7)


def speech_like(seconds: float = 2.0, level: float = 0.01) -> dsp.Samples:
    """Bursts of noise with pauses, with silence at both ends."""
    count = int(seconds * RATE)
    bursts = (np.sin(2 * np.pi * 2 * np.arange(count) / RATE) > 0).astype(np.float32)
    noise = (rng.standard_normal(count) * level).astype(np.float32)
    quiet = np.zeros(RATE // 2, np.float32)
    return np.concatenate([quiet, noise * bursts, quiet])


@pytest.mark.parametrize("level", [0.012, 0.05, 0.2])
def test_normalise_brings_any_speech_to_one_level(level: float) -> None:
    out = dsp.normalise(speech_like(level=level), RATE)
    assert 20 * np.log10(dsp.active_rms(out, RATE)) == pytest.approx(-16, abs=1.0)
    assert np.abs(out).max() <= dsp.PEAK_LIMIT + 1e-6


def test_normalise_leaves_silence_alone() -> None:
    assert not dsp.normalise(np.zeros(800, np.float32), RATE).any()
    assert not len(dsp.normalise(np.zeros(0, np.float32), RATE))


def test_trim_keeps_a_little_at_both_ends() -> None:
    sound = speech_like()
    trimmed = dsp.trim(sound, RATE)
    assert len(sound) - len(trimmed) > 0.7 * RATE
    loud = np.flatnonzero(np.abs(trimmed) > 0)
    assert 0.01 * RATE <= loud[0] <= 0.05 * RATE


def test_trim_of_silence_leaves_nothing() -> None:
    assert not len(dsp.trim(np.zeros(8000, np.float32), RATE))
    assert not len(dsp.trim(np.zeros(0, np.float32), RATE))


@given(st.lists(st.floats(-4, 4, width=32), min_size=0, max_size=400))
def test_limiter_keeps_every_sample_under_the_limit(values: list[float]) -> None:
    samples = np.array(values, np.float32)
    limited = dsp.limit_peaks(samples, RATE)
    assert len(limited) == len(samples)
    assert np.abs(limited).max(initial=0) <= dsp.PEAK_LIMIT + 1e-6


def test_join_puts_pauses_between_but_not_around() -> None:
    one = np.ones(10, np.float32)
    assert len(dsp.join([one, one, one], RATE, 0.1)) == 30 + 2 * 800
    assert not len(dsp.join([], RATE, 0.1))


def test_fade_ends_near_nothing_and_leaves_the_middle() -> None:
    faded = dsp.fade(np.ones(1000, np.float32), RATE, 0.01, 0.01)
    assert faded[0] < 0.01 and faded[-1] < 0.01
    assert (faded[80:-80] == 1).all()
    assert len(dsp.fade(np.ones(5, np.float32), RATE, 1.0, 1.0)) == 5


def test_what_came_from_16_bits_returns_unchanged() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    assert (dsp.to_int16(every.astype(np.float32) / np.float32(32768)) == every).all()
    assert dsp.to_int16(np.array([2.0, -2.0], np.float32)).tolist() == [32767, -32768]
