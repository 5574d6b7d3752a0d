"""The sound of an AI agent on its way to the caller: what waits to be heard, marks in it, and how much was heard."""

from __future__ import annotations

from typing import Final

from ivr.handoff.ai_figures import AiFigures
from ivr.handoff.protocols import Backlog, Encoding, Spoken
from media import Port

__all__ = ["LAST", "PACKET", "AiVoice"]

RATE: Final = 8000
"""Samples a second."""
PACKET: Final = 0.02
"""Seconds of one."""
LAST: Final = 0
"""Number of the mark behind the last words; those of the endpoint begin with 1."""


class AiVoice:
    """The sound stream of one connection."""

    def __init__(self, port: Port, encoding: Encoding, seconds: float, figures: AiFigures) -> None:
        """`seconds` of sound may wait."""
        self._port = port
        self._figures = figures
        self.stream = port.open_stream(encoding, seconds)
        """Its id at the port."""
        self._marks: dict[int, str] = {}
        self._number = LAST
        self._spoken = Spoken()
        self._backlog = Backlog(encoding == "slin16")
        self._next_at = 0.0

    @property
    def queued(self) -> float:
        """Seconds that are still to be heard."""
        return self._port.stream_queued(self.stream)

    def ticked(self, next_at: float) -> None:
        """A packet was sent to the caller: how much waits is known as of then. The next one is made at `next_at`."""
        self._next_at = next_at

    def say(self, payload: bytes, tag: str, now: float) -> None:
        """More sound."""
        before = self.queued
        waits = round((before + self._next_at - now) * RATE)
        if self._backlog.surplus(payload, waits, now):
            return
        self._port.stream_audio(self.stream, payload)
        after = self.queued
        self._spoken.say(tag, round((after - before) * RATE), round(after * RATE))

    def mark(self, name: str) -> bool:
        """A mark behind what was said so far; False where there are too many."""
        self._number += 1
        self._marks[self._number] = name
        if self._port.stream_mark(self.stream, self._number):
            self._figures.marks += 1
            return True
        del self._marks[self._number]
        return False

    def mark_last(self) -> bool:
        """The mark behind the last words."""
        return self._port.stream_mark(self.stream, LAST)

    def reached(self, number: int) -> str | None:
        """Name of a mark that was heard, or dropped."""
        return self._marks.pop(number, None)

    def clear(self) -> dict[str, float]:
        """Silence, at once; seconds heard of each tag of which something was dropped."""
        cut = self._spoken.cut(round(self.queued * RATE))
        self._port.stream_clear(self.stream)
        return cut

    def close(self) -> None:
        """No sound any more, either way; marks on the way are forgotten."""
        self._marks.clear()
        self._spoken.cut(round(self.queued * RATE))
        self._figures.spoken += self._spoken.seconds
        self._figures.caught_up += self._backlog.left_out
        self._port.close_stream(self.stream)
