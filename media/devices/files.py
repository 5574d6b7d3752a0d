"""Devices without hardware: WAV files in place of microphone and speaker, and silence."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from media.errors import MediaError

__all__ = ["MAX_SECONDS", "FileDevice", "SilentDevice"]

log = logging.getLogger("media.devices")

MAX_SECONDS: Final = 3600
"""Of a file that is played: it is held in memory, 115 MB at most."""
FLUSH_FRAMES: Final = 25
"""Frames that are written together: a crash loses half a second at most."""
Rate = Literal[8000, 16000]


class SilentDevice:
    """Says nothing and listens to nobody."""

    def __init__(self, rate: Rate = 8000) -> None:
        self.rate: int = rate
        self._frame = np.zeros(rate // 50, np.int16)

    def read(self) -> NDArray[np.int16]:
        """Silence."""
        return self._frame

    def write(self, frame: NDArray[np.int16]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""


class FileDevice:
    """Plays a sound file and writes what is heard into a WAV file, frame by frame: its clock is that of its reader."""

    def __init__(
        self,
        play: Path | None = None,
        record: Path | None = None,
        *,
        rate: Rate = 8000,
        at_end: Literal["silence", "loop"] = "silence",
        paused: bool = False,
        ended: Callable[[], None] | None = None,
    ) -> None:
        """``play``: any file that libsndfile reads; of several channels the mean is taken. ``record``: overwritten,
        16-bit mono at ``rate``. ``paused``: silence until :meth:`start`. ``ended`` is called once, in the thread that
        reads, when the file was played to its end for the first time.

        Raises MediaError for a file that cannot be read or written.
        """
        self.rate: int = rate
        self._loop = at_end == "loop"
        self._paused = paused
        self._ended = ended
        self._at = 0
        self._silence = np.zeros(rate // 50, np.int16)
        self._lock = threading.Lock()
        self._sound = np.zeros(0, np.int16) if play is None else _read(play, rate)
        if play is None:
            self._ended = None
        self._file = None if record is None else _Wav(record, rate)

    def start(self) -> None:
        """Begin to play."""
        self._paused = False

    def play(self, path: Path, ended: Callable[[], None] | None = None) -> None:
        """Play another file from its begin, in place of the one that plays. Raises MediaError."""
        sound = _read(path, self.rate)
        with self._lock:
            self._sound, self._at, self._ended, self._paused = sound, 0, ended, False

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms of the file; silence before its start and after its end."""
        ended = None
        with self._lock:
            if self._paused or not len(self._sound):
                return self._silence
            size = len(self._silence)
            frame = self._sound[self._at : self._at + size]
            self._at += size
            if self._at >= len(self._sound):
                ended, self._ended = self._ended, None
                if self._loop:
                    self._at = 0
                else:
                    self._sound = self._sound[:0]
            if len(frame) < size:
                frame = np.concatenate((frame, self._silence[len(frame) :]))
        if ended is not None:
            ended()
        return frame

    def write(self, frame: NDArray[np.int16]) -> None:
        """Append to the recording."""
        with self._lock:
            if self._file is not None and not self._file.append(frame):
                self._file = None

    def close(self) -> None:
        """Complete the recording."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()


class _Wav:
    """A mono WAV file that is whole at any time but for the last half second."""

    def __init__(self, path: Path, rate: int) -> None:
        self._path = path
        self._rate = rate
        self._waiting: list[bytes] = []
        self._octets = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise MediaError(f"{path} cannot be written: {error}") from error
        if not self._flush():
            raise MediaError(f"{path} cannot be written")

    def append(self, frame: NDArray[np.int16]) -> bool:
        """Add sound; False: it could not be written, and the file is closed."""
        self._waiting.append(frame.astype("<i2").tobytes())
        return len(self._waiting) < FLUSH_FRAMES or self._flush()

    def close(self) -> None:
        """Write what waits."""
        if self._flush():
            self._file.close()

    def _flush(self) -> bool:
        data = b"".join(self._waiting)
        self._waiting.clear()
        size = self._octets + len(data)
        fields = (36 + size, b"WAVE", b"fmt ", 16, 1, 1, self._rate, 2 * self._rate, 2, 16, b"data", size)
        try:
            self._file.seek(44 + self._octets)
            self._file.write(data)
            self._file.seek(0)
            self._file.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", *fields))
        except (OSError, struct.error) as error:  # the latter: beyond the 4 GiB that the format has room for
            log.warning("the recording into %s ends: %s", self._path, error)
            self._file.close()
            return False
        self._octets = size
        return True


def _read(path: Path, rate: int) -> NDArray[np.int16]:
    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.frames > MAX_SECONDS * file.samplerate:
                raise MediaError(f"{path} is longer than {MAX_SECONDS} s")
            samples = file.read(dtype="float32", always_2d=True).mean(axis=1)
            own = file.samplerate
    except (OSError, RuntimeError) as error:
        raise MediaError(f"{path} cannot be played: {error}") from error
    if own != rate:
        samples = soxr.resample(samples, own, rate)
    whole: NDArray[np.int16] = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return whole
