"""The thread of a media worker that writes all its recordings.

The tick hands over one array of samples for all rows it records; the thread collects 320 ms for each file, writes them
and then the header, so that the file is readable at any moment and a killed process loses less than half a second.
Nothing here raises into the tick: a disk that is full or slow, a missing folder, a permission that is not there arrive
as a :class:`RecordingResult`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from media.recording.formats import Format, encode, frame_bytes, header

__all__ = ["FRAME", "Recording", "RecordingResult", "RecordingWriter"]

FRAME: Final = 160
"""Samples per row and channel of each hand-over: 20 ms."""

_FRAMES_PER_WRITE: Final = 16  # 320 ms: with what waits in the queue less than the half second that a crash may cost
_MAX_WAITING: Final = 150  # hand-overs, 3 s of a disk that stands still; beyond it sound is left out, not memory eaten
_MODE: Final = 0o640  # recordings are personal data: nobody beside the owner and the group reads them
_FULL_SCALE: Final = 32767.0 * 10 ** (-3.14 / 20)  # peak of a sine of 0 dBm0 (G.711)


@dataclass(eq=False, slots=True)
class Recording:
    """A recording that was asked for. The fields below ``channels`` belong to the thread."""

    path: Path
    """Its file."""
    format: Format
    """How its samples are kept."""
    channels: int
    """1, or 2 with the channels interleaved."""
    slot: int
    """Where :meth:`RecordingWriter.append` finds it; free for another after :meth:`RecordingWriter.stop`."""
    _descriptor: int = -1
    _samples: int = 0
    _energy: float = 0.0
    _peak: int = 0
    _paused: bool = False
    _reported: bool = False


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """A recording is over; each has exactly one result."""

    recording: Recording
    """Which."""
    reason: Literal["stopped", "failed"]
    """``failed``: the file holds what could be written until then, or could not be opened at all."""
    samples: int
    """Samples per channel in the file."""
    peak: int
    """Largest magnitude of a sample, 0 to 32768."""
    level: float | None
    """Mean level in dBm0; None of silence."""
    lost: int
    """Samples per channel left out because the disk did not keep up."""
    error: str = ""
    """What failed, in the words of the system."""


@dataclass(slots=True)
class _Bank:
    """All recordings with the same number of channels: what waits to be written, a row for each slot."""

    channels: int
    waiting: NDArray[np.int16] = field(init=False)
    filled: NDArray[np.intp] = field(init=False)
    recordings: list[Recording | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = np.zeros((0, _FRAMES_PER_WRITE, FRAME * self.channels), np.int16)
        self.filled = np.zeros(0, np.intp)

    def take(self, recording: Recording) -> None:
        slot = recording.slot
        if slot >= len(self.filled):
            more = max(slot + 1, 2 * len(self.filled), 8) - len(self.filled)
            self.waiting = np.concatenate((self.waiting, np.zeros((more, *self.waiting.shape[1:]), np.int16)))
            self.filled = np.concatenate((self.filled, np.zeros(more, np.intp)))
            self.recordings.extend([None] * more)
        self.recordings[slot] = recording
        self.filled[slot] = 0


class RecordingWriter:
    """All recordings of one media worker. Its methods are for one thread, return at once and raise no OSError."""

    def __init__(self, max_waiting: int = _MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._results: SimpleQueue[RecordingResult] = SimpleQueue()
        self._banks = {channels: _Bank(channels) for channels in (1, 2)}
        self._free: dict[int, list[int]] = {1: [], 2: []}
        self._used = {1: 0, 2: 0}
        self._lost = {channels: np.zeros(0, np.int64) for channels in (1, 2)}
        self._given = 0  # frames handed over, written by the tick alone
        self._taken = 0  # frames taken, written by the thread alone
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits, stop every recording and end the thread; False if that takes longer than ``timeout`` s."""
        self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def open(self, path: Path, kind: Format = Format.WAV, channels: int = 1) -> Recording:
        """Begin a recording, over whatever ``path`` was before; ``channels`` is 1 or 2."""
        free = self._free[channels]
        if free:
            slot = free.pop()
        else:
            slot = self._used[channels]
            self._used[channels] += 1
            self._lost[channels] = np.append(self._lost[channels], 0)
        self._lost[channels][slot] = 0
        recording = Recording(path, kind, channels, slot)
        self._jobs.put(lambda: self._open(recording))
        return recording

    def append(self, slots: NDArray[np.intp], samples: NDArray[np.int16]) -> bool:
        """Add one frame to each of the recordings at ``slots``, all different and with the same number of channels.

        ``samples`` is (n, 160) for one channel, (n, 160, 2) or (n, 320) interleaved for two. Both arrays belong to the
        writer from here on. False: the disk does not keep up, and the frame is left out.
        """
        flat = samples.reshape(len(slots), -1)
        channels = flat.shape[1] // FRAME
        if self._given - self._taken >= self._max_waiting:
            self._lost[channels][slots] += FRAME
            return False
        self._given += 1
        self._jobs.put(lambda: self._append(channels, slots, flat))
        return True

    def pause(self, recording: Recording) -> None:
        """Leave out what is appended from here on; what was before is written at once."""
        self._jobs.put(lambda: self._pause(recording, True))

    def resume(self, recording: Recording) -> None:
        """Go on after :meth:`pause`."""
        self._jobs.put(lambda: self._pause(recording, False))

    def stop(self, recording: Recording) -> None:
        """Complete the file. To be called once for every recording, one that failed included; its slot is free then."""
        lost = int(self._lost[recording.channels][recording.slot])
        self._free[recording.channels].append(recording.slot)
        self._jobs.put(lambda: self._stop(recording, lost))

    def results(self) -> list[RecordingResult]:
        """Recordings that are over since the last call."""
        return [self._results.get_nowait() for _ in range(self._results.qsize())]

    # Below: the thread.

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        for bank in self._banks.values():
            for recording in bank.recordings:
                if recording is not None:
                    self._stop(recording, int(self._lost[recording.channels][recording.slot]))

    def _open(self, recording: Recording) -> None:
        self._banks[recording.channels].take(recording)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            recording._descriptor = os.open(recording.path, flags, _MODE)
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            self._fail(recording, error)
            return
        _, failure = _write(recording._descriptor, header(recording.format, recording.channels, 0), 0)
        if failure:
            self._fail(recording, failure)

    def _append(self, channels: int, slots: NDArray[np.intp], samples: NDArray[np.int16]) -> None:
        self._taken += 1
        bank = self._banks[channels]
        filled = bank.filled[slots]
        bank.waiting[slots, filled] = samples
        filled += 1
        bank.filled[slots] = filled
        for slot in slots[filled == _FRAMES_PER_WRITE]:
            self._flush(bank, int(slot))

    def _flush(self, bank: _Bank, slot: int) -> None:
        """Write what waits for one recording, then the header that counts it."""
        recording = bank.recordings[slot]
        frames = int(bank.filled[slot])
        bank.filled[slot] = 0
        if recording is None or recording._descriptor < 0 or recording._paused or not frames:
            return
        samples = bank.waiting[slot, :frames].reshape(-1)
        size = frame_bytes(recording.format, recording.channels)
        front = len(header(recording.format, recording.channels, 0))
        data = encode(recording.format, samples)
        written, failure = _write(recording._descriptor, data, front + recording._samples * size)
        recording._samples += written // size
        heard = samples[: written // size * recording.channels].astype(np.float32)
        if heard.size:
            recording._energy += float(np.dot(heard, heard))
            recording._peak = max(recording._peak, int(np.abs(heard).max()))
        _, no_header = _write(
            recording._descriptor, header(recording.format, recording.channels, recording._samples), 0
        )
        if failure or no_header:
            self._fail(recording, failure or no_header)

    def _pause(self, recording: Recording, paused: bool) -> None:
        bank = self._banks[recording.channels]
        if bank.recordings[recording.slot] is recording:
            self._flush(bank, recording.slot)
            recording._paused = paused

    def _stop(self, recording: Recording, lost: int) -> None:
        bank = self._banks[recording.channels]
        if bank.recordings[recording.slot] is not recording:
            return
        self._flush(bank, recording.slot)
        bank.recordings[recording.slot] = None
        self._finish(recording, "stopped", lost, "")

    def _fail(self, recording: Recording, error: Exception | None) -> None:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._finish(recording, "failed", 0, text)

    def _finish(self, recording: Recording, reason: Literal["stopped", "failed"], lost: int, error: str) -> None:
        if recording._descriptor >= 0:
            front = len(header(recording.format, recording.channels, 0))
            size = frame_bytes(recording.format, recording.channels)
            try:
                os.ftruncate(recording._descriptor, front + recording._samples * size)
                os.close(recording._descriptor)
            except OSError as failure:  # a network file system reports a lost write only here
                if reason == "stopped":
                    reason, error = "failed", failure.strerror or str(failure)
            recording._descriptor = -1
        if recording._reported:
            return
        recording._reported = True
        count = recording._samples * recording.channels
        level = None
        if recording._energy:
            level = float(10 * np.log10(recording._energy / count / (_FULL_SCALE**2 / 2)))
        self._results.put(RecordingResult(recording, reason, recording._samples, recording._peak, level, lost, error))


def _write(descriptor: int, data: bytes, offset: int) -> tuple[int, OSError | None]:
    """Write ``data`` at ``offset``: how much of it, and why not all."""
    done = 0
    try:
        while done < len(data):
            done += os.pwrite(descriptor, data[done:], offset + done)
    except OSError as error:
        return done, error
    return done, None
