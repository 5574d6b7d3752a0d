"""Files in place of microphone and speaker."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.devices import FileDevice, SilentDevice
from media.errors import MediaError


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """450 samples at 8 kHz: two frames and a part."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(1, 451, dtype=np.int16), 8000)
    return path


def test_plays_a_file_frame_by_frame_and_then_silence(ramp: Path) -> None:
    ended: list[int] = []
    device = FileDevice(ramp, ended=lambda: ended.append(1))
    frames = [device.read() for _ in range(5)]
    assert (np.concatenate(frames)[:450] == np.arange(1, 451)).all()
    assert not np.concatenate(frames)[450:].any()
    assert {frame.shape for frame in frames} == {(160,)}
    assert ended == [1]


def test_loops(ramp: Path) -> None:
    ended: list[int] = []
    device = FileDevice(ramp, at_end="loop", ended=lambda: ended.append(1))
    frames = np.concatenate([device.read() for _ in range(6)])
    assert (frames[480:930] == np.arange(1, 451)).all()
    assert ended == [1], "told once"


def test_waits_for_its_start_and_can_be_told_another_file(ramp: Path, tmp_path: Path) -> None:
    device = FileDevice(ramp, paused=True)
    assert not device.read().any()
    device.start()
    assert device.read()[0] == 1
    other = tmp_path / "other.flac"
    soundfile.write(other, np.full((320, 2), 0.5), 16000)
    done: list[int] = []
    device.play(other, lambda: done.append(1))
    assert device.read()[80] == pytest.approx(16384, rel=0.01), "stereo at 16 kHz becomes mono at 8 kHz"
    assert done == [1]
    assert not device.read().any()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_records_what_is_written(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "heard.wav"
    device = FileDevice(record=path, rate=rate)  # type: ignore[arg-type]
    assert not device.read().any()
    for value in (100, -200):
        device.write(np.full(rate // 50, value, np.int16))
    device.close()
    device.close()
    device.write(np.zeros(rate // 50, np.int16))
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (rate, 1, rate // 25)
    assert soundfile.read(path, dtype="int16")[0][[0, -1]].tolist() == [100, -200]


def test_files_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    for path in (tmp_path / "none.wav", tmp_path / "text.wav", tmp_path):
        with pytest.raises(MediaError, match="cannot be played"):
            FileDevice(path)
    with pytest.raises(MediaError, match="cannot be written"):
        FileDevice(record=tmp_path / "no" / "folder.wav")


def test_a_disk_that_is_full_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(MediaError, match="cannot be written"):
        FileDevice(record=full)
    device = FileDevice(record=tmp_path / "heard.wav")
    assert device._file is not None
    device._file._file.close()
    device._file._file = full.open("wb", buffering=0)
    for _ in range(60):
        device.write(np.zeros(160, np.int16))
    assert device._file is None
    device.close()


def test_a_recording_is_whole_before_it_is_closed(tmp_path: Path) -> None:
    device = FileDevice(record=tmp_path / "heard.wav")
    for _ in range(30):
        device.write(np.zeros(160, np.int16))
    assert soundfile.info(tmp_path / "heard.wav").frames == 25 * 160
    device.close()
    assert soundfile.info(tmp_path / "heard.wav").frames == 30 * 160


def test_silence() -> None:
    device = SilentDevice(16000)
    assert device.read().shape == (320,) and not device.read().any()
    device.write(device.read())
    device.close()
