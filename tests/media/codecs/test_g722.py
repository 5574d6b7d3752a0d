"""G.722 against ffmpeg, both ways."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.g722 import RATE, G722Decoder, G722Encoder
from tests.kit.needs import lacks

needs_ffmpeg = pytest.mark.skipif(lacks("ffmpeg"), reason="ffmpeg is not installed")


def chirp(seconds: float = 2.0, high: float = 6500.0) -> NDArray[np.int16]:
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * (100 * time + (high - 100) / (2 * seconds) * time**2)
    return (np.sin(phase) * 9000).astype(np.int16)


def snr(wanted: NDArray[np.int16], found: NDArray[np.int16], most_delay: int = 64) -> float:
    """Signal to noise in dB at the delay that fits best."""
    best = -99.0
    body = wanted.astype(np.float64)
    for delay in range(most_delay):
        shifted = found[delay:].astype(np.float64)
        n = min(len(shifted), len(body))
        noise = np.sum((shifted[:n] - body[:n]) ** 2) + 1e-9
        best = max(best, float(10 * np.log10(np.sum(body[:n] ** 2) / noise)))
    return best


def ffmpeg(data: bytes, *arguments: str) -> bytes:
    return subprocess.run(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *arguments],
        input=data,
        capture_output=True,
        check=True,
    ).stdout


def test_what_is_encoded_in_frames_is_decoded_in_frames() -> None:
    sound = chirp()
    encoder, decoder = G722Encoder(), G722Decoder()
    octets = [encoder.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    assert {len(frame) for frame in octets} == {160}
    whole = np.concatenate([decoder.decode(frame) for frame in octets])
    assert whole.dtype == np.int16
    assert len(whole) == len(sound)
    assert snr(sound, whole) > 15


@needs_ffmpeg
def test_ffmpeg_understands_what_we_encode() -> None:
    sound = chirp(1.0, 3400)
    octets = G722Encoder().encode(sound)
    found = np.frombuffer(ffmpeg(octets, "-f", "g722", "-i", "-", "-f", "s16le", "-ar", "16000", "-"), "<i2")
    assert snr(sound, found) > 18
    ours = G722Decoder().decode(octets)
    assert snr(ours, found, 4) > 60


@needs_ffmpeg
def test_we_understand_what_ffmpeg_encodes() -> None:
    sound = chirp(1.0, 3400)
    octets = ffmpeg(sound.tobytes(), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-f", "g722", "-")
    assert snr(sound, G722Decoder().decode(octets)) > 18


def test_a_stream_has_a_memory_of_its_own() -> None:
    sound = chirp(0.2)
    first, second = G722Encoder(), G722Encoder()
    first.encode(sound[:640])
    assert first.encode(sound[640:960]) != second.encode(sound[640:960])
    assert G722Encoder().encode(sound) == G722Encoder().encode(sound)
