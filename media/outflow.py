"""Sound on its way to a row's stream: what waits in this process, and how much of it the worker is given ahead.

The worker has a second of each stream at most, so a burst of a bot, which speaks faster than anybody hears, neither
fills the socket to the worker nor its memory; what waits here can be dropped at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from media.protocol import STREAM_ENCODINGS, STREAM_OCTETS, Command

__all__ = ["AHEAD", "MARKS_MOST", "RATE", "SECONDS_MOST", "Outflow"]

RATE: Final = 8000
"""Samples a second."""
AHEAD: Final = RATE
"""Samples that the worker has ahead of what is heard: this process may be held up for a second before there is a gap.
The ring of the plane has room for more."""
SECONDS_MOST: Final = 60.0
"""Seconds of sound that may wait unless it is told otherwise: bots speak an answer faster than it is heard, and no
answer is as long."""
MARKS_MOST: Final = 1000
"""Marks of a stream that may be outstanding: one for each word of a long answer."""
PIECE: Final = 4096
"""Octets of one command, as many as one string of the protocol takes."""


class Outflow:
    """What one stream is given. ``send(kind, *fields, strings)`` gives commands to the worker, in order."""

    __slots__ = (
        "_dropped",
        "_given",
        "_marks",
        "_most",
        "_outstanding",
        "_passed",
        "_send",
        "_taken",
        "_waiting",
        "_width",
        "number",
    )

    def __init__(self, number: int, encoding: str, seconds: float, send: Callable[..., None]) -> None:
        place = STREAM_ENCODINGS.index(encoding)
        self.number = number
        """The id of the stream."""
        self._send = send
        self._width = STREAM_OCTETS[place]
        self._most = int(seconds * RATE)
        self._waiting = bytearray()
        self._marks: deque[tuple[int, int]] = deque()
        """Marks that wait with the sound before them: octets given until then, and number."""
        self._given = 0
        """Octets taken from the caller, dropped ones left out."""
        self._passed = 0
        """Samples given to the worker."""
        self._taken = 0
        """Samples of these that it has sent, or dropped."""
        self._outstanding = 0
        """Marks that were not told of yet."""
        self._dropped = 0
        send(Command.STREAM_OPEN, number, place)

    @property
    def samples(self) -> int:
        """Samples that are still to be heard, as far as is known; it is a tick old."""
        return len(self._waiting) // self._width + self._passed - self._taken

    def audio(self, data: bytes) -> None:
        """More sound; what there is no room for is dropped and counted."""
        over = (len(data) + len(self._waiting)) // self._width - self._most
        if over > 0:  # whole samples, so that what follows is not heard by halves
            self._dropped += over
            data = data[: len(data) - over * self._width]
        self._waiting += data
        self._given += len(data)
        self._pass_on()

    def mark(self, number: int) -> bool:
        """A mark after all sound so far; False, and no mark, where too many are outstanding."""
        if self._outstanding >= MARKS_MOST:
            return False
        self._outstanding += 1
        self._marks.append((self._given, number))
        self._pass_on()
        return True

    def marked(self) -> None:
        """The worker has told of a mark."""
        self._outstanding -= 1

    def clear(self) -> None:
        """Drop all sound; the marks that wait are told of as cleared, in their order."""
        if not self._waiting and not self._outstanding and self._taken == self._passed:
            return  # bots clear whenever they hear a word: most of that concerns nobody
        self._waiting.clear()
        for _, number in self._marks:
            self._send(Command.STREAM_MARK, self.number, number)
        self._marks.clear()
        self._send(Command.STREAM_CLEAR, self.number)
        self._taken = self._passed

    def close(self) -> None:
        """The end of the stream; marks that wait are told of as cleared."""
        self.clear()
        self._send(Command.STREAM_CLOSE, self.number)

    def taken(self, samples: int) -> None:
        """The worker has taken ``samples`` in all: give it more."""
        self._taken = max(self._taken, samples)  # told before a clear: it is less
        if self._waiting:
            self._pass_on()

    def dropped(self) -> int:
        """Samples dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _pass_on(self) -> None:
        width = self._width
        while True:
            before = self._given - len(self._waiting)
            while self._marks and self._marks[0][0] - before < width:
                self._send(Command.STREAM_MARK, self.number, self._marks.popleft()[1])
            room = min((self._taken + AHEAD - self._passed) * width, PIECE)
            until = self._marks[0][0] - before if self._marks else len(self._waiting)
            size = min(room, until)
            size -= size % width
            if size <= 0:
                return
            self._send(Command.STREAM_AUDIO, self.number, strings=(bytes(self._waiting[:size]),))
            del self._waiting[:size]
            self._passed += size // width
