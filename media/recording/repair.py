"""Files of recordings that nobody completed: the process, or the machine, died."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from media.recording.formats import RATE, Format, frame_bytes, header

__all__ = ["complete_recording"]

_FRONT: Final = len(header(Format.WAV, 1, 0))
_CHANNELS_AT: Final = 22  # in the header of a WAV file


def complete_recording(path: Path) -> float:
    """Make the header of a recording say what the file holds, and cut off half a sample: its seconds. Blocks.

    What the disk did not keep of the header is written anew, as far as it can be told from the rest; in doubt the file
    has one channel. OSError where there is no such file, or it cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        if path.suffix == ".ulaw":
            return size / RATE
        front = os.pread(descriptor, _FRONT, 0).ljust(_FRONT, b"\0")
        channels = 2 if struct.unpack_from("<H", front, _CHANNELS_AT) == (2,) else 1
        block = frame_bytes(Format.WAV, channels)
        samples = max(0, size - _FRONT) // block
        wanted = header(Format.WAV, channels, samples)
        if wanted != front or size != _FRONT + samples * block:
            os.pwrite(descriptor, wanted, 0)
            os.ftruncate(descriptor, _FRONT + samples * block)
        return samples / RATE
    finally:
        os.close(descriptor)
