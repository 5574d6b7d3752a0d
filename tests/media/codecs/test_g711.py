"""G.711 tables against the recommendation's value tables and an independent codec."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from media.codecs import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop", reason="audioop left the standard library with Python 3.13")

EVERY = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
OCTETS = np.arange(256, dtype=np.uint8)


def ulaw_levels() -> list[int]:
    """Positive µ-law outputs as G.711 table 2a counts them: 8 segments of 16 steps, the step doubling; 14-bit scale."""
    levels, value, step = [0], 0, 2
    for segment in range(8):
        for index in range(16):
            if segment == 0 and index == 0:
                continue
            value += step if index else (step // 2 + step) // 2
            levels.append(value)
        step *= 2
    return [level * 4 for level in levels]


def alaw_levels() -> list[int]:
    """Positive A-law outputs of G.711 table 1a: segments 0 and 1 share one step; 13-bit scale at 16 bits."""
    levels, edge, step = [], 0, 16
    for segment in range(8):
        if segment > 1:
            step *= 2
        for _ in range(16):
            levels.append(edge + step // 2)
            edge += step
    return levels


def test_decoding_gives_the_tables_of_the_recommendation() -> None:
    assert list(g711.ULAW_DECODE[255 - np.arange(128)]) == ulaw_levels()
    assert list(g711.ULAW_DECODE[127 - np.arange(128)]) == [-level for level in ulaw_levels()]
    assert list(g711.ALAW_DECODE[(np.arange(128) | 0x80) ^ 0x55]) == alaw_levels()
    assert list(g711.ALAW_DECODE[np.arange(128) ^ 0x55]) == [-level for level in alaw_levels()]


def test_decoding_equals_an_independent_codec() -> None:
    assert g711.ULAW_DECODE.tobytes() == audioop.ulaw2lin(OCTETS.tobytes(), 2)
    assert g711.ALAW_DECODE.tobytes() == audioop.alaw2lin(OCTETS.tobytes(), 2)


def test_encoding_equals_an_independent_codec() -> None:
    assert g711.ALAW_ENCODE[EVERY.view(np.uint16)].tobytes() == audioop.lin2alaw(EVERY.tobytes(), 2)
    positive = EVERY[EVERY >= 0]
    assert g711.ULAW_ENCODE[positive.view(np.uint16)].tobytes() == audioop.lin2ulaw(positive.tobytes(), 2)


def test_mulaw_treats_both_signs_alike() -> None:
    positive = EVERY[EVERY >= 0]
    mirrored = ~positive
    code = g711.ULAW_ENCODE[positive.view(np.uint16)]
    assert np.array_equal(g711.ULAW_ENCODE[mirrored.view(np.uint16)], code & 0x7F)


@pytest.mark.parametrize(
    ("decode", "encode", "exception"),
    [(g711.ULAW_DECODE, g711.ULAW_ENCODE, {0x7F: 0xFF}), (g711.ALAW_DECODE, g711.ALAW_ENCODE, {})],
)
def test_encoding_a_decoded_octet_returns_it(decode: np.ndarray, encode: np.ndarray, exception: dict[int, int]) -> None:
    again = encode[decode.view(np.uint16)]
    assert {int(o): int(a) for o, a in zip(OCTETS, again, strict=True) if o != a} == exception


@pytest.mark.parametrize("name", ["ULAW", "ALAW"])
def test_coding_keeps_the_order_of_samples_and_stays_within_a_step(name: str) -> None:
    decode, encode = getattr(g711, f"{name}_DECODE"), getattr(g711, f"{name}_ENCODE")
    output = decode[encode[EVERY.view(np.uint16)]].astype(int)
    assert (np.diff(output) >= 0).all()
    error = np.abs(EVERY.astype(int) - output)
    in_range = np.abs(EVERY.astype(int)) < 32124
    assert (error <= (np.abs(output) + 264) / 31)[in_range].all()  # half a step; 264: the smallest segments


def test_silence_octets_are_zero_or_next_to_it() -> None:
    assert g711.ULAW_ENCODE[0] == g711.ULAW_SILENCE
    assert g711.ALAW_ENCODE[0] == g711.ALAW_SILENCE


def test_transcoding_goes_through_the_linear_sample() -> None:
    assert np.array_equal(g711.ULAW_TO_ALAW, g711.ALAW_ENCODE[g711.ULAW_DECODE.view(np.uint16)])
    assert np.array_equal(g711.ALAW_TO_ULAW, g711.ULAW_ENCODE[g711.ALAW_DECODE.view(np.uint16)])


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        g711.ULAW_DECODE[0] = 1
