"""A card device of a test in a process of its own, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.kit.pipewire import PipeWire

__all__ = ["CENTS", "Card", "fitted", "sine"]

CENTS = 2.9
"""Hz by which a tone of 1000 Hz may be off while the buffers find their place: 5 cents, below which no ear tells."""


class Card:
    """A card device in a process, on cards of the test."""

    def __init__(
        self, pipewire: PipeWire, folder: Path, name: str, rate: int, seconds: float, ppm: float = 0.0
    ) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "tests.kit.card_child", str(folder), name, str(rate), str(seconds), str(ppm)]
        self.process = subprocess.Popen(command, env=pipewire.environment, stdout=subprocess.PIPE, text=True)
        self.told: list[dict[str, Any]] = []

    def until(self, **wanted: object) -> dict[str, Any]:
        """The next line that has this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            if all(self.told[-1].get(key) == value for key, value in wanted.items()):
                return self.told[-1]
        raise AssertionError(f"{wanted} was never told: {self.told}")

    def done(self, seconds: float) -> dict[str, Any]:
        """The statistics at the end."""
        rest, _ = self.process.communicate(timeout=seconds)
        self.told += [json.loads(line) for line in rest.splitlines()]
        assert self.process.returncode == 0
        return self.told[-1]

    def heard(self) -> NDArray[np.float64]:
        return np.asarray(np.load(self._folder / "heard.npy"), np.float64)


def sine(frequency: float, rate: int, seconds: float) -> NDArray[np.float64]:
    return 8000 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def fitted(heard: NDArray[np.float64], near: float, rate: int) -> tuple[float, float, float]:
    """Frequency, level in dB of 8000, and all else in dB below it, of a tone that may drift a little."""

    def fit(frequency: float) -> tuple[float, float]:
        turn = 2 * np.pi * frequency * np.arange(len(heard)) / rate
        basis = np.stack((np.cos(turn), np.sin(turn)), axis=1)
        parts = np.linalg.lstsq(basis, heard, rcond=None)[0]
        return float(np.hypot(*parts)), float(np.mean((heard - basis @ parts) ** 2))

    tried = {frequency: fit(frequency) for frequency in near * (1 + 4e-5 * np.arange(-100, 101))}
    best = min(tried, key=lambda frequency: tried[frequency][1])
    level, rest = tried[best]
    return best, 20 * np.log10(level / 8000), 10 * np.log10(rest / (level**2 / 2))
