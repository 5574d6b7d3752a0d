"""ITU-T G.711 companding as lookup tables, so that a whole tick of calls is one NumPy gather.

Linear samples are int16 at 16-bit scale (µ-law 14 bits and A-law 13 bits, left-aligned), as everywhere in the
plane. The encoders follow the reference coder of ITU-T G.191 (STL): a negative sample is folded by one's
complement, so that both signs have the same decision values. Encoding a decoded octet returns that octet, but
for µ-law 0x7F (negative zero), which becomes 0xFF.

Usage: ``ULAW_DECODE[octets]`` and ``ULAW_ENCODE[samples.view(np.uint16)]``.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALAW_DECODE",
    "ALAW_ENCODE",
    "ALAW_SILENCE",
    "ALAW_TO_ULAW",
    "ULAW_DECODE",
    "ULAW_ENCODE",
    "ULAW_SILENCE",
    "ULAW_TO_ALAW",
]

ULAW_SILENCE = 0xFF
"""The µ-law octet of a zero sample."""

ALAW_SILENCE = 0xD5
"""The A-law octet of the smallest positive sample: A-law has no zero."""

_T = TypeVar("_T", bound=np.generic)

_ULAW_BIAS = 33  # G.711 table 2: the offset that makes every µ-law segment a power of two (14-bit scale)
_ULAW_CLIP = 0x1FFF  # the largest biased 14-bit magnitude
_ALAW_EVEN_BITS = 0x55  # G.711 section 3.2: A-law octets are sent with their even bits inverted


def _segment(magnitude: NDArray[np.int32], lowest: int) -> NDArray[np.int32]:
    """Number of the highest set bit of each magnitude, less ``lowest``, not below zero."""
    bits: NDArray[np.int32] = np.frexp(magnitude.astype(np.float64))[1].astype(np.int32) - 1
    return np.maximum(bits - lowest, 0)


def _ulaw_decode() -> NDArray[np.int16]:
    octet = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    magnitude = ((((mantissa << 1) + _ULAW_BIAS) << exponent) - _ULAW_BIAS) << 2
    return np.where(octet & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode() -> NDArray[np.int16]:
    octet = np.arange(256, dtype=np.int32) ^ _ALAW_EVEN_BITS
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, linear, (linear + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(octet & 0x80, magnitude, -magnitude).astype(np.int16)


def _every_sample() -> NDArray[np.int32]:
    """All int16 values in the order of their bits read as uint16."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _ulaw_encode() -> NDArray[np.uint8]:
    sample = _every_sample()
    magnitude = np.minimum((np.where(sample < 0, ~sample, sample) >> 2) + _ULAW_BIAS, _ULAW_CLIP)
    exponent = _segment(magnitude, 5)
    code = (exponent << 4) | ((magnitude >> (exponent + 1)) & 15)
    octet: NDArray[np.uint8] = (~(code | np.where(sample < 0, 0x80, 0)) & 0xFF).astype(np.uint8)
    return octet


def _alaw_encode() -> NDArray[np.uint8]:
    sample = _every_sample()
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    exponent = np.where(magnitude > 15, _segment(magnitude, 3), 0)
    mantissa = (magnitude >> np.maximum(exponent - 1, 0)) & 15
    code = (exponent << 4) | mantissa | np.where(sample < 0, 0, 0x80)
    octet: NDArray[np.uint8] = (code ^ _ALAW_EVEN_BITS).astype(np.uint8)
    return octet


def _constant(table: NDArray[_T]) -> NDArray[_T]:
    table.flags.writeable = False
    return table


ULAW_DECODE: NDArray[np.int16] = _constant(_ulaw_decode())
"""(256,) int16: µ-law octet to linear sample."""

ALAW_DECODE: NDArray[np.int16] = _constant(_alaw_decode())
"""(256,) int16: A-law octet to linear sample."""

ULAW_ENCODE: NDArray[np.uint8] = _constant(_ulaw_encode())
"""(65536,) uint8: int16 sample viewed as uint16 to µ-law octet."""

ALAW_ENCODE: NDArray[np.uint8] = _constant(_alaw_encode())
"""(65536,) uint8: int16 sample viewed as uint16 to A-law octet."""

ULAW_TO_ALAW: NDArray[np.uint8] = _constant(ALAW_ENCODE[ULAW_DECODE.view(np.uint16)])
"""(256,) uint8: µ-law octet to the A-law octet of the same sample."""

ALAW_TO_ULAW: NDArray[np.uint8] = _constant(ULAW_ENCODE[ALAW_DECODE.view(np.uint16)])
"""(256,) uint8: A-law octet to the µ-law octet of the same sample."""
