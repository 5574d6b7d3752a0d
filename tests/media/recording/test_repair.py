"""Recordings that nobody completed."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from media import complete_recording
from media.recording.formats import Format, header


def length(path: Path) -> tuple[int, int]:
    with wave.open(str(path)) as file:
        assert len(file.readframes(file.getnframes())) == file.getnframes() * file.getnchannels() * 2
        return file.getnchannels(), file.getnframes()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("told", [0, 800, 8000])
def test_the_header_says_what_the_file_holds(tmp_path: Path, channels: int, told: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(header(Format.WAV, channels, told) + b"\1" * (4000 * 2 * channels) + b"\1")
    assert complete_recording(path) == 0.5
    assert length(path) == (channels, 4000)
    before = path.read_bytes()
    assert complete_recording(path) == 0.5
    assert path.read_bytes() == before


@pytest.mark.parametrize("left", [0, 7, 44])
def test_a_file_of_which_nearly_nothing_is_left_is_an_empty_recording(tmp_path: Path, left: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(header(Format.WAV, 2, 8000)[:left])
    assert complete_recording(path) == 0.0
    assert length(path)[1] == 0


def test_a_header_that_the_disk_did_not_keep_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(44) + b"\1" * 16000)
    assert complete_recording(path) == 1.0
    assert length(path) == (1, 8000)


def test_octets_without_a_header_are_as_long_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.ulaw"
    path.write_bytes(bytes(2000))
    assert complete_recording(path) == 0.25
    assert path.stat().st_size == 2000


def test_a_file_that_is_gone_is_an_error_and_a_link_is_not_followed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        complete_recording(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(bytes(100))
    (tmp_path / "c.wav").symlink_to(tmp_path / "b.wav")
    with pytest.raises(OSError, match="symbolic"):
        complete_recording(tmp_path / "c.wav")
    assert (tmp_path / "b.wav").read_bytes() == bytes(100)
