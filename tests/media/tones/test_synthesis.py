"""Levels, ramps and rounding of computed sound."""

from __future__ import annotations

import numpy as np
import pytest

from media.tones.synthesis import amplitude, quantised, ramped, sine


def test_full_scale_is_3_14_dbm0() -> None:
    assert amplitude(3.14) == pytest.approx(32767)
    assert amplitude(-20) == pytest.approx(amplitude(0) / 10)


def test_quantising_clips() -> None:
    assert list(quantised(np.array([1e9, -1e9, 0.6]))) == [32767, -32768, 1]


def test_a_ramp_leaves_the_middle_and_its_input() -> None:
    flat = np.full(160, 1000.0)
    shaped = ramped(flat, 5)
    assert shaped[0] < 10
    assert shaped[-1] < 10
    assert (shaped[40:120] == 1000).all()
    assert (flat == 1000).all()


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_sound_shorter_than_its_ramps(length: int) -> None:
    assert len(ramped(sine(1000, length), 5)) == length
