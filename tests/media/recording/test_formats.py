"""Headers and coding of recordings, read back by a program that is not ours."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE
from media.recording.formats import Format, encode, frame_bytes, header

RAMP = np.arange(-16000, 16000, 100, dtype=np.int16)


@pytest.mark.parametrize("kind", [Format.WAV, Format.WAV_ULAW])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_reader_gets_the_samples_back(kind: Format, channels: int) -> None:
    samples = len(RAMP) // channels
    file = io.BytesIO(header(kind, channels, samples) + encode(kind, RAMP))
    data, rate = soundfile.read(file, dtype="int16", always_2d=True)
    assert rate == 8000
    assert data.shape == (samples, channels)
    expected = RAMP if kind is Format.WAV else ULAW_DECODE[ULAW_ENCODE[RAMP.view(np.uint16)]]
    assert np.array_equal(data.reshape(-1), expected)


def test_mulaw_without_header_is_only_octets() -> None:
    assert header(Format.ULAW, 1, 1000) == b""
    assert encode(Format.ULAW, np.array([0, -1, 32767], np.int16)) == bytes([0xFF, 0x7F, 0x80])


@pytest.mark.parametrize("kind", list(Format))
def test_the_header_has_one_length(kind: Format) -> None:
    assert len({len(header(kind, 2, samples)) for samples in (0, 1, 10**6, 10**12)}) == 1


def test_sizes_beyond_32_bits_are_the_largest_that_fit() -> None:
    assert struct.unpack("<I", header(Format.WAV, 1, 2**40)[-4:]) == (0xFFFFFFFF,)


def test_frame_bytes() -> None:
    assert (frame_bytes(Format.WAV, 2), frame_bytes(Format.ULAW, 1), frame_bytes(Format.WAV_ULAW, 2)) == (4, 1, 2)
