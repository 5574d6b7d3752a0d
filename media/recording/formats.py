"""File formats of recordings: headers that can be rewritten in place as the file grows, and the coding of samples.

WAV as in Microsoft's Multimedia Programming Interface 1.0 (RIFF); µ-law in it needs a ``fact`` chunk with the number
of samples.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import ULAW_ENCODE

__all__ = ["RATE", "Format", "encode", "frame_bytes", "header"]

RATE: Final = 8000
"""Samples per second and channel of every recording."""

_PCM: Final = 1
_MULAW: Final = 7
_MAX_SIZE: Final = 0xFFFFFFFF  # a RIFF size has 32 bits; readers take the end of the file where the size is not enough


class Format(Enum):
    """How the samples of a recording are kept."""

    WAV = "wav"
    """16-bit linear samples in a WAV file."""
    WAV_ULAW = "wav_ulaw"
    """µ-law octets in a WAV file."""
    ULAW = "ulaw"
    """µ-law octets and nothing else."""


def frame_bytes(kind: Format, channels: int) -> int:
    """Octets of one sample of all channels."""
    return channels * (2 if kind is Format.WAV else 1)


def header(kind: Format, channels: int, samples: int) -> bytes:
    """What stands before ``samples`` samples per channel; always of the same length for one format."""
    if kind is Format.ULAW:
        return b""
    block = frame_bytes(kind, channels)
    code, bits = (_PCM, 16) if kind is Format.WAV else (_MULAW, 8)
    chunk = struct.pack("<HHIIHH", code, channels, RATE, RATE * block, block, bits)
    if kind is Format.WAV_ULAW:
        chunk += struct.pack("<H4sII", 0, b"fact", 4, min(samples, _MAX_SIZE))
    size = 18 if kind is Format.WAV_ULAW else 16
    data = samples * block
    body = b"WAVEfmt " + struct.pack("<I", size) + chunk + b"data" + struct.pack("<I", min(data, _MAX_SIZE))
    return b"RIFF" + struct.pack("<I", min(len(body) + data, _MAX_SIZE)) + body


def encode(kind: Format, samples: NDArray[np.int16]) -> bytes:
    """Octets of int16 ``samples`` (channels interleaved)."""
    if kind is Format.WAV:
        return samples.astype("<i2", copy=False).tobytes()
    return ULAW_ENCODE[samples.view(np.uint16)].tobytes()
