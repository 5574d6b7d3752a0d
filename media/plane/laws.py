"""G.711 over rows of both laws: decode, encode, translate."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import (
    ALAW_DECODE,
    ALAW_ENCODE,
    ALAW_SILENCE,
    ALAW_TO_ULAW,
    ULAW_DECODE,
    ULAW_ENCODE,
    ULAW_SILENCE,
    ULAW_TO_ALAW,
)

__all__ = ["SILENCE", "decode", "decode_float", "encode", "translate"]

SILENCE: Final[NDArray[np.uint8]] = np.array([ULAW_SILENCE, ALAW_SILENCE], np.uint8)
"""Octet of silence by law."""

_DECODE: Final = (ULAW_DECODE, ALAW_DECODE)
_ENCODE: Final = (ULAW_ENCODE, ALAW_ENCODE)


_FLOAT: Final = (ULAW_DECODE.astype(np.float32), ALAW_DECODE.astype(np.float32))


def decode_float(payload: NDArray[np.uint8], laws: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 160) octets of rows of ``laws`` to (n, 160) float32 at 16-bit scale."""
    if not laws.any():
        return np.take(_FLOAT[0], payload, mode="clip")
    samples = np.empty(payload.shape, np.float32)
    for law, table in enumerate(_FLOAT):
        chosen = np.flatnonzero(laws == law)
        samples[chosen] = np.take(table, payload[chosen], mode="clip")
    return samples


def decode(payload: NDArray[np.uint8], laws: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(n, 160) octets of rows of ``laws`` to (n, 160) int16."""
    samples = np.empty(payload.shape, np.int16)
    for law, table in enumerate(_DECODE):
        chosen = laws == law
        samples[chosen] = np.take(table, payload[chosen], mode="clip")
    return samples


def encode(samples: NDArray[np.int16], laws: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, 160) int16 to octets of each row's law."""
    payload = np.empty(samples.shape, np.uint8)
    for law, table in enumerate(_ENCODE):
        chosen = laws == law
        payload[chosen] = table[samples[chosen].view(np.uint16)]
    return payload


def translate(payload: NDArray[np.uint8], laws: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> None:
    """Turn the rows of ``payload`` (n, 160), of ``laws``, into those of ``wanted``, in place."""
    for law, table in enumerate((ALAW_TO_ULAW, ULAW_TO_ALAW)):
        chosen = np.flatnonzero((wanted == law) & (laws != law))
        if chosen.size:
            payload[chosen] = table[payload[chosen]]
