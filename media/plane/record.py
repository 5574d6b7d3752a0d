"""Recordings of rows: which frames go to which file, and when a recording is over.

The writer's thread owns the files; this side hands it one array per tick and kind. Both sides of a recording are the
frames of the same tick, so they stay aligned whatever the network does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.plane import laws
from media.plane.limits import FRAME
from media.plane.rows import Rows
from media.recording import Format, Recording, RecordingWriter

__all__ = ["Closed", "Recorder"]

SPEECH_POWER: Final = np.float32(130.0**2)
"""Mean square above which the caller says something: -42 dBm0, above a room's noise, below a low voice."""
NO_LIMIT: Final = np.iinfo(np.int64).max

_STOPPED: Final = 0
_MAX_DURATION: Final = 1
_SILENCE: Final = 2
_FAILED: Final = 3


class Closed(NamedTuple):
    """A recording is over and its file complete."""

    row: int
    generation: int
    number: int
    """The caller's number of the recording."""
    samples: int
    """Length of the file."""
    reason: int
    """Index into ``RECORD_REASONS``."""
    error: str


@dataclass(slots=True, eq=False)
class _Running:
    row: int
    generation: int
    number: int
    file: Recording
    most: int
    """Ticks; NO_LIMIT: none."""
    most_silent: int
    reason: int = _STOPPED
    paused: bool = False
    ticks: int = 0
    silent: int = 0


class Recorder:
    """All recordings of a worker."""

    def __init__(self, rows: Rows, writer: RecordingWriter) -> None:
        self._rows = rows
        self._writer = writer
        self._running: list[_Running] = []
        self._closing: dict[int, _Running] = {}
        self.recorded: NDArray[np.bool_] = np.zeros(rows.capacity, np.bool_)
        """Rows of which something is recorded."""
        self._heard: NDArray[np.uint8] = np.zeros((rows.capacity, FRAME), np.uint8)

    def start(
        self, row: int, number: int, path: str, *, both: bool, ulaw: bool, most: int | None, most_silent: int | None
    ) -> None:
        """Record ``row`` into ``path``; limits in ticks."""
        form = Format.ULAW if ulaw else Format.WAV
        file = self._writer.open(Path(path), form, 2 if both else 1)
        self._running.append(
            _Running(row, int(self._rows.generation[row]), number, file, most or NO_LIMIT, most_silent or NO_LIMIT)
        )
        self._heard[row] = laws.SILENCE[self._rows.law[row]]
        self._arrange()

    def _find(self, row: int, number: int) -> _Running | None:
        return next((r for r in self._running if r.row == row and r.number == number), None)

    def stop(self, row: int, number: int) -> None:
        """Close recording ``number`` of ``row``."""
        running = self._find(row, number)
        if running is not None:
            self._close(running, _STOPPED)

    def pause(self, row: int, number: int, paused: bool) -> None:
        """Leave out what comes from now on, or go on."""
        running = self._find(row, number)
        if running is not None and running.paused != paused:
            running.paused = paused
            (self._writer.pause if paused else self._writer.resume)(running.file)

    def release(self, row: int) -> None:
        """Close all recordings of ``row``."""
        for running in [r for r in self._running if r.row == row]:
            self._close(running, _STOPPED)

    def busy(self, row: int) -> bool:
        """Whether a recording of ``row`` is not yet closed."""
        return any(r.row == row for r in self._running) or any(r.row == row for r in self._closing.values())

    def _close(self, running: _Running, reason: int) -> None:
        running.reason = reason
        self._running.remove(running)
        self._closing[id(running.file)] = running
        self._writer.stop(running.file)
        self._arrange()

    def _arrange(self) -> None:
        self.recorded[:] = False
        for running in self._running:
            self.recorded[running.row] = True

    def closed(self) -> list[Closed]:
        """Recordings whose files were completed, or failed, since the last call."""
        found = []
        for result in self._writer.results():
            running = self._closing.pop(id(result.recording), None)
            if running is None:
                running = next((r for r in self._running if r.file is result.recording), None)
                if running is None:
                    continue
                self._running.remove(running)
                self._writer.stop(running.file)
                self._arrange()
            reason = _FAILED if result.reason == "failed" else running.reason
            found.append(Closed(running.row, running.generation, running.number, result.samples, reason, result.error))
        return found

    def hear(self, index: NDArray[np.intp], payload: NDArray[np.uint8]) -> None:
        """What the rows of ``index`` said in this tick, (n, 160) octets of their laws."""
        if self._running:
            chosen = self.recorded[index]
            self._heard[index[chosen]] = payload[chosen]

    def write(self, packets: NDArray[np.uint8], lengths: NDArray[np.int32], position: NDArray[np.int32]) -> None:
        """End of the tick: ``packets`` (n, 172) were built for the rows at ``position``; hand all to the writer."""
        if not self._running:
            return
        mono = [r for r in self._running if r.file.channels == 1]
        both = [r for r in self._running if r.file.channels == 2]
        if mono:
            samples = self._caller(mono)
            self._writer.append(np.array([r.file.slot for r in mono], np.intp), samples)
            self._judge(mono, samples)
        if both:
            samples = np.stack((self._caller(both), self._ours(both, packets, lengths, position)), axis=2)
            self._writer.append(np.array([r.file.slot for r in both], np.intp), samples)
            self._judge(both, samples[:, :, 0])

    def _caller(self, running: list[_Running]) -> NDArray[np.int16]:
        index = np.array([r.row for r in running], np.intp)
        return laws.decode(self._heard[index], self._rows.law[index])

    def _ours(
        self,
        running: list[_Running],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        position: NDArray[np.int32],
    ) -> NDArray[np.int16]:
        index = np.array([r.row for r in running], np.intp)
        places = position[index]
        samples = laws.decode(packets[places, -FRAME:], self._rows.law[index])
        unheard = (places < 0) | ~self._rows.sending[index] | (lengths[places] < packets.shape[1])
        samples[unheard] = 0
        return samples

    def _judge(self, running: list[_Running], caller: NDArray[np.int16]) -> None:
        loud = np.einsum("ij,ij->i", caller, caller, dtype=np.float32) > SPEECH_POWER * FRAME
        for r, spoke in zip(running, loud.tolist(), strict=True):
            if r.paused:
                continue
            r.ticks += 1
            r.silent = 0 if spoke else r.silent + 1
            if r.ticks >= r.most:
                self._close(r, _MAX_DURATION)
            elif r.silent >= r.most_silent:
                self._close(r, _SILENCE)
