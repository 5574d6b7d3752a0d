"""µ-law (ITU-T G.711) and linear samples, and how loud a frame is: for what comes in other clothes, one call at a time.

The media plane does the same for all calls at once with NumPy; this is for the few bytes of one message.
"""

from __future__ import annotations

import array
import sys
from typing import Final

__all__ = ["linear_of_ulaw", "loud_samples", "samples_of_ulaw", "ulaw_of_linear", "ulaw_of_samples"]

_BIAS: Final = 0x84
_CLIP: Final = 32635
_LOUD: Final = 600
"""Of 32768: 35 dB below the loudest. Line noise is below it, a voice in a quiet room above."""


def ulaw_of_linear(sample: int) -> int:
    """The octet of one sample."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF


def linear_of_ulaw(octet: int) -> int:
    """The sample of one octet."""
    octet = ~octet & 0xFF
    magnitude = (((octet & 0x0F) << 3) + _BIAS) << ((octet & 0x70) >> 4)
    return _BIAS - magnitude if octet & 0x80 else magnitude - _BIAS


_LINEAR: Final = tuple(linear_of_ulaw(octet) for octet in range(256))
_QUIET_ULAW: Final = bytes(octet for octet in range(256) if abs(_LINEAR[octet]) < _LOUD)
_QUIET_HIGH: Final = bytes((high & 0xFF) for high in range(-(_LOUD >> 8) - 1, (_LOUD >> 8) + 1))
"""High octets of quiet samples."""


def _words(samples: bytes) -> array.array[int]:
    found = array.array("h")
    found.frombytes(samples[: len(samples) & ~1])
    if sys.byteorder == "big":
        found.byteswap()
    return found


def ulaw_of_samples(samples: bytes) -> bytes:
    """µ-law of signed 16-bit little-endian samples; half a sample at the end is left out."""
    return bytes(ulaw_of_linear(sample) for sample in _words(samples))


def samples_of_ulaw(payload: bytes) -> bytes:
    """Signed 16-bit little-endian samples of µ-law."""
    found = array.array("h", [_LINEAR[octet] for octet in payload])
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def loud_samples(payload: bytes, linear: bool) -> int:
    """How many samples of a frame are loud: µ-law, or little-endian samples where `linear`."""
    if linear:
        return len(payload[1::2].translate(None, _QUIET_HIGH))
    return len(payload.translate(None, _QUIET_ULAW))
