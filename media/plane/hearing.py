"""What is found in what peers send: digits, by telephone-event or in the sound, hook flashes, tones of the network,
and who answered a call.

A peer may change in the middle of a digit how it sends digits, and some send both ways at once. So an event and a tone
of the same digit at the same time are one digit: whichever comes second takes over the key of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.dtmf.detector import DIGITS as KEYPAD
from media.dtmf.detector import DtmfDetector
from media.plane import laws
from media.plane.answering import Answerers
from media.plane.events_in import FLASH, SILENT_TICKS, DigitFound, EventReceiver
from media.plane.limits import RATE
from media.plane.rows import Rows
from media.protocol import TONE_KINDS, Event
from media.tones.detector import ToneDetector

__all__ = ["Hearing"]

Post = Callable[..., None]
"""``post(kind, row, *fields)``: tell the pool."""

_EVENT: Final = 0
_INBAND: Final = 1


class _Sounding(NamedTuple):
    digit: str
    key: int
    begun: float


class Hearing:
    """Detectors of all rows. ``relay(row, digit)`` passes a digit on to the row's bridge."""

    def __init__(self, rows: Rows, events: EventReceiver, post: Post, relay: Callable[[int, str], None]) -> None:
        self._rows = rows
        self._events = events
        self._post = post
        self._relay = relay
        self._detector = DtmfDetector(rows.capacity)
        self._network = ToneDetector(rows.capacity)
        self.answerers = Answerers(rows.capacity, post)
        """Of calls that we placed."""
        self._tones: dict[int, _Sounding] = {}
        """The digit that sounds on a row."""
        self._named: dict[int, _Sounding] = {}
        """The digit of which a row has an event under way."""
        self._closing: dict[int, int] = {}
        """Rows that are no longer listened to, with the tick until which an event may take over their tone."""

    def agree(self, row: int, tick: int) -> None:
        """The row's agreement is new: what is looked for, and how digits come."""
        rows = self._rows
        if rows.busy[row]:
            self._network.listen(row, rows.country[row])
        else:
            self._network.forget(row)
        if rows.inband[row]:
            self._closing.pop(row, None)
        elif row in self._tones:
            self._closing[row] = tick + SILENT_TICKS
        if not rows.inband[row]:
            self._detector.reset(row)

    def forget(self, row: int) -> None:
        """The row is released."""
        for known in (self._tones, self._named, self._closing):
            known.pop(row, None)
        self._detector.reset(row)
        self._network.forget(row)
        self.answerers.forget(row)

    def listen(self, index: NDArray[np.intp], payload: NDArray[np.uint8], tick: int, now: float) -> None:
        """Look into one frame of each row, (n, 160) octets of its law."""
        rows = self._rows
        chosen = np.flatnonzero(rows.inband[index])
        if chosen.size:
            edges = self._detector.process(self._samples(index, payload, chosen, tick), index[chosen])
            for row, code, started, offset in zip(*(array.tolist() for array in edges), strict=True):
                at = now + offset / RATE
                if started:
                    self._tone_began(row, KEYPAD[code], at)
                else:
                    self._tone_ended(row, at)
        chosen = np.flatnonzero(rows.busy[index])
        if chosen.size:
            for row, kind in self._network.process(self._samples(index, payload, chosen, tick), index[chosen]):
                self._post(Event.TONE, row, TONE_KINDS.index(kind), now)
        if self.answerers.count:
            chosen = np.flatnonzero(self.answerers.wanted[index])
            if chosen.size:
                self.answerers.listen(self._samples(index, payload, chosen, tick), index[chosen], now)

    def _samples(
        self, index: NDArray[np.intp], payload: NDArray[np.uint8], chosen: NDArray[np.intp], tick: int
    ) -> NDArray[np.float32]:
        listened = index[chosen]
        whole = chosen.size == index.size
        samples = laws.decode_float(payload if whole else payload[chosen], self._rows.law[listened])
        samples[self._rows.deaf_until[listened] > tick] = 0
        return samples

    def sweep(self, tick: int, now: float) -> None:
        """Ends of digits that nobody will tell."""
        found = self._events.expire(tick)
        if found:
            self.named(found, now)
        for row in [row for row, until in self._closing.items() if tick > until]:
            del self._closing[row]
            self._tone_ended(row, now)

    def named(self, found: list[DigitFound], now: float) -> None:
        """Telephone-events begin or end."""
        for event in found:
            if event.digit == FLASH:
                if not event.end:
                    self._post(Event.FLASH, event.row, now)
                    self._relay(event.row, FLASH)
            elif event.end:
                self._name_ended(event, now)
            else:
                self._name_began(event, now)

    def _name_began(self, event: DigitFound, now: float) -> None:
        row, digit = event.row, event.digit
        sounding = self._tones.get(row)
        if sounding is not None and sounding.digit == digit:
            self._named[row] = sounding
            del self._tones[row]
            self._closing.pop(row, None)
            self._detector.reset(row)
            return
        self._named[row] = _Sounding(digit, event.key, now)
        self._post(Event.DIGIT, row, ord(digit), _EVENT, 0, now, 0.0, event.key)
        self._relay(row, digit)

    def _name_ended(self, event: DigitFound, now: float) -> None:
        named = self._named.pop(event.row, None)
        if named is None:  # a tone goes on in its place
            return
        taken_over = named.key != event.key
        duration = now - named.begun if taken_over else event.duration
        self._post(Event.DIGIT, event.row, ord(event.digit), _EVENT, 1, now, duration, named.key)

    def _tone_began(self, row: int, digit: str, at: float) -> None:
        named = self._named.get(row)
        if named is not None and named.digit == digit and self._events.running(row) == digit:
            del self._named[row]
            self._events.give_up(row)
            self._tones[row] = named
            return
        key = self._events.new_key()
        self._tones[row] = _Sounding(digit, key, at)
        self._post(Event.DIGIT, row, ord(digit), _INBAND, 0, at, 0.0, key)

    def _tone_ended(self, row: int, at: float) -> None:
        sounding = self._tones.pop(row, None)
        if sounding is not None:
            digit, key, begun = sounding
            self._post(Event.DIGIT, row, ord(digit), _INBAND, 1, at, at - begun, key)
