"""The regulator: an hour of two clocks that differ, in numbers alone."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.devices.drift import MOST_OFF, Regulator

CENT = 2 ** (1 / 1200) - 1
FRAME = 0.02


def an_hour(ppm: float, seconds: float = 3600.0, late: float = 0.004) -> tuple[list[float], list[float]]:
    """Fills, and speeds, of each frame: a writer `ppm` fast, whose blocks are seen `late` on average."""
    chance = random.Random(ppm)
    regulator = Regulator(0.04)
    fill, fills, speeds = 0.04, [], []
    for _ in range(round(seconds / FRAME)):
        speed = regulator.step(fill + chance.expovariate(1 / late) - late, FRAME)
        fill += FRAME * (1 + ppm * 1e-6 - speed)
        fills.append(fill)
        speeds.append(speed)
    return fills, speeds


@pytest.mark.parametrize("ppm", [200, -200, 50, 0])
def test_the_fill_stays_in_bounds_for_an_hour(ppm: int) -> None:
    fills, speeds = an_hour(ppm)
    assert min(fills) > 0.036
    assert max(fills) < 0.044
    settled = fills[3000:]
    assert max(settled) - min(settled) < 0.003
    assert max(abs(speed - 1) for speed in speeds) < CENT
    steps = [abs(after - before) for before, after in itertools.pairwise(speeds)]
    assert max(steps) < 3e-5
    assert abs(sum(speeds[-9000:]) / 9000 - 1 - ppm * 1e-6) < 5e-6


@given(ppm=st.floats(-500, 500), fill=st.floats(0, 0.14))
@settings(deadline=None, max_examples=15)
def test_any_start_comes_to_the_target_without_a_swing(ppm: float, fill: float) -> None:
    regulator = Regulator(0.04)
    worst = 0.0
    for at in range(round(400 / FRAME)):
        speed = regulator.step(fill, FRAME)
        assert abs(speed - 1) < MOST_OFF + 1e-9
        fill += FRAME * (1 + ppm * 1e-6 - speed)
        if at * FRAME > 300:
            worst = max(worst, abs(fill - regulator.place))
    assert worst < 0.002
    assert 0.04 <= regulator.place <= 0.055
    assert abs(regulator.drift - ppm * 1e-6) < 3e-5


def test_a_buffer_that_was_filled_a_little_too_far_stays_so() -> None:
    regulator = Regulator(0.04)
    assert {regulator.step(0.052, FRAME) for _ in range(100)} == {1.0}
    assert regulator.place == pytest.approx(0.052)


def test_a_buffer_that_is_filled_anew_keeps_what_was_learnt() -> None:
    regulator = Regulator(0.04)
    fill = 0.04
    for _ in range(20_000):
        fill += FRAME * (1 + 150e-6 - regulator.step(fill, FRAME))
    regulator.restart()
    assert regulator.fill == regulator.target
    assert regulator.drift == pytest.approx(150e-6, abs=2e-6)
