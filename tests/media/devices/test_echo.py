"""The canceller on sounds that are known: how much is left of an echo, alone, in double talk, and when it moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.devices.echo import EchoCanceller
from tests.kit.echoes import FRAME, RATE, at_level, echo_of, listen, speech


def left_db(rest: NDArray[np.float64], echo: NDArray[np.float64], first: float, last: float) -> float:
    """How far below the echo the rest is between two seconds."""
    part = slice(int(first * RATE), int(last * RATE))
    return float(10 * np.log10((echo[part] ** 2).sum() / ((rest[part] ** 2).sum() + 1)))


@pytest.mark.parametrize(("delay", "level"), [(0.01, -6), (0.12, -12), (0.25, -20)])
def test_an_echo_is_taken_out_within_seconds_and_its_delay_is_known(delay: float, level: float) -> None:
    chance = np.random.default_rng(1)
    sound = speech(8, chance)
    echo = echo_of(sound, delay, level, chance)
    heard = listen(sound, echo + 5 * chance.standard_normal(len(echo)))
    assert left_db(heard.rest, echo, 0, 1) > 0
    assert left_db(heard.rest, echo, 5, 8) > 12
    assert abs(heard.delay - delay) < 0.025


def test_a_voice_in_double_talk_comes_through_and_the_echo_stays_away() -> None:
    chance = np.random.default_rng(2)
    sound, voice = speech(12, chance), speech(12, chance)
    voice[: 6 * RATE] = 0
    echo = echo_of(sound, 0.06, -8, chance)
    heard = listen(sound, echo + voice)
    assert left_db(heard.rest - voice[: len(heard.rest)], echo, 7, 12) > 12


def test_an_echo_that_moves_is_learnt_anew() -> None:
    chance = np.random.default_rng(3)
    sound = speech(16, chance)
    echo = echo_of(sound, 0.06, -8, chance)
    echo[6 * RATE :] = echo_of(sound, 0.1, -8, chance)[6 * RATE :]
    heard = listen(sound, echo)
    assert left_db(heard.rest, echo, 4, 6) > 18
    assert left_db(heard.rest, echo, 12, 16) > 12
    assert abs(heard.delay - 0.1) < 0.025


def test_without_an_echo_what_is_heard_stays_as_it_is() -> None:
    chance = np.random.default_rng(4)
    sound, voice = speech(5, chance), speech(5, chance)
    heard = listen(sound, voice)
    assert left_db(heard.rest - np.rint(voice)[: len(heard.rest)], voice, 0, 5) > 60
    silent = listen(np.zeros(RATE), voice[:RATE])
    assert np.array_equal(silent.rest, np.rint(voice[:RATE]))
    assert silent.delay == 0


def test_sixteen_kilohertz() -> None:
    chance = np.random.default_rng(5)
    sound = np.clip(2000 * chance.standard_normal(16000 * 3), -32768, 32767).astype(np.int16)
    back = np.concatenate((np.zeros(1600, np.int16), sound[:-1600] // 2))
    canceller = EchoCanceller(16000)
    rest = [canceller.process(back[at : at + 320], sound[at : at + 320]) for at in range(0, len(sound), 320)]
    assert np.mean(np.concatenate(rest[-50:]) ** 2) < 1e-2 * np.mean(back[-16000:].astype(float) ** 2)


def test_remains_are_suppressed_while_nobody_speaks_and_nothing_else_is() -> None:
    chance = np.random.default_rng(6)
    sound = at_level(speech(9, chance), -15)
    voice = at_level(speech(9, chance), -15)
    voice[: 6 * RATE] = 0
    out = np.rint(sound).astype(np.int16)
    back = np.rint(echo_of(sound, 0.06, -10, chance) + voice).astype(np.int16)
    canceller, before, after = EchoCanceller(RATE), [], []
    for at in range(0, len(out), FRAME):
        before.append(canceller.process(back[at : at + FRAME], out[at : at + FRAME]))
        after.append(canceller.suppress(before[-1]))
    rest, heard = np.concatenate(before), np.concatenate(after)
    alone, double = slice(4 * RATE, 6 * RATE), slice(6 * RATE, 9 * RATE)
    assert (heard[alone] ** 2).sum() < 0.3 * (rest[alone] ** 2).sum()
    assert (heard[double] ** 2).sum() > 0.9 * (rest[double] ** 2).sum()
