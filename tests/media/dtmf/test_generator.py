"""Digit tones: frequencies, levels, lengths; and the receiver hears them."""

from __future__ import annotations

import numpy as np
import pytest

from media.dtmf.detector import DIGITS
from media.dtmf.generator import HIGH, LOW, digit_samples, digits_samples
from media.tones.synthesis import amplitude
from tests.media.dtmf_adapter import detect


@pytest.mark.parametrize("digit", list(DIGITS))
def test_a_digit_is_two_tones_at_their_levels(digit: str) -> None:
    sound = digit_samples(digit, 200)[100:-100].astype(float)
    window = np.hanning(len(sound))
    code = DIGITS.index(digit)
    for frequency, level in ((LOW[code // 4], -8), (HIGH[code % 4], -6)):
        turn = np.exp(-2j * np.pi * frequency / 8000 * np.arange(len(sound)))
        assert 2 * abs(np.dot(sound * window, turn)) / window.sum() == pytest.approx(amplitude(level), rel=0.02)


def test_lengths_and_gaps() -> None:
    assert len(digit_samples("5", 60)) == 480
    sound = digits_samples("12", 100, 70)
    assert len(sound) == 2 * (800 + 560)
    assert not sound[800:1360].any()
    assert len(digits_samples("1,1", 50, 50)) == 4 * 400 + 16000
    assert digits_samples("").size == 0


@pytest.mark.parametrize("bad", ["E", "", "12", " "])
def test_what_is_no_digit_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a DTMF digit"):
        digit_samples(bad)


@pytest.mark.parametrize("ms", [(40, 40), (100, 70), (250, 100)])
def test_the_receiver_hears_what_is_sent(ms: tuple[int, int]) -> None:
    text = "".join(DIGITS) + "1122#d"
    assert "".join(digit for digit, _, _ in detect(digits_samples(text, *ms))) == text.upper()
