"""Speech of several synthesisers as telephones carry it, kept in a folder so that each sentence is spoken once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

__all__ = ["DEVELOPMENT", "HELD_OUT", "RATE", "Voice", "speak", "there"]

RATE = 8000
FOLDER = Path(os.environ.get("GREETINGS_CACHE", Path(tempfile.gettempdir()) / f"ivr-greetings-{os.getuid()}"))
PROGRAMS = {"espeak": "espeak-ng", "flite": "flite"}


@dataclass(frozen=True)
class Voice:
    """One speaker."""

    engine: str
    name: str
    language: str
    pitch: int = 50
    """0 to 99; espeak only."""


DEVELOPMENT = (
    Voice("espeak", "en-us", "en"),
    Voice("espeak", "en-us+f2", "en", 60),
    Voice("espeak", "en-us+m3", "en", 40),
    Voice("espeak", "en-gb", "en", 45),
    Voice("espeak", "en-gb+f4", "en"),
    Voice("flite", "slt", "en"),
    Voice("flite", "kal16", "en"),
    Voice("espeak", "de", "de"),
    Voice("espeak", "de+f3", "de", 65),
    Voice("espeak", "de+m2", "de", 35),
    Voice("espeak", "fr-fr", "fr"),
    Voice("espeak", "fr-fr+f1", "fr", 55),
    Voice("flite", "awb", "en"),
    Voice("espeak", "en-gb-scotland+f5", "en", 55),
    Voice("espeak", "en-gb-x-rp+m7", "en", 50),
    Voice("espeak", "en-us+belinda", "en", 50),
    Voice("espeak", "en-us+klatt4", "en", 45),
    Voice("espeak", "es+m5", "es", 42),
    Voice("espeak", "es-419+f3", "es", 58),
    Voice("espeak", "it+m6", "it", 50),
    Voice("espeak", "it+linda", "it", 60),
    Voice("espeak", "nl+m4", "nl", 48),
)
HELD_OUT = (
    Voice("flite", "rms", "en"),
    Voice("espeak", "en-us+m1", "en", 55),
    Voice("espeak", "en-gb-x-gbclan+f1", "en", 48),
    Voice("espeak", "en-029+m8", "en", 40),
    Voice("espeak", "en-gb+klatt2", "en", 52),
    Voice("espeak", "en-us+steph", "en", 50),
    Voice("espeak", "pt+m3", "pt", 45),
    Voice("espeak", "pt-br+f2", "pt", 55),
    Voice("espeak", "pl+m6", "pl", 42),
    Voice("espeak", "pl+f4", "pl", 52),
    Voice("espeak", "sv+m5", "sv", 47),
    Voice("espeak", "sv+anika", "sv", 50),
)


def there(voices: Iterable[Voice]) -> tuple[Voice, ...]:
    """Those whose program is installed."""
    return tuple(voice for voice in voices if shutil.which(PROGRAMS[voice.engine]))


def _place(voice: Voice, text: str, speed: int) -> Path:
    name = hashlib.sha256(repr((voice, text, speed)).encode()).hexdigest()[:24]
    return FOLDER / name[:2] / f"{name}.npy"


def _make(voice: Voice, text: str, speed: int) -> Path:
    place = _place(voice, text, speed)
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "said.wav"
        if voice.engine == "espeak":
            words = round(175 * speed / 100)
            command = ["espeak-ng", "-v", voice.name, "-s", str(words), "-p", str(voice.pitch), "-w", str(sound), text]
        else:
            stretch = f"duration_stretch={100 / speed:.2f}"
            command = ["flite", "-voice", voice.name, "--setf", stretch, "-t", text, "-o", str(sound)]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(sound)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64)
        samples = resample_poly(samples, RATE, rate)
        loud = np.flatnonzero(np.abs(samples) > 0.02 * max(float(np.abs(samples).max(initial=0)), 1.0))
        if loud.size:  # the pauses are drawn, the synthesiser's own are cut off
            samples = samples[loud[0] : loud[-1] + 1]
        temporary = Path(folder) / "said.npy"
        np.save(temporary, samples.astype(np.float32))
        shutil.move(temporary, place)
    return place


@lru_cache(maxsize=2048)
def speak(voice: Voice, text: str, speed: int) -> NDArray[np.float32]:
    """``text`` without silence around it; ``speed`` in percent."""
    samples: NDArray[np.float32] = np.load(_make(voice, text, speed))
    samples.flags.writeable = False
    return samples
