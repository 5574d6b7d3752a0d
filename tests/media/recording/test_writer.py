"""The recording thread: what is in the files, what of it survives a kill, and how a bad disk is told."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from media.recording import Format, Recording, RecordingResult, RecordingWriter
from media.recording.writer import FRAME

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def writer() -> Iterator[RecordingWriter]:
    writer = RecordingWriter()
    writer.start()
    yield writer
    assert writer.close()


def finish(writer: RecordingWriter) -> dict[Path, RecordingResult]:
    assert writer.close()
    return {result.recording.path: result for result in writer.results()}


def frames(rows: int, first: int = 0, width: int = FRAME) -> np.ndarray:
    return (np.arange(rows * width, dtype=np.int64).reshape(rows, width) + first).astype(np.int16)


def slots(*recordings: Recording) -> np.ndarray:
    return np.array([recording.slot for recording in recordings], np.intp)


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert file.getframerate() == 8000
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels())


def test_each_file_gets_its_own_row(writer: RecordingWriter, tmp_path: Path) -> None:
    recordings = [writer.open(tmp_path / f"{n}.wav") for n in range(3)]
    for tick in range(37):
        assert writer.append(slots(*recordings), frames(3, tick * 1000))
    results = finish(writer)
    for row, recording in enumerate(recordings):
        expected = np.concatenate([frames(3, tick * 1000)[row] for tick in range(37)])
        assert np.array_equal(read(recording.path)[:, 0], expected)
        assert results[recording.path].samples == 37 * FRAME
        assert results[recording.path].reason == "stopped"


def test_two_channels_are_interleaved(writer: RecordingWriter, tmp_path: Path) -> None:
    recording = writer.open(tmp_path / "both.wav", Format.WAV, 2)
    mono = writer.open(tmp_path / "one.wav")
    assert recording.slot == mono.slot == 0
    both = np.stack((np.full(FRAME, 7), np.full(FRAME, -9)), axis=1).astype(np.int16)
    writer.append(slots(recording), both[None])
    writer.append(slots(recording), both.reshape(1, -1))
    finish(writer)
    assert np.array_equal(read(recording.path), np.concatenate((both, both)))
    assert len(read(mono.path)) == 0


def test_mulaw_files(writer: RecordingWriter, tmp_path: Path) -> None:
    recording = writer.open(tmp_path / "a.ulaw", Format.ULAW)
    writer.append(slots(recording), np.zeros((1, FRAME), np.int16))
    result = finish(writer)[recording.path]
    assert recording.path.read_bytes() == b"\xff" * FRAME
    assert (result.samples, result.peak, result.level) == (FRAME, 0, None)


def test_level_and_peak_are_told(writer: RecordingWriter, tmp_path: Path) -> None:
    recording = writer.open(tmp_path / "a.wav")
    sine = np.rint(32767 * 10 ** (-13.14 / 20) * np.sin(2 * np.pi * np.arange(FRAME) / 16)).astype(np.int16)
    for _ in range(50):
        writer.append(slots(recording), sine[None].copy())
    result = finish(writer)[recording.path]
    assert result.level == pytest.approx(-10, abs=0.05)
    assert result.peak == np.abs(sine).max()


def test_nothing_is_written_while_paused(writer: RecordingWriter, tmp_path: Path) -> None:
    recording = writer.open(tmp_path / "a.wav")
    for value in (1, 2, 3):
        if value == 2:
            writer.pause(recording)
        if value == 3:
            writer.resume(recording)
        writer.append(slots(recording), np.full((1, FRAME), value, np.int16))
    result = finish(writer)[recording.path]
    assert np.array_equal(np.unique(read(recording.path)), [1, 3])
    assert result.samples == 2 * FRAME


def test_a_slot_is_used_again_and_results_stay_apart(writer: RecordingWriter, tmp_path: Path) -> None:
    first = writer.open(tmp_path / "a.wav")
    writer.append(slots(first), np.full((1, FRAME), 1, np.int16))
    writer.stop(first)
    second = writer.open(tmp_path / "b.wav")
    assert second.slot == first.slot
    writer.append(slots(second), np.full((1, FRAME), 2, np.int16))
    writer.stop(second)
    results = finish(writer)
    assert np.array_equal(np.unique(read(first.path)), [1])
    assert np.array_equal(np.unique(read(second.path)), [2])
    assert {result.recording for result in results.values()} == {first, second}


@pytest.mark.parametrize("name", ["missing/a.wav", "a\0b.wav", "."])
def test_a_file_that_cannot_be_opened_is_a_result(writer: RecordingWriter, tmp_path: Path, name: str) -> None:
    good = writer.open(tmp_path / "good.wav")
    bad = writer.open(tmp_path / name)
    writer.append(slots(good, bad), frames(2))
    writer.stop(bad)
    results = finish(writer)
    assert (results[bad.path].reason, results[bad.path].samples) == ("failed", 0)
    assert results[bad.path].error
    assert results[good.path].reason == "stopped"
    assert len(results) == 2


def test_a_symbolic_link_is_not_followed(writer: RecordingWriter, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "a.wav").symlink_to(tmp_path / "target")
    recording = writer.open(tmp_path / "a.wav")
    assert finish(writer)[recording.path].reason == "failed"
    assert (tmp_path / "target").read_text() == "precious"


def test_a_device_without_room_is_a_result(writer: RecordingWriter) -> None:
    recording = writer.open(Path("/dev/full"), Format.ULAW)
    for _ in range(16):
        writer.append(slots(recording), frames(1))
    result = finish(writer)[recording.path]
    assert (result.reason, result.error) == ("failed", os.strerror(28))


def test_a_full_disk_leaves_a_readable_file(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = RecordingWriter()
    writer.start()
    recording = writer.open(tmp_path / "a.wav")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, hard))
    try:
        for tick in range(100):
            writer.append(slots(recording), frames(1, tick * FRAME))
        writer.stop(recording)
        results = finish(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    result = results[recording.path]
    assert (result.reason, result.samples) == ("failed", (20_001 - 44) // 2)
    assert np.array_equal(read(recording.path)[:, 0], np.arange(result.samples))


def test_a_disk_that_stands_still_costs_sound_and_is_told(tmp_path: Path) -> None:
    writer = RecordingWriter(max_waiting=5)
    recording = writer.open(tmp_path / "a.wav")  # the thread is not started: nothing is taken from the queue
    taken = [writer.append(slots(recording), frames(1)) for _ in range(7)]
    assert taken == [True] * 5 + [False] * 2
    writer.stop(recording)
    writer.start()
    result = finish(writer)[recording.path]
    assert (result.samples, result.lost) == (5 * FRAME, 2 * FRAME)


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from media.recording import RecordingWriter
writer = RecordingWriter()
writer.start()
recordings = [writer.open(Path(sys.argv[1]) / f"{n}.wav") for n in range(20)]
slots = np.array([r.slot for r in recordings])
start = time.monotonic()
for tick in range(500):
    time.sleep(max(0.0, start + tick * 0.02 - time.monotonic()))
    writer.append(slots.copy(), np.full((20, 160), tick, np.int16))
    print(tick, flush=True)
"""


def test_a_kill_loses_less_than_half_a_second(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout is not None
    last = 0
    for line in child.stdout:
        last = int(line)
        if last == 60:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    for number in range(20):
        sound = read(tmp_path / f"{number}.wav")[:, 0]
        assert len(sound) >= (last + 1) * FRAME - 4000
        assert np.array_equal(sound, np.repeat(np.arange(len(sound) // FRAME), FRAME))


def test_many_recordings_at_once(tmp_path: Path) -> None:
    writer = RecordingWriter(max_waiting=40)
    recordings = [writer.open(tmp_path / f"{n}.wav") for n in range(100)]  # more than may wait: only sound counts
    for _ in range(40):
        assert writer.append(slots(*recordings), frames(100))
    writer.start()
    results = finish(writer)
    assert {(result.samples, result.lost) for result in results.values()} == {(40 * FRAME, 0)}
    assert not [thread for thread in threading.enumerate() if thread.name == "recordings"]
