"""Sizes and limits of the plane, each with its reason."""

from __future__ import annotations

from typing import Final

RATE: Final = 8000
"""Samples per second of everything here."""
FRAME: Final = 160
"""Samples, and G.711 octets, of one tick: 20 ms."""
TICK: Final = 0.020
"""Seconds between ticks."""
SECOND_HALF: Final = 0.012
"""Seconds after a tick at which the next one is built at the earliest: late enough that an answer to a digit read at
the tick makes it into the next packet, early enough that building 2,000 calls ends before that packet is due. Packets
that are owed 10 ms after a tick go then."""
TICKS_PER_SECOND: Final = 50

HEADER: Final = 12
"""Octets of the fixed RTP header (RFC 3550 section 5.1)."""
PACKET: Final = HEADER + FRAME
"""Octets of a packet that we send."""
MAX_PAYLOAD: Final = 480
"""Octets of sound taken from one packet: 60 ms. Nobody agreed to more."""

RING: Final = 16
"""Frames of a row's jitter buffer (a power of two): 320 ms, past which sound is too late to talk over."""
RING_SAMPLES: Final = RING * FRAME

NO_TYPE: Final = 255
"""No payload type agreed: no packet has it."""

LAW_ULAW: Final = 0
LAW_ALAW: Final = 1
