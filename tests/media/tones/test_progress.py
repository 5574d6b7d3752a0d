"""Call progress tones: frequencies, cadences, levels, and loops without a seam."""

from __future__ import annotations

import numpy as np
import pytest

from media.dtmf.detector import FRAME, DtmfDetector
from media.tones import COUNTRIES, TONES, tone
from media.tones.synthesis import amplitude


def peaks(samples: np.ndarray, count: int) -> list[int]:
    """The ``count`` strongest frequencies of one second, Hz."""
    spectrum = np.abs(np.fft.rfft(samples[:8000].astype(float), 8000))
    found = []
    for _ in range(count):
        at = int(spectrum.argmax())
        found.append(at)
        spectrum[max(at - 8, 0) : at + 9] = 0
    return sorted(found)


@pytest.mark.parametrize(
    ("country", "frequencies"), [("us", [350, 440]), ("uk", [350, 440]), ("de", [425]), ("fr", [440]), ("eu", [425])]
)
def test_dial_tone_has_its_frequencies(country: str, frequencies: list[int]) -> None:
    assert peaks(tone("dial", country), len(frequencies)) == frequencies


def test_us_ringback_is_two_seconds_in_six() -> None:
    sound = tone("ringback", "us")
    assert len(sound) == 48000
    assert np.abs(sound[:16000]).max() > 1000
    assert not sound[16000:].any()
    assert peaks(sound[4000:], 2) == [440, 480]


def test_uk_ringback_is_a_double_ring() -> None:
    loud = np.abs(tone("ringback", "uk").reshape(-1, 800)).max(axis=1) > 1000  # 100 ms each
    assert [bool(x) for x in loud] == [True] * 4 + [False] * 2 + [True] * 4 + [False] * 20


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("name", TONES)
def test_every_tone_loops_without_a_click(country: str, name: str) -> None:
    sound = tone(name, country).astype(float)
    assert np.abs(sound).max() < 32767
    steps = np.abs(np.diff(sound))
    assert abs(sound[0] - sound[-1]) <= steps.max() * 1.01 + 1


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_level_of_a_tone_is_13_below_0_dbm0(country: str) -> None:
    sound = tone("dial", country).astype(float)
    level = 10 * np.log10(np.mean(sound**2) / (amplitude(0) ** 2 / 2))
    assert level == pytest.approx(-13, abs=0.1)


def test_an_unknown_country_has_the_european_tones() -> None:
    assert np.array_equal(tone("busy", "zz"), tone("busy", "eu"))
    assert np.array_equal(tone("busy", "DE"), tone("busy", "de"))


def test_an_unknown_tone_is_refused() -> None:
    with pytest.raises(ValueError, match="no such tone: 'whistle'"):
        tone("whistle")  # type: ignore[arg-type]


def test_tones_cannot_be_changed_by_who_plays_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tone("busy")[0] = 1


def test_no_tone_is_taken_for_a_digit() -> None:
    sounds = [np.resize(tone(name, country), 80000) for name in TONES for country in COUNTRIES]
    together = np.stack(sounds).reshape(len(sounds), -1, FRAME)
    detector, rows = DtmfDetector(len(sounds)), np.arange(len(sounds))
    assert not any(detector.process(together[:, tick], rows).rows.size for tick in range(together.shape[1]))
