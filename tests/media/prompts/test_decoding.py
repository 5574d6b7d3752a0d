from __future__ import annotations

import io
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from media.face import WIDE_SUFFIX
from media.prompts.childside import JobError
from media.prompts.decoder_child import convert
from tests.media.prompts.conftest import decibels, tone


def decoded(path: Path, name: str | None = None, max_seconds: float = 600.0, speech: bool = False) -> Any:
    out = path.with_name(f"{path.name}.out")
    out.unlink(missing_ok=True)
    job = {
        "inputs": [{"path": str(path), "name": name or path.name}],
        "out": str(out),
        "max_seconds": max_seconds,
        "speech": speech,
        "pause": 0.25,
        "wide": False,
    }
    samples = convert(job)["samples"]
    data = np.fromfile(out, "<i2")
    assert len(data) == samples
    return (data / 32768).astype(np.float32)


COMMON = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
KINDS = [
    ("WAV", "PCM_16", 8000), ("WAV", "PCM_U8", 8000), ("WAV", "PCM_24", 44100), ("WAV", "PCM_32", 48000),
    ("WAV", "FLOAT", 44100), ("WAV", "DOUBLE", 16000), ("WAV", "ULAW", 8000), ("WAV", "ALAW", 8000),
    ("WAVEX", "PCM_16", 16000), ("WAVEX", "PCM_24", 48000), ("FLAC", "PCM_16", 44100), ("OGG", "VORBIS", 44100),
    ("OGG", "OPUS", 48000), ("MP3", "MPEG_LAYER_III", 44100), ("AIFF", "PCM_16", 22050), ("AU", "ULAW", 8000),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "subtype", "rate"), KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_file_sounds_the_same(tmp_path: Path, kind: str, subtype: str, rate: int, channels: int) -> None:
    path = tmp_path / "sound.bin"
    sound = tone(1000, 1.0, rate)
    soundfile.write(path, np.column_stack([sound] * channels), rate, format=kind, subtype=subtype)
    out = decoded(path)
    assert len(out) == pytest.approx(8000, abs=900 if kind == "MP3" else 10)  # MP3 pads with silence
    middle = out[2000:6000]
    assert decibels(middle) == pytest.approx(decibels(sound), abs=0.5)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 8000 / len(middle) == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(("rate", "frames"), [(16000, 16001), (22050, 30000), (48000, 48000), (44100, 12345)])
@pytest.mark.parametrize("speech", [False, True])
def test_wide_sounds_stand_beside_narrow_ones_and_are_twice_as_long(
    tmp_path: Path, rate: int, frames: int, speech: bool
) -> None:
    path, out = tmp_path / "sound.wav", tmp_path / "out"
    sound = tone(1000, frames / rate, rate, 0.3) + tone(6000, frames / rate, rate, 0.3)
    soundfile.write(path, sound, rate)
    inputs = [{"path": str(path), "name": path.name}] * (2 if speech else 1)
    job = {"inputs": inputs, "out": str(out), "max_seconds": 60.0, "speech": speech, "pause": 0.25, "wide": True}
    samples = convert(job)["samples"]
    narrow, wide = np.fromfile(out, "<i2"), np.fromfile(f"{out}{WIDE_SUFFIX}", "<i2")
    assert len(narrow) == samples
    assert len(wide) == 2 * samples
    for found, step in ((narrow, 8000), (wide, 16000)):
        part = found[step // 10 : step // 4].astype(float)
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        high, low = (spectrum[round(f * len(part) / step) % len(spectrum)] for f in (6000, 1000))
        assert low > 10 * spectrum.mean()
        assert (high > 0.5 * low) == (step == 16000)


def test_what_is_narrow_has_no_wide_sound(tmp_path: Path) -> None:
    path, out = tmp_path / "sound.wav", tmp_path / "out"
    soundfile.write(path, tone(1000, 0.5, 8000), 8000)
    inputs = [{"path": str(path), "name": path.name}]
    convert({"inputs": inputs, "out": str(out), "max_seconds": 60.0, "speech": False, "pause": 0.25, "wide": True})
    assert out.exists()
    assert not Path(f"{out}{WIDE_SUFFIX}").exists()


def test_8_khz_16_bits_pass_through_bit_exact(tmp_path: Path) -> None:
    path = tmp_path / "exact.wav"
    samples = np.random.default_rng(3).integers(-32768, 32768, 9000).astype(np.int16)
    soundfile.write(path, samples, 8000)
    assert (decoded(path) * 32768 == samples).all()


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_what_8_khz_cannot_hold_does_not_fold_back(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "high.wav"
    soundfile.write(path, tone(6000, 1.0, rate, 0.9), rate, subtype="FLOAT")
    assert decibels(decoded(path)[400:-400]) < decibels(tone(6000, 1.0, rate, 0.9)) - 60


@pytest.mark.parametrize("frequency", [300, 1000, 3400])
def test_the_telephone_band_passes_unchanged(tmp_path: Path, frequency: int) -> None:
    path = tmp_path / "band.wav"
    soundfile.write(path, tone(frequency, 1.0, 44100), 44100, subtype="FLOAT")
    assert decibels(decoded(path)[400:-400]) == pytest.approx(decibels(tone(frequency, 1.0, 44100)), abs=0.1)


@pytest.mark.parametrize(
    ("ending", "table", "back"), [(".ulaw", ULAW_ENCODE, ULAW_DECODE), (".alaw", ALAW_ENCODE, ALAW_DECODE)]
)
def test_headerless_files_are_told_by_their_ending(tmp_path: Path, ending: str, table: Any, back: Any) -> None:
    octets = table[(tone(440, 0.5, 8000) * 32767).astype(np.int16).view(np.uint16)]
    path = tmp_path / "data"
    path.write_bytes(octets.tobytes())
    assert (decoded(path, f"prompt{ending}") * 32768 == back[octets]).all()
    assert (decoded(path, f"PROMPT{ending.upper()}") * 32768 == back[octets]).all()


def test_stereo_is_averaged(tmp_path: Path) -> None:
    path = tmp_path / "sides.wav"
    sound = tone(500, 0.2, 8000)
    soundfile.write(path, np.column_stack([sound, -sound]), 8000, subtype="FLOAT")
    assert decibels(decoded(path)) < -90


def refused(path: Path, name: str | None = None, max_seconds: float = 600.0) -> str:
    with pytest.raises(JobError) as caught:
        decoded(path, name, max_seconds)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.wav", "the file is empty"),
        (b"RIFF", "a.wav", "cut off inside the RIFF header"),
        (b"RIFF\x24\0\0\0WAVE", "a.wav", "without a data chunk"),
        (b"#!/bin/sh\n" * 100, "a.wav", "not a sound file that can be read"),
        (b"\0" * 10_000, "a.mp3", "not a sound file that can be read"),
        (b"abc", "a.raw", "an odd number of bytes"),
        (b"OggS" + b"\0" * 10, "a.ogg", "cut off inside an Ogg page"),
    ],
)
def test_what_is_no_sound_is_refused_with_a_reason(tmp_path: Path, data: bytes, name: str, words: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(data)
    assert words in refused(path, name)


@pytest.mark.parametrize(("kind", "subtype"), COMMON)
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_a_file_cut_off_is_refused(tmp_path: Path, kind: str, subtype: str, part: float) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, 44100 * 3)
    soundfile.write(buffer, noise, 44100, format=kind, subtype=subtype)
    path = tmp_path / "cut"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * part)])
    assert any(words in refused(path) for words in ("cut off", "damaged"))


def test_a_wav_written_into_a_pipe_is_no_fragment(tmp_path: Path) -> None:
    data = tone(440, 0.5, 8000)
    buffer = io.BytesIO()
    soundfile.write(buffer, data, 8000, format="WAV", subtype="PCM_16")
    raw = bytearray(buffer.getvalue())
    place = raw.index(b"data") + 4
    raw[4:8] = raw[place : place + 4] = struct.pack("<I", 0xFFFF_FFFF)
    path = tmp_path / "pipe.wav"
    path.write_bytes(raw)
    assert len(decoded(path)) == 4000


@pytest.mark.parametrize(("kind", "subtype"), COMMON)
def test_a_small_file_with_hours_in_it_is_stopped(tmp_path: Path, kind: str, subtype: str) -> None:
    path = tmp_path / "bomb"
    soundfile.write(path, np.zeros(8000 * 120, np.int16), 8000, format=kind, subtype=subtype)
    assert "longer than 60 s" in refused(path, max_seconds=60.0)


def test_odd_rates_and_channels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(1000, np.int16), 100)
    assert "sample rate of 100 Hz" in refused(path)
    soundfile.write(path, np.zeros((100, 32), np.int16), 8000)
    assert "32 channels" in refused(path)


def test_not_a_number_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([np.nan, np.inf, -np.inf, 0.0] * 100, np.float32), 8000, subtype="FLOAT")
    assert np.isfinite(decoded(path)).all()


def test_speech_of_silence_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quiet.wav"
    soundfile.write(path, np.zeros(8000, np.int16), 8000)
    with pytest.raises(JobError, match="only silence"):
        decoded(path, speech=True)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_headers_end_in_sound_or_an_error(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    originals = []
    for kind, subtype in (
        ("WAV", "PCM_16"),
        ("WAVEX", "PCM_24"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"),
    ):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone(700, 0.3, 8000), 8000, format=kind, subtype=subtype)
        originals.append(buffer.getvalue())
    path = tmp_path / "fuzzed"
    for _ in range(60):
        data = bytearray(rng.choice(originals))
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(min(len(data), 120))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        path.write_bytes(data[: rng.choice((len(data), rng.randrange(1, len(data))))])
        try:
            assert len(decoded(path, max_seconds=5.0)) <= 5 * 8000 * 2.1
        except JobError as error:
            assert str(error)
