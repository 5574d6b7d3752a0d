"""A store in a folder of its own, and sounds to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from media.prompts import PromptStore, Sound


def tone(frequency: float, seconds: float, rate: int, level: float = 0.5) -> NDArray[np.float32]:
    """A sine; level: peak."""
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def samples_of(sound: Sound) -> NDArray[np.float32]:
    """What the plane will play, in [-1, 1]."""
    samples = np.fromfile(sound.path, "<i2")
    assert len(samples) == sound.samples
    return (samples / 32768).astype(np.float32)


def decibels(samples: NDArray[np.float32]) -> float:
    """RMS in dBFS; -200 for silence."""
    return 20 * float(np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-10))


@pytest.fixture
def prompts_dir(tmp_path: Path) -> Path:
    """An empty prompts folder."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    return folder


@pytest.fixture
async def store(tmp_path: Path, prompts_dir: Path) -> AsyncIterator[PromptStore]:
    """A started store on pyttsx3."""
    store = PromptStore(tmp_path / "cache", prompts_dir, allow=["127.0.0.1"])
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def wav(prompts_dir: Path) -> Path:
    """A second of a 1 kHz tone at 16 kHz in the prompts folder."""
    path = prompts_dir / "tone.wav"
    soundfile.write(path, tone(1000, 1.0, 16000), 16000)
    return path
