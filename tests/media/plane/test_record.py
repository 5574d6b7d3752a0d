"""Recordings of rows: which frames, and when they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from media.codecs.g711 import ULAW_DECODE
from media.plane.record import Recorder
from media.protocol import RECORD_REASONS, Command, Event
from media.recording import Format, Recording, RecordingResult
from tests.kit.plane import PlaneBench, rtp, speech


@dataclass
class MemoryWriter:
    """A writer whose disk is a dictionary, and is as quick as one."""

    files: dict[int, list[np.ndarray]] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    over: list[RecordingResult] = field(default_factory=list)
    stopped: list[Recording] = field(default_factory=list)

    def open(self, path: Path, kind: Format, channels: int) -> Recording:
        recording = Recording(path, kind, channels, len(self.files))
        self.files[recording.slot] = []
        return recording

    def append(self, slots: np.ndarray, samples: np.ndarray) -> bool:
        for slot, frame in zip(slots.tolist(), samples, strict=True):
            if slot not in self.paused:
                self.files[slot].append(frame)
        return True

    def pause(self, recording: Recording) -> None:
        self.paused.add(recording.slot)

    def resume(self, recording: Recording) -> None:
        self.paused.discard(recording.slot)

    def stop(self, recording: Recording) -> None:
        if recording not in self.stopped:
            samples = 160 * len(self.files[recording.slot])
            self.over.append(RecordingResult(recording, "stopped", samples, 0, None, 0))
        self.stopped.append(recording)

    def fail(self, recording: Recording) -> None:
        self.stopped.append(recording)
        self.over.append(RecordingResult(recording, "failed", 320, 0, None, 0, "No space left on device"))

    def results(self) -> list[RecordingResult]:
        over, self.over = self.over, []
        return over


def recording(**limits: Any) -> tuple[PlaneBench, MemoryWriter]:
    bench, writer = PlaneBench(), MemoryWriter()
    bench.plane.recorder = Recorder(bench.rows, writer)  # type: ignore[arg-type]
    bench.call()
    record(bench, 1, **limits)
    return bench, writer


def record(bench: PlaneBench, number: int, both: bool = False, most: int = 0, most_silent: int = 0) -> None:
    bench.order(Command.RECORD, 0, number, both, False, most, most_silent, strings=(b"/x.wav",))


def talk(bench: PlaneBench, ticks: int, first: int = 0) -> np.ndarray:
    said = speech(ticks)
    for k in range(ticks):
        bench.tick(rtp(first + k, 160 * (first + k), said[k].tobytes()))
    return ULAW_DECODE[said]


def done(bench: PlaneBench) -> list[tuple[int, int, str]]:
    return [(number, samples, RECORD_REASONS[reason]) for number, samples, reason in bench.of(Event.RECORD_DONE)]


def test_the_caller_is_recorded_until_stopped() -> None:
    bench, writer = recording()
    said = talk(bench, 30)
    bench.order(Command.STOP_RECORD, 0, 1)
    bench.tick()
    bench.tick()
    (written,) = writer.files.values()
    assert said[:28].tobytes() in np.concatenate(written).tobytes()
    assert done(bench) == [(1, 160 * len(written), "stopped")]


def test_both_sides_are_aligned_frame_by_frame() -> None:
    bench, writer = recording(both=True)
    bench.sounds["a"] = np.full(16000, 5000, np.int16)
    bench.play(0, 1, "a")
    talk(bench, 30)
    (written,) = writer.files.values()
    stereo = np.concatenate(written)
    assert stereo.shape == (160 * len(written), 2)
    assert abs(int(np.median(stereo[:, 1])) - 5000) < 200
    assert len(written) == 30


def test_limits_end_a_recording() -> None:
    bench, _ = recording(most=400)
    talk(bench, 30)
    assert done(bench) == [(1, 3200, "max_duration")]
    bench, _ = recording(most_silent=1000)
    talk(bench, 60)
    for _ in range(60):
        bench.tick()
    ((_, samples, reason),) = done(bench)
    assert reason == "silence"
    assert 160 * 105 <= samples <= 160 * 118


def test_a_pause_is_left_out() -> None:
    bench, writer = recording(most=600)
    talk(bench, 10)
    bench.order(Command.PAUSE_RECORD, 0, 1)
    talk(bench, 50, 10)
    bench.order(Command.RESUME_RECORD, 0, 1)
    talk(bench, 30, 60)
    (written,) = writer.files.values()
    assert len(written) == 30
    assert done(bench) == [(1, 4800, "max_duration")]


def test_two_recordings_of_one_row_and_release_closes_both_before_the_statistics() -> None:
    bench, writer = recording()
    record(bench, 2, both=True)
    talk(bench, 10)
    bench.order(Command.RELEASE, 0)
    bench.tick()
    bench.tick()
    assert sorted(number for number, *_ in done(bench)) == [1, 2]
    kinds = [kind for kind, *_ in bench.told if kind in (Event.RECORD_DONE, Event.STATS)]
    assert kinds == [Event.RECORD_DONE, Event.RECORD_DONE, Event.STATS]
    assert len(writer.files) == 2


def test_a_disk_that_fails_ends_the_recording_and_not_the_call() -> None:
    bench, writer = recording()
    talk(bench, 5)
    writer.fail(bench.plane.recorder._running[0].file)
    bench.tick()
    assert done(bench) == [(1, 320, "failed")]
    assert [strings for kind, _, _, strings in bench.told if kind == Event.RECORD_DONE] == [
        [b"No space left on device"]
    ]
    assert bench.tick()
