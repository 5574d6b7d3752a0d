"""What a telephone line does to what is said: level, noise, echo, clicks, codec, lost packets."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from tests.kit.greetings import sounds

__all__ = ["Line", "carry", "draw"]

RATE = 8000
_BAND = butter(4, (250, 3400), "bandpass", fs=RATE, output="sos")


@dataclass(frozen=True)
class Line:
    """One line, drawn."""

    level: float
    """dBm0 of the speech."""
    noise: str
    """Kind of noise, or ``none`` (digital silence)."""
    ratio: float
    """dB by which speech is above it."""
    codec: str
    """``ulaw``, ``alaw``, or ``gsm`` before µ-law, as from a mobile phone."""
    loss: float
    """Share of packets lost, in bursts of up to three."""
    narrow: bool
    """A telephone's band; else all up to 4 kHz."""
    suppressed: bool
    """Noise is not sent in pauses, as mobile networks save power: comfort noise, 12 dB lower, is heard."""
    echo: float
    """dB below the speech at which its echo comes; 0: none."""
    click: bool
    """The line cracks when it is opened."""


def draw(rng: np.random.Generator, *, recorded: bool = False) -> Line:
    """A line by chance; a machine in the network (``recorded``) has less noise."""
    level = float(np.clip(rng.normal(-18, 6), -35, -5))
    kinds = ("none", "white", "car", "street", "babble")
    noise = str(rng.choice(kinds, p=(0.45, 0.4, 0.05, 0.05, 0.05) if recorded else (0.12, 0.38, 0.17, 0.17, 0.16)))
    least = {"none": 40.0, "white": 12.0, "car": 6.0, "street": 9.0, "babble": 10.0}[noise]
    ratio = least + float(rng.gamma(2.0, 6.0))
    return Line(
        level,
        noise,
        ratio,
        str(rng.choice(["ulaw", "alaw", "gsm"], p=(0.4, 0.4, 0.2))),
        float(rng.choice([0, 0.01, 0.03], p=(0.7, 0.2, 0.1))),
        bool(rng.random() < 0.7),
        bool(rng.random() < 0.2),
        float(-rng.uniform(20, 35)) if rng.random() < 0.15 else 0.0,
        bool(rng.random() < 0.15),
    )


def carry(
    line: Line, speech: sounds.Sound, other: sounds.Sound, rng: np.random.Generator, babblers: list[sounds.Sound]
) -> NDArray[np.int16]:
    """``speech`` (any scale), with ``other`` (in dBm0 scale already) beside it, as the far end hears both."""
    length = len(speech)
    said = sounds.scaled(speech, line.level) if np.any(speech) else speech.astype(np.float64)
    talks = np.convolve(np.abs(said) > 50, np.ones(800), "same") > 0
    if line.echo:
        delay = int(rng.uniform(0.05, 0.3) * RATE)
        said[delay:] += said[: length - delay] * 10 ** (line.echo / 20)
    sound = said + other
    if line.noise != "none":
        hiss = sounds.noise(line.noise, rng, length, babblers) * sounds.FULL * 10 ** ((line.level - line.ratio) / 20)
        if line.suppressed:
            comfort = rng.standard_normal(length) * sounds.FULL * 10 ** ((line.level - line.ratio - 12) / 20)
            hiss = np.where(talks, hiss, comfort)
        sound = sound + hiss
    if line.click:
        at, lasts = int(rng.uniform(0, 0.6) * RATE), int(rng.uniform(0.001, 0.012) * RATE)
        sound[at : at + lasts] += rng.standard_normal(len(sound[at : at + lasts])) * rng.uniform(2000, 12000)
    if line.narrow:
        sound = sosfilt(_BAND, sound)
    samples = np.clip(sound, -32000, 32000).astype(np.int16)
    if line.codec == "gsm":
        samples = _gsm(samples)
    samples = _lose(samples, line.loss, rng)
    if line.codec == "alaw":
        return ALAW_DECODE[ALAW_ENCODE[samples.view(np.uint16)]]
    return ULAW_DECODE[ULAW_ENCODE[samples.view(np.uint16)]]


def _gsm(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    raw = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    coded = subprocess.run(
        ["sox", "-D", *raw, "-", "-t", "gsm", "-"], input=samples.tobytes(), capture_output=True, check=True
    ).stdout
    back = subprocess.run(
        ["sox", "-D", "-t", "gsm", "-r", "8000", "-", *raw, "-"], input=coded, capture_output=True, check=True
    ).stdout
    return np.resize(np.frombuffer(back, np.int16), len(samples)).copy()


def _lose(samples: NDArray[np.int16], share: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Lost frames sound as the plane conceals them: the one before, fading, then silence."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).copy()
    at = 1
    while share and at < len(frames):
        if rng.random() < share / 2:
            for step in range(int(rng.integers(1, 4))):
                if at + step < len(frames):
                    frames[at + step] = frames[at + step - 1] * 0.5
            at += 3
        at += 1
    return frames.reshape(-1)
