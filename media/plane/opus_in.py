"""What a peer sends in Opus, from packets to one frame of 16 kHz sound each tick.

A jitter buffer of its own: packets of Opus have any size and last from 2.5 to 120 ms, so they do not fit the ring of
the other codecs. It behaves alike: sound is held back by one frame, a late packet is waited for while nothing came
after it, and what is lost is recovered from the next packet where the peer sends that (RFC 7587 section 3.3), else
concealed by the decoder. A peer that is silent may stop sending (DTX): the decoder goes on with the noise it was told
of.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.codecs.opus import OpusDecoder, duration

__all__ = ["FRAME", "OpusIn", "Passed"]

FRAME: Final = 320
"""Samples of a tick at 16 kHz."""

_CLOCK: Final = 3  # ticks of the RTP clock (48 kHz) for each sample
_DELAY: Final = 1  # frames held back at the beginning, as in jitter.py
_REANCHOR: Final = 3  # dry ticks after which the next packet begins anew
_CONCEAL_MOST: Final = 3  # dry ticks that are concealed
_LATE_MOST: Final = 48000  # 1 s late: the timestamps jumped
_AHEAD_MOST: Final = 48 * 320  # 320 ms, past which sound is too late to talk over
_HELD_MOST: Final = 128  # packets of 2.5 ms in that time
_ENOUGH: Final = 3 * FRAME
_FLOOD: Final = 10 * FRAME
_AFTER_FLOOD: Final = 2 * FRAME
_WINDOW: Final = 128
_DTX_OCTETS: Final = 2  # RFC 6716 section 2.1.9: a packet of so few octets says that nothing follows
_RECOVERABLE: Final = 2880  # 60 ms: no packet that holds a copy of the one before lasts longer


class Passed(NamedTuple):
    """A packet whose sound begins in this tick."""

    offset: int
    """Samples at 16 kHz from the beginning of the tick."""
    payload: bytes
    """The packet as it came."""


class OpusIn:
    """The stream of one row."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        """Timestamp of what is decoded next."""
        self._decoded: list[NDArray[np.int16]] = []
        self._count = 0
        """Samples in ``_decoded``."""
        self._priming = 0
        self._dry = 0
        self._pause = False
        """The last packet announced a pause."""
        self._least = _FLOOD
        self._ticks = 0
        self.passed: list[Passed] = []
        """Packets that begin in the tick taken last."""
        self.concealed = False
        """Whether any of the tick taken last was lost."""

    def forget(self) -> None:
        """The peer's stream changed: what is buffered is none of it."""
        self._packets.clear()
        self._decoded.clear()
        self._count = self._dry = 0
        self._next = None

    def put(self, timestamp: int, payload: bytes) -> bool:
        """Take a packet; False if it came after its time, or is malformed."""
        lasts = duration(payload)
        if not lasts:
            return False
        if self._next is None or self._dry >= _REANCHOR:
            self._anchor(timestamp)
        distance = self._distance(timestamp)
        if distance < -_LATE_MOST or distance + lasts > _AHEAD_MOST + _AFTER_FLOOD * _CLOCK:
            self._anchor(timestamp)
            distance = 0
        if distance < 0:
            return False
        if len(self._packets) < _HELD_MOST:
            self._packets.setdefault(timestamp, payload)
        return True

    def _anchor(self, timestamp: int) -> None:
        self._packets.clear()
        self._decoded.clear()
        self._count = 0
        self._next = timestamp
        self._priming = _DELAY
        self._dry = 0
        self._least = _FLOOD

    def _distance(self, timestamp: int) -> int:
        assert self._next is not None
        return ((timestamp - self._next + 0x80000000) & 0xFFFFFFFF) - 0x80000000

    @property
    def ahead(self) -> int:
        """Samples from what is heard next to the newest that came."""
        if self._next is None:
            return 0
        ends = [self._distance(timestamp) + duration(payload) for timestamp, payload in self._packets.items()]
        return self._count + max(ends, default=0) // _CLOCK

    def take(self) -> NDArray[np.int16] | None:
        """The next frame, (320,); None where nothing is to be heard."""
        self.passed = []
        self.concealed = False
        if self._next is None:
            return None
        if self._priming:
            self._priming -= 1
            return None
        ahead = self.ahead
        if ahead > _FLOOD:
            self._skip(ahead - _AFTER_FLOOD)
            ahead = _AFTER_FLOOD
        self._least = min(self._least, ahead)
        while self._count < FRAME and self._packets:
            self._decode()
        if self._count < FRAME:
            return self._nothing()
        self._dry = 0
        frame = self._cut(FRAME)
        self._ticks += 1
        if self._ticks % _WINDOW == 0:
            if self._least > _ENOUGH:
                self._skip(FRAME)
            self._least = _FLOOD
        return frame

    def _decode(self) -> None:
        """Decode what comes next, or make up for it."""
        assert self._next is not None
        payload = self._packets.pop(self._next & 0xFFFFFFFF, None)
        if payload is not None:
            self.passed.append(Passed(self._count, payload))
            self._pause = len(payload) <= _DTX_OCTETS
            self._append(self._decoder.decode(payload), duration(payload))
            return
        nearest = min(self._packets, key=self._distance)
        missing = self._distance(nearest)
        if missing <= 0:  # it overlaps what was heard before
            del self._packets[nearest]
            return
        self.concealed = True
        if missing <= _RECOVERABLE and missing % 120 == 0 and not self._pause:
            self._append(self._decoder.recover(self._packets[nearest], missing // _CLOCK), missing)
        else:
            step = min(missing, FRAME * _CLOCK)
            samples = step // _CLOCK
            self._append(self._decoder.conceal(-(-samples // 40) * 40)[:samples], step)

    def _append(self, samples: NDArray[np.int16] | None, lasts: int) -> None:
        """Walk on by ``lasts`` of the RTP clock, with ``samples``; with silence where the decoder took nothing."""
        assert self._next is not None
        wanted = lasts // _CLOCK
        if samples is None or len(samples) != wanted:
            samples = np.zeros(wanted, np.int16)
        self._decoded.append(samples)
        self._count += wanted
        self._next = (self._next + lasts) & 0xFFFFFFFF

    def _nothing(self) -> NDArray[np.int16] | None:
        self._dry += 1
        self.concealed = True
        if self._pause or self._dry <= _CONCEAL_MOST:
            return self._decoder.conceal(FRAME)
        return None

    def _cut(self, samples: int) -> NDArray[np.int16]:
        whole = self._decoded[0] if len(self._decoded) == 1 else np.concatenate(self._decoded)
        self._decoded = [whole[samples:]] if len(whole) > samples else []
        self._count -= samples
        return whole[:samples]

    def _skip(self, samples: int) -> None:
        """Pass over ``samples`` unheard."""
        while self._count < samples and self._packets:
            self._decode()
        if self._count:
            self._cut(min(samples, self._count))
        self.passed = []
