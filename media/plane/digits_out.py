"""Digits that we send: as telephone-events (RFC 4733) or as tones, in place of what the row plays meanwhile."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.dtmf.generator import digit_samples
from media.plane import laws
from media.plane.events_in import DIGITS
from media.plane.limits import FRAME, HEADER, NO_TYPE, PACKET
from media.plane.rows import Rows

__all__ = ["DigitSender"]

END_PACKETS: Final = 3
"""Packets with the end bit, against loss (RFC 4733 section 2.5.1.4)."""
VOLUME: Final = 10
"""Power level in events, -10 dBm0: what most senders say."""
MAX_WAITING: Final = 128
"""Digits that may wait on one row: longer than any number; what exceeds it is dropped."""
EVENT_OCTETS: Final = 4


@dataclass(slots=True)
class _Tone:
    digit: str
    frames: int
    """Frames of sound."""
    pause: int
    """Frames of nothing after it."""
    samples: NDArray[np.int16] | None
    """(frames, 160) the tone; None: telephone-events."""
    built: int = 0
    timestamp: int = 0


@dataclass(slots=True)
class DigitSender:
    """What waits to be sent, for all rows."""

    rows: Rows
    _waiting: dict[int, deque[_Tone]] = field(default_factory=dict)

    def send(self, row: int, digits: str, milliseconds: int, gap: int, *, events: bool) -> None:
        """Send ``digits`` after those that wait; ``events`` as telephone-events, which the row must have agreed to."""
        queue = self._waiting.setdefault(row, deque())
        frames, pause = max(2, -(-milliseconds // 20)), max(2, -(-gap // 20))
        for digit in digits:
            if digit in DIGITS and len(queue) < MAX_WAITING:
                samples = None if events else digit_samples(digit, frames * 20.0).reshape(frames, FRAME)
                queue.append(_Tone(digit, frames, pause, samples))
        if not queue:
            del self._waiting[row]

    def forget(self, row: int) -> None:
        """The row is released."""
        self._waiting.pop(row, None)

    def build(self, packets: NDArray[np.uint8], lengths: NDArray[np.int32], position: NDArray[np.int32]) -> None:
        """Put what is due into the packets that are built; ``position`` is the index of each row's, -1: none."""
        for row in list(self._waiting):
            queue = self._waiting[row]
            place = int(position[row])
            if place >= 0 and self.rows.sending[row]:
                self._step(row, queue[0], packets[place], lengths, place)
            else:
                queue[0].built += 1  # on hold: what nobody hears must not wait for ever
            tone = queue[0]
            ends = END_PACKETS if tone.samples is None else 0
            if tone.built >= tone.frames + max(tone.pause, ends):
                queue.popleft()
                if not queue:
                    del self._waiting[row]

    def _step(self, row: int, tone: _Tone, packet: NDArray[np.uint8], lengths: NDArray[np.int32], place: int) -> None:
        built = tone.built
        tone.built += 1
        law = self.rows.law[row : row + 1]
        if tone.samples is not None:
            silence = np.zeros((1, FRAME), np.int16)
            packet[HEADER:PACKET] = laws.encode(
                tone.samples[built : built + 1] if built < tone.frames else silence, law
            )[0]
            return
        if built >= tone.frames + END_PACKETS:
            return
        event_type = int(self.rows.event_type[row])
        if event_type == NO_TYPE:
            return
        if built == 0:
            tone.timestamp = int.from_bytes(packet[4:8].tobytes(), "big")
        ending = built >= tone.frames
        duration = min(min(built + 1, tone.frames) * FRAME, 0xFFFF)
        packet[1] = event_type | (0x80 if built == 0 else 0)
        packet[4:8] = np.frombuffer(tone.timestamp.to_bytes(4, "big"), np.uint8)
        packet[HEADER : HEADER + EVENT_OCTETS] = (
            DIGITS.index(tone.digit),
            VOLUME | (0x80 if ending else 0),
            duration >> 8,
            duration & 0xFF,
        )
        lengths[place] = HEADER + EVENT_OCTETS
