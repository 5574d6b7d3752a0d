"""Telephone-events that peers send (RFC 4733): from packets to digits, each heard once.

Events are rare, so this is plain Python per packet of an event. A digit starts with the first packet seen of its event,
whichever that is, and ends with the first packet that has the end bit, with the next event, or when nothing more comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["CODES", "DIGITS", "FLASH", "DigitFound", "EventReceiver"]

DIGITS: Final = "0123456789*#ABCD"
"""Digit of each event code (RFC 4733 section 3.2)."""
FLASH: Final = "!"
"""What stands for a hook flash."""
CODES: Final = DIGITS + FLASH
"""What each event code means; code 16 is a flash (RFC 2833 section 3.10), those above are not for us."""

SILENT_TICKS: Final = 12
"""Ticks (240 ms) without a packet of a running event after which it is over: its end was lost. Senders repeat at least
each 50 ms."""
REMEMBERED: Final = 8
"""Ended events whose repeated packets are still recognised: more than can be under way at once."""
SEGMENT_LEAST: Final = 0xF000
"""Duration from which an event may go on in a new segment (RFC 4733 section 2.5.1.3): 7.7 s, near the field's end."""
SEGMENT_SLACK: Final = 0.2
"""Seconds between a segment's timestamp and the end of the one before: a few packets."""
BURST: Final = 32
"""Digits of one row that may come at once."""
RATE: Final = 0.5
"""Digits a tick after that, 25 a second: ITU-T Q.24 asks for 80 ms each, 12.5 a second. The rest is a flood."""


class DigitFound(NamedTuple):
    """A digit begins or ends."""

    row: int
    """Where."""
    digit: str
    """Which of :data:`CODES`."""
    end: bool
    """False at the start."""
    duration: float
    """Seconds, at the end."""
    key: int
    """The same for start and end."""


@dataclass(slots=True)
class _Running:
    ssrc: int
    timestamp: int
    sequence: int
    code: int
    key: int
    duration: int
    segments: int
    """Steps of the clock in the segments before this one."""
    tick: int
    rate: int


@dataclass(slots=True)
class _Row:
    running: _Running | None = None
    ended: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    tokens: float = BURST
    tick: int = 0


class EventReceiver:
    """Receivers of all rows."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self._running: set[int] = set()
        self._keys = 0

    def forget(self, row: int) -> None:
        """The row is released."""
        self._rows.pop(row, None)
        self._running.discard(row)

    def new_key(self) -> int:
        """A key for a digit."""
        self._keys = (self._keys + 1) & 0xFFFFFFFF
        return self._keys

    def running(self, row: int) -> str:
        """The digit whose event is under way on ``row``, or nothing."""
        state = self._rows.get(row)
        return CODES[state.running.code] if state is not None and state.running is not None else ""

    def give_up(self, row: int) -> None:
        """The event under way on ``row`` goes on as a tone: what still comes of it is ignored."""
        state = self._rows[row]
        if state.running is not None:
            self._end(row, state, state.running)

    def receive(
        self, row: int, ssrc: int, timestamp: int, sequence: int, payload: bytes, tick: int, rate: int = 8000
    ) -> list[DigitFound]:
        """One packet of the row's event payload type, whose clock has ``rate`` Hz; ``payload`` is at least its first
        four octets."""
        if len(payload) < 4 or payload[0] >= len(CODES):
            return []
        code, end = payload[0], bool(payload[1] & 0x80)
        duration = payload[2] << 8 | payload[3]
        state = self._rows.get(row)
        if state is None:
            state = self._rows[row] = _Row(tick=tick)
        running = state.running
        if running is not None and (running.ssrc, running.timestamp) == (ssrc, timestamp):
            running.duration = max(running.duration, duration)
            running.tick = tick
            return [self._end(row, state, running)] if end else []
        if (ssrc, timestamp) in state.ended:
            return []
        found = []
        if running is not None:
            behind = (timestamp - running.timestamp) & 0xFFFFFFFF
            if running.ssrc == ssrc and behind > 0x7FFFFFFF and (sequence - running.sequence) & 0xFFFF > 0x7FFF:
                return []  # an event older than the one under way, of which nothing was seen in time
            if _goes_on(running, ssrc, code, behind):
                running.segments += running.duration
                running.timestamp, running.sequence = timestamp, sequence
                running.duration, running.tick = duration, tick
                return [self._end(row, state, running)] if end else []
            found.append(self._end(row, state, running))
        if not self._affordable(state, tick):
            state.ended.append((ssrc, timestamp))
            return found
        running = state.running = _Running(ssrc, timestamp, sequence, code, self.new_key(), duration, 0, tick, rate)
        self._running.add(row)
        found.append(DigitFound(row, CODES[code], False, 0.0, running.key))
        if end:
            found.append(self._end(row, state, running))
        return found

    def expire(self, tick: int) -> list[DigitFound]:
        """Ends of events of which nothing came for a while."""
        found = []
        for row in list(self._running):
            state = self._rows[row]
            if state.running is not None and tick - state.running.tick > SILENT_TICKS:
                found.append(self._end(row, state, state.running))
        return found

    def _end(self, row: int, state: _Row, running: _Running) -> DigitFound:
        state.ended.append((running.ssrc, running.timestamp))
        state.running = None
        self._running.discard(row)
        seconds = (running.segments + running.duration) / running.rate
        return DigitFound(row, CODES[running.code], True, seconds, running.key)

    @staticmethod
    def _affordable(state: _Row, tick: int) -> bool:
        state.tokens = min(BURST, state.tokens + (tick - state.tick) * RATE)
        state.tick = tick
        if state.tokens < 1:
            return False
        state.tokens -= 1
        return True


def _goes_on(running: _Running, ssrc: int, code: int, behind: int) -> bool:
    """Whether an event ``behind`` samples later is the next segment of a long one."""
    return (
        running.ssrc == ssrc
        and running.code == code
        and running.duration >= SEGMENT_LEAST
        and behind <= running.duration + SEGMENT_SLACK * running.rate
    )
