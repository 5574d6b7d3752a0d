"""Digits that we send: as telephone-events (RFC 4733) or as tones, in place of what the row plays meanwhile.

How a digit is sent is decided when it begins: a new agreement in the middle of a number changes the digits after it,
and one in the middle of a digit its payload type only. Durations count in the clock of the event type, timestamps in
that of the sound (RFC 4733 section 2.1 wants both alike).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.dtmf.generator import digit_samples
from media.plane import laws
from media.plane.events_in import CODES, FLASH
from media.plane.limits import FRAME, HEADER, NO_TYPE, PACKET, TICKS_PER_SECOND
from media.plane.rows import Rows

__all__ = ["DigitSender"]

END_PACKETS: Final = 3
"""Packets with the end bit, against loss (RFC 4733 section 2.5.1.4)."""
VOLUME: Final = 10
"""Power level in events, -10 dBm0: what most senders say."""
MAX_WAITING: Final = 128
"""Digits that may wait on one row: longer than any number; what exceeds it is dropped."""
EVENT_OCTETS: Final = 4
LONGEST: Final = 0xFFFF
"""What the duration field holds: a longer digit goes in segments (RFC 4733 section 2.5.1.3)."""


@dataclass(slots=True)
class _Tone:
    digit: str
    frames: int
    """Frames of sound."""
    pause: int
    """Frames of nothing after it."""
    events: bool | None
    """Telephone-events or tones; None: what is agreed on when it begins."""
    samples: NDArray[np.int16] | None = None
    """(frames, 160) the tone; None: telephone-events."""
    built: int = 0
    timestamp: int = 0
    """Of the segment under way."""
    before: int = 0
    """Frames of the segments before it."""


@dataclass(slots=True)
class DigitSender:
    """What waits to be sent, for all rows."""

    rows: Rows
    sounding: set[int] = field(default_factory=set)
    """Rows whose frame of this tick is a tone, or the pause after one."""
    _waiting: dict[int, deque[_Tone]] = field(default_factory=dict)

    def send(self, row: int, digits: str, milliseconds: int, gap: int, *, events: bool | None) -> None:
        """Send ``digits`` after those that wait: as telephone-events, as tones, or as is agreed on by then (None)."""
        queue = self._waiting.setdefault(row, deque())
        frames, pause = max(2, -(-milliseconds // 20)), max(2, -(-gap // 20))
        for digit in digits:
            if digit in CODES and len(queue) < MAX_WAITING:
                queue.append(_Tone(digit, frames, pause, events))
        if not queue:
            del self._waiting[row]

    def forget(self, row: int) -> None:
        """The row is released."""
        self._waiting.pop(row, None)
        self.sounding.discard(row)

    def build(self, packets: NDArray[np.uint8], lengths: NDArray[np.int32], position: NDArray[np.int32]) -> None:
        """Put what is due into the packets that are built; ``position`` is the index of each row's, -1: none."""
        self.sounding.clear()
        for row in list(self._waiting):
            queue = self._waiting[row]
            tone = queue[0]
            if not tone.built:
                self._begin(row, tone)
            place = int(position[row])
            if place >= 0 and self.rows.sending[row]:
                self._step(row, tone, packets[place], lengths, place)
            tone.built += 1  # also on hold: what nobody hears must not wait for ever
            ends = END_PACKETS if tone.samples is None else 0
            if tone.built >= tone.frames + max(tone.pause, ends):
                queue.popleft()
                if not queue:
                    del self._waiting[row]

    def _begin(self, row: int, tone: _Tone) -> None:
        agreed = int(self.rows.event_type[row]) != NO_TYPE
        if tone.events is False or (tone.events is None and not agreed):
            sound = np.zeros(tone.frames * FRAME, np.int16)
            if tone.digit != FLASH:  # there is no tone for it
                sound = digit_samples(tone.digit, tone.frames * 20.0)
            tone.samples = sound.reshape(tone.frames, FRAME)

    def _step(self, row: int, tone: _Tone, packet: NDArray[np.uint8], lengths: NDArray[np.int32], place: int) -> None:
        built = tone.built
        if tone.samples is not None:
            self.sounding.add(row)
            silence = np.zeros((1, FRAME), np.int16)
            packet[HEADER:PACKET] = laws.encode(
                tone.samples[built : built + 1] if built < tone.frames else silence, self.rows.law[row : row + 1]
            )[0]
            return
        event_type = int(self.rows.event_type[row])
        if built >= tone.frames + END_PACKETS or event_type == NO_TYPE:
            return
        steps = int(self.rows.event_rate[row]) // TICKS_PER_SECOND
        most = LONGEST // steps
        if built == 0:
            tone.timestamp = int.from_bytes(packet[4:8].tobytes(), "big")
        elif built - tone.before == most and built < tone.frames:
            tone.before = built
            tone.timestamp = (tone.timestamp + most * int(self.rows.clock[row])) & 0xFFFFFFFF
        ending = built >= tone.frames
        duration = (min(built + 1, tone.frames) - tone.before) * steps
        packet[1] = event_type | (0x80 if built == 0 else 0)
        packet[4:8] = np.frombuffer(tone.timestamp.to_bytes(4, "big"), np.uint8)
        packet[HEADER : HEADER + EVENT_OCTETS] = (
            CODES.index(tone.digit),
            VOLUME | (0x80 if ending else 0),
            duration >> 8,
            duration & 0xFF,
        )
        lengths[place] = HEADER + EVENT_OCTETS
