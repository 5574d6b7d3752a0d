# ruff: noqa: ASYNC240 - a test blocks nobody
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.prompts import Edit, PromptError, edit_prompt
from tests.media.prompts.conftest import decibels, tone


@pytest.fixture
def padded(tmp_path: Path) -> Path:
    """Half a second of tone with a second of silence on each side, at 44.1 kHz."""
    path = tmp_path / "padded.wav"
    quiet = np.zeros(44100, np.float32)
    soundfile.write(path, np.concatenate([quiet, tone(800, 0.5, 44100, 0.1), quiet]), 44100)
    return path


async def test_trim_normalise_join_and_fade(padded: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    edited = await edit_prompt(
        Edit((padded, padded), out, trim=True, level=-20.0, gap=0.2, fade_in=0.05, fade_out=0.05)
    )
    data, rate = soundfile.read(out, dtype="float32")
    assert rate == 8000 and edited.seconds == pytest.approx(len(data) / 8000)
    assert edited.seconds == pytest.approx(2 * 0.6 + 0.2, abs=0.03)
    middle = data[int(0.1 * 8000) : int(0.4 * 8000)]
    assert decibels(middle) == pytest.approx(-19, abs=1.0)
    assert np.abs(data[:4]).max() < 0.01 and np.abs(data[-4:]).max() < 0.01


async def test_nothing_asked_changes_nothing_but_the_rate(padded: Path, tmp_path: Path) -> None:
    edited = await edit_prompt(Edit((padded,), tmp_path / "out.flac", rate=16000))
    data, rate = soundfile.read(tmp_path / "out.flac", dtype="float32")
    assert rate == 16000 and edited.seconds == pytest.approx(2.5, abs=0.001)
    assert decibels(data[17000:23000]) == pytest.approx(decibels(tone(800, 0.5, 44100, 0.1)), abs=0.1)


async def test_resampling_has_a_low_pass(tmp_path: Path) -> None:
    source = tmp_path / "high.wav"
    soundfile.write(source, tone(6000, 1.0, 16000, 0.9), 16000)
    await edit_prompt(Edit((source,), tmp_path / "out.wav"))
    data, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert decibels(data[400:-400]) < -60


@pytest.mark.parametrize("name", ["o.wav", "o.flac", "o.ogg", "o.mp3", "o.ulaw", "o.alaw", "o.raw"])
async def test_every_kind_of_output(padded: Path, tmp_path: Path, name: str) -> None:
    edited = await edit_prompt(Edit((padded,), tmp_path / name))
    assert edited.seconds == pytest.approx(2.5, abs=0.01)
    assert (tmp_path / name).stat().st_size > 500
    if name in ("o.ulaw", "o.alaw"):
        assert (tmp_path / name).stat().st_size == pytest.approx(20000, abs=2)


async def test_a_peak_is_never_raised_into_clipping(tmp_path: Path) -> None:
    source = tmp_path / "click.wav"
    data = np.full(8000, 0.01, np.float32)
    data[4000] = 0.8
    soundfile.write(source, data, 8000)
    edited = await edit_prompt(Edit((source,), tmp_path / "out.wav", level=-6.0))
    assert edited.peak == pytest.approx(-1.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("out.xyz", {}, r"unknown kind of file \(expected \.wav"),
        ("out.ulaw", {"rate": 16000}, "always at 8000 Hz"),
        ("no/such/out.wav", {}, "cannot be written"),
    ],
)
async def test_outputs_that_cannot_be(padded: Path, tmp_path: Path, name: str, options: dict, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        await edit_prompt(Edit((padded,), tmp_path / name, **options))


async def test_inputs_that_cannot_be(tmp_path: Path) -> None:
    silence, bad = tmp_path / "silence.wav", tmp_path / "bad.wav"
    soundfile.write(silence, np.zeros(8000, np.int16), 8000)
    bad.write_bytes(b"bad")
    for path, words in (
        (bad, "not a sound file"),
        (silence, "nothing but silence"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(PromptError, match=words):
            await edit_prompt(Edit((path,), tmp_path / "out.wav", trim=True))
    assert not (tmp_path / "out.wav").exists()
    assert not list(tmp_path.glob(".out*"))
