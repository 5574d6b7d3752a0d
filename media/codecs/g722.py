"""ITU-T G.722 at 64 kbit/s: 16 kHz sound in 8,000 octets a second, one octet for two samples.

The RTP clock of G.722 runs at 8,000 Hz although the sound has 16,000 (RFC 3551 section 4.5.2), so that a packet of
20 ms has 160 octets and moves the timestamp on by 160, as one of G.711 does. The coder adapts to the signal: encoder
and decoder of a stream are objects with a memory.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from G722 import G722
from numpy.typing import NDArray

__all__ = ["RATE", "G722Decoder", "G722Encoder"]

RATE: Final = 16000
"""Samples per second of what goes in and comes out."""

_BITRATE: Final = 64000


class G722Encoder:
    """Encoder of one stream."""

    def __init__(self) -> None:
        self._coder: Any = G722(RATE, _BITRATE)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """Octets of an even number of ``samples`` at 16 kHz, half as many."""
        octets: bytes = self._coder.encode(samples)
        return octets


class G722Decoder:
    """Decoder of one stream."""

    def __init__(self) -> None:
        self._coder: Any = G722(RATE, _BITRATE)

    def decode(self, octets: bytes) -> NDArray[np.int16]:
        """Samples at 16 kHz, two for each octet."""
        return np.frombuffer(self._coder.decode(octets), np.int16)
