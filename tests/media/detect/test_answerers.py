"""People and machines are told apart, beeps are found where they end, and rows do not disturb each other."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.detect import AnswererDetector, Found, Mode
from media.detect.answerers import FRAME, NO_BEEP, NOBODY_SPEAKS
from media.dtmf.generator import digit_samples
from media.tones import COUNTRIES, tone
from tests.kit import amd_peer
from tests.kit.answerers import beeps, hear, score
from tests.kit.greetings import Sample, samples

RATE = 8000
TICK = 0.02
Sound = NDArray[np.float64]


def voice(seconds: float, level: float = 3000.0, pitch: float = 120.0) -> Sound:
    """A pitch that glides, with syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = np.cumsum(pitch * (1 + 0.12 * np.sin(2 * np.pi * 1.3 * time))) / RATE
    sound = np.sum([np.cos(2 * np.pi * k * phase) / k**0.5 for k in range(3, 14)], axis=0)
    syllables: Sound = sound * level / 3 * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return syllables


def sine(seconds: float, *hertz: float, level: float = 4000.0) -> Sound:
    time = np.arange(int(seconds * RATE)) / RATE
    sound: Sound = np.sum([level * np.sin(2 * np.pi * f * time) for f in hertz], axis=0)
    return sound


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE))


def joined(*parts: Sound, hiss: float = 0.0) -> Sound:
    sound = np.concatenate(parts)
    return sound + np.random.default_rng(1).standard_normal(len(sound)) * hiss


def told(sounds: Sequence[Sound], mode: Mode = "beep") -> list[list[tuple[Found, float]]]:
    """What is found in each call, with the second it was; all of them are rows of one detector."""
    detector = AnswererDetector(len(sounds))
    frames = [sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32) for sound in sounds]
    found: list[list[tuple[Found, float]]] = [[] for _ in sounds]
    for row in range(len(sounds)):
        detector.listen(row, mode)
    for at in range(max(map(len, frames))):
        rows = [k for k, each in enumerate(frames) if at < len(each) and not (found[k] and found[k][-1][0].final)]
        if rows:
            for each in detector.process(np.stack([frames[k][at] for k in rows]), np.array(rows)):
                found[each.row].append((each, (at + 1) * TICK))
    return found


def test_a_hello_and_a_pause_are_a_person() -> None:
    hello = (silence(0.6), voice(0.5), silence(2))
    for ((found, at),) in told([joined(*hello, hiss=hiss) for hiss in (0.0, 50.0, 300.0)], "fast"):
        assert (found.answerer, found.final, found.beep_end, found.reason) == ("human", True, None, "pause")
        assert at < 2.2


def test_somebody_who_speaks_on_is_a_machine() -> None:
    speech = joined(silence(0.5), voice(7), silence(4))
    [[(first, at)]] = told([speech], "fast")
    assert (first.answerer, first.final, first.reason) == ("machine", True, "greeting")
    assert at < 5.8
    [[(first, _), (last, at)]] = told([speech], "beep")
    assert (first.answerer, first.final) == ("machine", False)
    assert (last.answerer, last.final, last.reason, last.beep_end) == ("machine", True, "quiet", None)
    assert at == pytest.approx(7.5 + NO_BEEP * TICK, abs=0.1)


def test_the_end_of_a_beep_is_told_within_300_ms() -> None:
    kinds = list(
        product(
            [(350.0,), (440.0,), (1000.0,), (2500.0,), (620.0, 850.0), (900.0, 1270.0)],
            (0.15, 0.5, 2.0),
            [(6000.0, 0.0), (400.0, 20.0), (3000.0, 200.0)],
        )
    )
    kinds = [kind for kind in kinds if kind[0] != (440.0,) or kind[1] < 0.8]  # so long it is a ring
    sounds = [
        joined(silence(0.5), voice(6), silence(0.6), sine(seconds, *hertz, level=level), silence(1), hiss=hiss)
        for hertz, seconds, (level, hiss) in kinds
    ]
    for kind, found in zip(kinds, told(sounds), strict=True):
        ended = 0.5 + 6 + 0.6 + kind[1]
        last, at = found[-1]
        assert (last.answerer, last.final, last.reason) == ("machine", True, "beep"), kind
        assert last.beep_end is not None
        assert at - TICK + last.beep_end / RATE == pytest.approx(ended, abs=0.06), kind
        assert ended <= at <= ended + 0.3, kind


def test_keys_rings_and_notes_are_no_beep() -> None:
    scale = [sine(0.18, 440 * 2 ** (note / 12)) for note in (0, 2, 4, 5, 7, 9, 11, 12)]
    others = {
        "key": digit_samples("5", 300.0).astype(np.float64),
        "ring": tone("ringback", "eu").astype(np.float64)[:RATE],
        "scale": np.concatenate(scale + scale[::-1]),
        "vowel": voice(0.3, pitch=220.0),
    }
    sounds = [joined(silence(0.5), voice(6), silence(0.6), other, silence(4)) for other in others.values()]
    for name, found in zip(others, told(sounds), strict=True):
        assert found[-1][0].beep_end is None, name


def test_a_beep_after_a_few_words_is_a_machine_at_once() -> None:
    call = joined(silence(0.4), voice(1.4), silence(0.4), sine(0.4, 1000), silence(1))
    [[(first, _), (second, _)]] = told([call], "beep")
    assert (first.answerer, first.final, first.reason) == ("machine", False, "beep")
    assert (second.answerer, second.final, second.reason) == ("machine", True, "beep")
    [[(only, _)]] = told([call], "fast")
    assert (only.answerer, only.final, only.beep_end) == ("machine", True, None)


def test_silence_and_noise_stay_unknown() -> None:
    rings = [tone("ringback", country).astype(np.float64)[: int(0.4 * RATE)] for country in COUNTRIES]
    calls = [joined(silence(9)), joined(silence(9), hiss=1000)] + [joined(ring, silence(9)) for ring in rings]
    for number, ((found, at),) in enumerate(told(calls)):
        assert found.answerer == "unknown", number
        if number < 2:
            assert found.reason == "silence"
            assert at == pytest.approx(NOBODY_SPEAKS * TICK, abs=0.1)
    for ((found, _),) in told([joined(ring, silence(0.5), voice(0.5), silence(3)) for ring in rings]):
        assert (found.answerer, found.reason) == ("human", "pause")


def test_fax_information_tones_and_music_are_machines() -> None:
    tones = [sine(0.33, hertz) for hertz in (950, 1400, 1800)]
    music = np.resize(tone("music").astype(np.float64), 8 * RATE)
    calls = [joined(silence(1), sine(3, 2100), silence(1)), joined(silence(0.5), *tones, voice(3)), music]
    for found, reason in zip(told(calls, "fast"), ("fax", "tone", "music"), strict=True):
        ((only, _),) = found
        assert (only.answerer, only.final, only.reason) == ("machine", True, reason)


needs_speech = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("sox")), reason="espeak-ng and sox make the calls"
)


@pytest.fixture(scope="module")
def calls() -> list[Sample]:
    """The first samples of the development set."""
    return samples("development", 60)


@needs_speech
def test_most_of_a_small_set_is_right(calls: list[Sample]) -> None:
    """The figures are those of the whole held-out set (tests/bench/answerers.py); this is to notice what breaks."""
    fast = score(calls, [(each.answerer, each.at) for each in hear(calls, "fast")])
    assert fast.share(fast.right, fast.count) >= 88
    assert fast.humans_called_machines <= 1
    found = beeps(calls, hear(calls, "beep"))
    assert sum(good for *_, good in found) >= 0.9 * len(found)
    rules = [amd_peer.decide(sample.sound) for sample in calls]
    peer = score(calls, [(each.answerer, each.seconds) if each else ("", 0.0) for each in rules])
    assert fast.right > peer.right


@needs_speech
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_every_grouping_of_rows_finds_the_same(calls: list[Sample], data: st.DataObject) -> None:
    """Rows come and go, in any order and company; a row that is used again starts anew."""
    chosen = data.draw(st.lists(st.integers(0, len(calls) - 1), min_size=2, max_size=4))
    rows = data.draw(st.permutations(range(8)))
    starts = [data.draw(st.integers(0, 30)) for _ in chosen]
    frames = [calls[k].sound[: 5 * RATE // FRAME * FRAME].astype(np.float32) for k in chosen]
    frames = [sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) for sound in frames]
    detector = AnswererDetector(8)
    before: list[list[tuple[int, Found]]] = []
    for again in range(2):
        found: list[list[tuple[int, Found]]] = [[] for _ in chosen]
        for turn in range(30 + 250):
            here = [k for k in range(len(chosen)) if 0 <= turn - starts[k] < len(frames[k])]
            for k in here:
                if turn == starts[k]:
                    detector.listen(rows[k], "beep")
            for group in (here[::2], here[1::2]) if again else (here,):
                if group:
                    sounds = np.stack([frames[k][turn - starts[k]] for k in group])
                    for each in detector.process(sounds, np.array([rows[k] for k in group])):
                        k = next(k for k in group if rows[k] == each.row)
                        found[k].append((turn - starts[k], each._replace(row=0)))
        if again:
            assert found == before
        before = found
