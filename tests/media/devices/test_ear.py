"""The ear of a line, and the sounds that it makes by itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.devices.ear import LineEar, LineTones, tones_of
from media.dtmf.generator import digit_samples
from media.tones.progress import tone
from tests.kit.echoes import echo_of, speech
from tests.media.dtmf_adapter import detect

FRAME = 160


def frames(sound: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    return [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]


def test_keys_levels_and_busy_tones_are_told() -> None:
    ear = LineEar(8000, country="de")
    silence = np.zeros(FRAME, np.int16)
    sound = np.concatenate((np.zeros(1600, np.int16), digit_samples("7"), np.tile(tone("busy", "de"), 6)))
    reports = [ear.hear(frame, silence) for frame in frames(sound)]
    assert "".join(report.keys for report in reports) == "7"
    assert {report.tone for report in reports} == {None, "busy"}
    assert reports[0].level == -90
    assert reports[12].level == pytest.approx(-10, abs=3)


@pytest.mark.parametrize(("echo", "left"), [("auto", -12.0), ("on", -12.0), ("off", 0.0)])
def test_our_own_sound_is_taken_out_of_what_goes_on(echo: str, left: float) -> None:
    chance = np.random.default_rng(1)
    out = speech(6, chance)
    back = echo_of(out, 0.06, -8, chance)
    ear = LineEar(8000, echo=echo)  # type: ignore[arg-type]
    heard = [
        ear.hear(one, other).sound
        for one, other in zip(
            frames(np.rint(back).astype(np.int16)), frames(np.rint(out).astype(np.int16)), strict=True
        )
    ]
    rest = np.concatenate(heard).astype(np.float64)[-16000:]
    change = 10 * np.log10((rest**2).sum() / (back[: len(np.concatenate(heard))][-16000:] ** 2).sum())
    assert change < left + 0.5
    assert (ear.echo_delay > 0) is (echo != "off")


def test_a_prompt_that_dials_is_no_key_and_a_callers_key_is() -> None:
    chance = np.random.default_rng(2)
    out = np.concatenate([speech(2, chance), digit_samples("1").astype(float), speech(2, chance)])
    back = echo_of(out, 0.06, -8, chance)
    back[8000:8800] += digit_samples("9")
    ear = LineEar(8000)
    pairs = zip(frames(np.rint(back).astype(np.int16)), frames(np.rint(out).astype(np.int16)), strict=True)
    assert "".join(ear.hear(heard, sounded).keys for heard, sounded in pairs) == "9"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_is_dialled_can_be_heard(rate: int) -> None:
    tones = LineTones(rate)
    assert tones.next() is None
    tones.dial("30#,4", 0.5)
    sound = []
    while tones.busy:
        frame = tones.next()
        assert frame is not None
        assert len(frame) == rate // 50
        sound.append(frame)
    narrow = np.concatenate(sound)[:: rate // 8000]
    heard = detect(np.ascontiguousarray(narrow))
    assert "".join(digit for digit, _, _ in heard) == "30#4"
    assert heard[0][1] == pytest.approx(0.5, abs=0.02)
    assert heard[3][1] - heard[2][1] > 2.0


def test_bells_and_busy_tones_go_on_until_they_stop() -> None:
    tones = LineTones(8000, "us")
    tones.ring()
    heard = np.concatenate([frame for _ in range(400) if (frame := tones.next()) is not None])
    assert len(heard) == 64_000
    expected = np.resize(tone("ringback", "us"), 64_000)
    assert np.array_equal(heard, expected)
    tones.hung_up()
    frame = tones.next()
    assert frame is not None
    assert np.array_equal(frame, tone("busy", "us")[:FRAME])
    tones.stop()
    assert tones.next() is None


@pytest.mark.parametrize(
    ("country", "table"), [("DE", "de"), ("GB", "uk"), ("US", "us"), ("CA", "us"), ("AQ", ""), (None, "")]
)
def test_countries(country: str | None, table: str) -> None:
    assert tones_of(country) == table
