"""Containers of sound: which have no header, and whether a file holds as much as its header promises.

libsndfile plays what is there and stays silent about the rest.

RIFF WAVE: Microsoft's Multimedia Programming Interface 1.0; RF64: EBU Tech 3306; Ogg pages: RFC 3533 section 6.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["HEADERLESS", "headerless_kind", "truncation"]

HEADERLESS = {
    ".ulaw": "ulaw",
    ".ul": "ulaw",
    ".pcmu": "ulaw",
    ".alaw": "alaw",
    ".al": "alaw",
    ".pcma": "alaw",
    ".raw": "s16le",
    ".sln": "s16le",
}
"""File name ending -> kind of headerless sound; all of them mono at 8 kHz."""

STREAM_LENGTH = 0x7FFF_0000
"""From here on a length stands for "not known": programs that write WAV into a pipe put such values."""
MAX_CHUNKS = 1000
"""Before the sound; files have about five."""
OGG_TAIL = 65536 + 282
"""Bytes: an Ogg page is at most 65,307 long, so the last one begins within."""
OGG_END_OF_STREAM = 4


def headerless_kind(name: str) -> str | None:
    """ulaw, alaw or s16le by a file name's ending; None when the file has a header to be read."""
    return HEADERLESS.get(Path(name).suffix.lower())


def truncation(path: Path) -> str | None:
    """What is missing, as a sentence; None when the file holds what it promises, or is of another kind."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
            return _wave(file, os.fstat(file.fileno()).st_size, "big" if head[:4] == b"RIFX" else "little")
        if head[:4] in (b"RIFF", b"RIFX") and len(head) < 12:
            return "cut off inside the RIFF header"
        if head[:4] == b"OggS":
            return _ogg(file)
    return None


def _wave(file: BinaryIO, size: int, order: str) -> str | None:
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return "a WAV file without a data chunk"
        length = int.from_bytes(header[4:], "big" if order == "big" else "little")
        if header[:4] == b"data":
            there = size - position - 8
            if length < STREAM_LENGTH and there < length:
                return f"cut off: {there} bytes of sound (expected {length} by its header)"
            return None
        position += 8 + length + length % 2
    return f"a WAV file with more than {MAX_CHUNKS} chunks before the sound"


def _ogg(file: BinaryIO) -> str | None:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - OGG_TAIL))
    tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0 or len(tail) < last + 27:
        return "cut off inside an Ogg page"
    segments = tail[last + 26]
    body = sum(tail[last + 27 : last + 27 + segments])
    if len(tail) < last + 27 + segments + body or not tail[last + 5] & OGG_END_OF_STREAM:
        return "cut off: an Ogg file without its last page"
    return None
