"""The receiver on signals of our own: what Q.24 has accepted and rejected, edges, rows, resets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from media.dtmf.detector import DIGITS, FRAME, DtmfDetector
from media.dtmf.generator import HIGH, LOW, digit_samples
from media.tones.synthesis import amplitude, quantised
from tests.media.dtmf_adapter import detect, detect_all

Sound = NDArray[np.float64]


def burst(
    digit: str,
    ms: float,
    low: float = -10,
    high: float = -10,
    low_off: float = 0,
    high_off: float = 0,
    phase: float = 0.7,
) -> Sound:
    """One digit: levels in dBm0 per tone, frequency errors in Hz."""
    code, time = DIGITS.index(digit), np.arange(round(ms * 8)) / 8000
    return amplitude(low) * np.sin(2 * np.pi * (LOW[code // 4] + low_off) * time + phase) + amplitude(high) * np.sin(
        2 * np.pi * (HIGH[code % 4] + high_off) * time + 2 * phase
    )


def silence(ms: float) -> Sound:
    return np.zeros(round(ms * 8))


def placed(sound: Sound, lead: int = 511, tail_ms: float = 160) -> NDArray[np.int16]:
    return quantised(np.concatenate((np.zeros(lead), sound, silence(tail_ms))))


def text(samples: NDArray[np.int16]) -> str:
    return "".join(digit for digit, _, _ in detect(samples))


def texts(recordings: list[NDArray[np.int16]]) -> list[str]:
    return ["".join(digit for digit, _, _ in heard) for heard in detect_all(recordings)]


@pytest.mark.parametrize("ms", [40, 50, 100])
def test_every_digit_at_every_eighth_alignment(ms: float) -> None:
    cases = [(digit, lead) for digit in DIGITS for lead in range(480, 640, 8)]
    assert texts([placed(burst(d, ms, phase=lead), lead) for d, lead in cases]) == [d for d, _ in cases]


@pytest.mark.parametrize("sign", [-1, 1])
def test_frequency_errors_of_1_5_percent_and_2_hz_are_accepted(sign: int) -> None:
    sounds = []
    for digit in DIGITS:
        code = DIGITS.index(digit)
        low, high = LOW[code // 4] * 0.015 + 2, HIGH[code % 4] * 0.015 + 2
        sounds.append(placed(burst(digit, 70, low_off=sign * low, high_off=-sign * high)))
    assert "".join(texts(sounds)) == DIGITS


@pytest.mark.parametrize("error", [(0.035, 0), (-0.035, 0), (0, 0.035), (0, -0.035)])
def test_frequency_errors_of_3_5_percent_are_rejected(error: tuple[float, float]) -> None:
    sounds = []
    for code, digit in enumerate(DIGITS):
        low, high = LOW[code // 4] * error[0], HIGH[code % 4] * error[1]
        sounds.append(placed(burst(digit, 100, low_off=low, high_off=high)))
    assert "".join(texts(sounds)) == ""


@pytest.mark.parametrize(("low", "high"), [(-12, -8), (-8, -16), (-25, -25), (-3, -3), (-25, -21), (-17, -25)])
def test_levels_and_twist(low: float, high: float) -> None:
    assert "".join(texts([placed(burst(digit, 60, low, high)) for digit in DIGITS])) == DIGITS


def test_what_is_too_short_or_too_faint_is_no_digit() -> None:
    short = [placed(burst(digit, 20), lead) for digit in DIGITS for lead in (480, 533, 600)]
    faint = [placed(burst(digit, 200, -55, -55)) for digit in DIGITS]
    assert "".join(texts(short + faint)) == ""


def test_an_interruption_of_10_ms_is_bridged_and_a_pause_of_40_ms_is_not() -> None:
    interrupted, paused = [], []
    for digit in DIGITS:
        for lead in range(480, 640, 20):
            interrupted.append(placed(np.concatenate((burst(digit, 50), silence(10), burst(digit, 50))), lead))
            paused.append(placed(np.concatenate((burst(digit, 40), silence(40), burst(digit, 40))), lead))
    assert {len(heard) for heard in texts(interrupted)} == {1}
    assert {len(heard) for heard in texts(paused)} == {2}


def test_digits_without_a_pause_follow_each_other() -> None:
    assert text(placed(np.concatenate([burst(digit, 60) for digit in DIGITS]))) == DIGITS


def test_noise_dial_tone_echo_and_companding_do_no_harm() -> None:
    rng = np.random.default_rng(5)
    time = np.arange(2400) / 8000
    dial = amplitude(-13) * (np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time + 1))
    for digit in DIGITS:
        clean = placed(burst(digit, 60, -8, -8))[:2400].astype(float)
        clean = np.concatenate((clean, np.zeros(2400 - len(clean))))
        echo = clean + 0.316 * np.concatenate((np.zeros(160), clean[:-160]))
        noisy = clean + rng.normal(0, amplitude(-23) / np.sqrt(2), len(clean))
        linear = quantised(clean).view(np.uint16)
        ulaw, alaw = ULAW_DECODE[ULAW_ENCODE[linear]], ALAW_DECODE[ALAW_ENCODE[linear]]
        assert texts([quantised(clean + dial), quantised(echo), quantised(noisy), ulaw, alaw]) == [digit] * 5


def vowels(rng: np.random.Generator, seconds: float) -> Sound:
    """Gliding harmonics with two formants, in syllables with pauses."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * 8000:
        length = int(rng.uniform(800, 4000))
        time = np.arange(length) / length
        pitch = rng.uniform(90, 300) * (1 + rng.uniform(-0.2, 0.2) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / 8000
        first, second = rng.uniform(300, 900), rng.uniform(900, 2200)
        sound = np.zeros(length)
        for harmonic in range(1, 12):
            at = harmonic * pitch
            gain = 1 / (1 + ((at - first) / 90) ** 2) + 0.6 / (1 + ((at - second) / 120) ** 2)
            sound += gain * np.sin(harmonic * phase)
        sound *= np.sin(np.pi * time) * amplitude(-8) / max(float(np.abs(sound).max()), 1e-9)
        parts += [sound, silence(rng.uniform(0, 120))]
    return np.concatenate(parts)


def test_hardly_a_pure_vowel_is_taken_for_a_digit() -> None:
    """Ten minutes of vowels purer than a voice's, some with two harmonics right on a pair; other receivers take 12."""
    rng = np.random.default_rng(11)
    assert len("".join(texts([placed(vowels(rng, 60)) for _ in range(10)]))) <= 3


def test_noise_and_single_tones_are_no_digits() -> None:
    rng = np.random.default_rng(3)
    time = np.arange(8000) / 8000
    sounds = [placed(rng.normal(0, amplitude(level), 40000)) for level in (-40, -20, -8)]
    sounds += [placed(amplitude(-6) * np.sin(2 * np.pi * f * time)) for f in (*LOW, *HIGH, 425, 1004, 1100, 2100)]
    assert "".join(texts(sounds)) == ""


def test_edges_are_told_within_some_milliseconds() -> None:
    for lead in range(480, 640, 13):
        ((digit, start, end),) = detect(placed(burst("5", 80), lead))
        assert digit == "5"
        assert start == pytest.approx(lead / 8000, abs=0.006)
        assert end == pytest.approx(lead / 8000 + 0.08, abs=0.006)


def test_a_digit_in_step_with_the_frames_is_told_with_its_second_frame() -> None:
    detector, rows = DtmfDetector(1), np.zeros(1, np.intp)
    frames = quantised(burst("7", 100)).reshape(-1, 1, FRAME)
    told = [detector.process(frame, rows) for frame in frames]
    assert [edges.rows.size for edges in told] == [0, 1, 0, 0, 0]
    assert (DIGITS[told[1].codes[0]], bool(told[1].started[0])) == ("7", True)
    assert -FRAME - 40 <= told[1].offsets[0] <= -FRAME + 40


def test_rows_are_independent_and_need_not_be_in_order() -> None:
    rng = np.random.default_rng(1)
    sounds = np.stack([placed(burst(digit, 100), 480 + 10 * n, 160)[:2400] for n, digit in enumerate("1470")])
    sounds = np.pad(sounds, ((0, 0), (0, 1440))).reshape(4, -1, FRAME)
    detector = DtmfDetector(50)
    places = np.array([40, 3, 17, 8])
    heard: dict[int, str] = {}
    for tick in range(sounds.shape[1]):
        order = rng.permutation(4)
        edges = detector.process(sounds[order, tick], places[order])
        for row, code, started, _ in zip(*edges, strict=True):
            if started:
                heard[int(row)] = heard.get(int(row), "") + DIGITS[code]
    assert heard == {40: "1", 3: "4", 17: "7", 8: "0"}


def test_float_and_integer_frames_are_alike() -> None:
    frames = placed(digit_samples("9").astype(float))[: 9 * FRAME].reshape(-1, 1, FRAME)
    rows = np.zeros(1, np.intp)
    one, other = DtmfDetector(1), DtmfDetector(1)
    for frame in frames:
        a, b = one.process(frame, rows), other.process(frame.astype(np.float32), rows)
        assert [x.tolist() for x in a] == [x.tolist() for x in b]


def run(detector: DtmfDetector, frames: NDArray[np.int16], muted: bool = False) -> list[tuple[str, bool]]:
    rows, told = np.zeros(1, np.intp), []
    for frame in frames.reshape(-1, 1, FRAME):
        edges = detector.process(frame, rows, np.array([muted]))
        told += [(DIGITS[code], bool(started)) for code, started in zip(edges.codes, edges.started, strict=True)]
    return told


def test_a_reset_forgets_the_digit_under_way() -> None:
    detector = DtmfDetector(1)
    tone, quiet = digit_samples("3", 100), np.zeros(10 * FRAME, np.int16)
    assert run(detector, tone) == [("3", True)]
    detector.reset(0)
    assert run(detector, quiet) == []
    assert run(detector, tone) + run(detector, quiet) == [("3", True), ("3", False)]


def test_a_muted_row_hears_nothing() -> None:
    detector = DtmfDetector(1)
    tone, quiet = digit_samples("3", 200), np.zeros(10 * FRAME, np.int16)
    assert run(detector, tone, muted=True) + run(detector, quiet) == []
    assert run(detector, tone) == [("3", True)]
    assert run(detector, tone, muted=True) + run(detector, quiet) == []


def test_no_rows_and_silence_cost_nothing_and_say_nothing() -> None:
    detector = DtmfDetector(4)
    assert detector.process(np.zeros((0, FRAME), np.int16), np.zeros(0, np.intp)).rows.size == 0
    assert detector.process(np.zeros((4, FRAME), np.int16), np.arange(4)).rows.size == 0
