"""Sound cards on a real sound system: PipeWire with null sinks, through ALSA and PortAudio as a real card is.

A null sink gives back what is sounded on it, so one card is its own echo: what goes out comes in, and can be measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.kit.card import CENTS, Card, fitted, sine
from tests.kit.pipewire import PipeWire, missing

pytestmark = [pytest.mark.interop, pytest.mark.skipif(bool(missing()), reason=missing())]

LATENCY = 0.25
"""Seconds at most from a frame that is sounded to the frame that has it, through two buffers and the sound system."""


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[PipeWire]:
    with PipeWire(tmp_path / "sound", ("line", "other")) as pipewire:
        pipewire.add("line")
        yield pipewire


@pytest.mark.parametrize("rate", [8000, pytest.param(16000, marks=pytest.mark.heavy)])
def test_sound_goes_out_and_comes_in(sound: PipeWire, tmp_path: Path, rate: int) -> None:
    sounds = np.concatenate((np.zeros(rate // 2), sine(1000, rate, 2)))
    np.save(tmp_path / "sounds.npy", sounds.astype(np.int16))
    card = Card(sound, tmp_path, "line", rate, 2.8)
    statistics = card.done(15)
    heard = card.heard()
    assert (statistics["input_rate"], statistics["output_rate"], statistics["losses"]) == (48000, 48000, 0)
    onset = int(np.argmax(np.abs(heard) > 1000))
    latency = onset / rate - 0.5
    assert 0.02 < latency < LATENCY, statistics
    tone = heard[onset + rate // 5 :][: rate * 3 // 2]
    # On a machine that does other things some frames may be missing; what is there is whole.
    parts = [fitted(tone[at : at + rate // 4], 1000, rate) for at in range(0, len(tone) - rate // 4, rate // 10)]
    frequency, level, rest = min(parts, key=lambda part: part[2])
    assert abs(frequency - 1000) < CENTS
    assert abs(level) < 0.5
    assert rest < -30, statistics
    peaks = np.abs(tone[: len(tone) // (rate // 50) * (rate // 50)]).reshape(-1, rate // 50).max(axis=1)
    assert (np.abs(20 * np.log10((peaks + 1) / 8000)) < 1).mean() > 0.5, statistics


@pytest.mark.heavy
@pytest.mark.timeout(200)
@pytest.mark.parametrize("ppm", [300, -300])
def test_clocks_that_drift_are_learnt(sound: PipeWire, tmp_path: Path, ppm: int) -> None:
    np.save(tmp_path / "sounds.npy", sine(1000, 8000, 151).astype(np.int16))
    card = Card(sound, tmp_path, "line", 8000, 150, ppm)
    statistics = card.done(170)
    assert statistics["input_drift"] == pytest.approx(-ppm * 1e-6, abs=1e-4)
    assert statistics["output_drift"] == pytest.approx(ppm * 1e-6, abs=1e-4)
    assert statistics["gaps"] < 30  # none on a machine that does nothing else
    assert max(statistics["input_latency"], statistics["output_latency"]) < 0.15
