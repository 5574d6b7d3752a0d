"""One key from several sources.

A key may reach us as an RFC 4733 event, as SIP INFO and as a tone in the sound, all at once. The same key from two
sources is one when their times overlap or begin within 150 ms; within one source each event counts, however fast the
caller types.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ivr.flow.ports import DigitEnded, DigitSource

__all__ = ["DigitMerger"]

SAME_KEY = 0.150
"""Seconds between the beginnings of one key in two sources: tone detection and packets lag behind each other."""

REMEMBERED = 16
"""Keys looked back at; more are not pressed within the time that two sources differ."""

MAX_HELD = 10.0
"""Seconds after which a key whose end was lost counts as let go."""


@dataclass(slots=True)
class _Heard:
    begin: float
    end: float | None
    key: int | None


@dataclass(slots=True)
class _Pressed:
    digit: str
    at: float
    first: DigitSource
    heard: dict[DigitSource, _Heard]


class DigitMerger:
    """Merges the keys of one call; feed it every source's events in the order they come."""

    __slots__ = ("_pressed",)

    def __init__(self) -> None:
        self._pressed: deque[_Pressed] = deque(maxlen=REMEMBERED)

    def start(
        self, digit: str, source: DigitSource, at: float, key: int | None = None, duration: float | None = None
    ) -> bool:
        """A source hears a key from `at` on; True when it is a new one, False when another source had it already.

        `key` tells events of one source apart (the RTP timestamp of RFC 4733): the same again is no new key.
        `duration` is for sources that tell it at once (SIP INFO) and send no end.
        """
        if key is not None and any(
            (known := pressed.heard.get(source)) is not None and known.key == key and pressed.digit == digit
            for pressed in self._pressed
        ):
            return False
        for pressed in self._pressed:
            known = pressed.heard.get(source)
            if known is not None and known.end is None:
                known.end = max(known.begin, min(at, known.begin + MAX_HELD))
        told = duration is not None or source in ("info", "api")
        heard = _Heard(at, at + (duration or 0.0) if told else None, key)
        same = [
            pressed
            for pressed in self._pressed
            if pressed.digit == digit and source not in pressed.heard and _same(pressed, heard)
        ]
        best = min(same, key=lambda pressed: abs(pressed.at - at), default=None)
        if best is not None:
            best.heard[source] = heard
            return False
        self._pressed.append(_Pressed(digit, at, source, {source: heard}))
        return True

    def end(self, digit: str, source: DigitSource, at: float, key: int | None = None) -> DigitEnded | None:
        """A source hears the end of a key at `at`; the event for the flow when this source had it first."""
        for pressed in reversed(self._pressed):
            heard = pressed.heard.get(source)
            if pressed.digit != digit or heard is None or heard.end is not None or heard.key != key:
                continue
            heard.end = max(at, heard.begin)
            if pressed.first != source:
                return None
            return DigitEnded(digit, pressed.at, heard.end - heard.begin)
        return None


def _same(pressed: _Pressed, heard: _Heard) -> bool:
    for other in pressed.heard.values():
        if abs(other.begin - heard.begin) <= SAME_KEY:
            return True
        other_end = other.begin + MAX_HELD if other.end is None else other.end
        heard_end = heard.begin if heard.end is None else heard.end
        if other.begin <= heard_end and heard.begin <= other_end:
            return True
    return False
