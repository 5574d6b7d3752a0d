"""What rows are sent, told tick by tick to somebody outside the plane: the other half of what a sound stream tells.

It is taken from the packets once they are built, whatever is heard in them: a prompt, an agent of either kind, the
other side of a bridge. Where a digit is sent in place of sound, and on hold, it is silence. Only rows that it was asked
for pay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.plane import laws
from media.plane.build import Builder
from media.plane.limits import FRAME, HEADER, LAW_ULAW, PACKET
from media.plane.rows import Rows
from media.protocol import SENT_HEAD, STREAM_ROWS, WHOLE_WORKER, Event, pack

__all__ = ["SentSound"]

_HEAD = np.dtype([("row", "<u4"), ("generation", "<u4")])

assert _HEAD.itemsize == SENT_HEAD.size


class SentSound:
    """Of all rows of a worker."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._asked: set[int] = set()
        self._index: NDArray[np.intp] = np.zeros(0, np.intp)
        self._sound: NDArray[np.uint8] = np.zeros((0, FRAME), np.uint8)
        """Of the rows of ``_index`` what was built, in µ-law."""

    def ask(self, row: int, wanted: bool) -> None:
        """Tell of ``row`` from now on, or no more."""
        (self._asked.add if wanted else self._asked.discard)(row)

    def take(self, builder: Builder) -> None:
        """The packets of the next tick are built."""
        rows = self._rows
        asked = np.array(sorted(self._asked), np.intp)
        index = self._index = asked[builder.position[asked] >= 0]
        places = builder.position[index]
        sound = builder.packets[places, HEADER:]
        law = rows.law[index]
        laws.translate(sound, law, np.full(index.size, LAW_ULAW, np.uint8))
        sound[~rows.sending[index] | (builder.lengths[places] != PACKET)] = laws.SILENCE[LAW_ULAW]
        self._sound = sound

    def frames(self, now: float) -> list[bytes]:
        """What was sent in this tick: records for the link."""
        index, sound = self._index, self._sound
        self._index = index[:0]
        records = []
        for start in range(0, index.size, STREAM_ROWS):
            some = index[start : start + STREAM_ROWS]
            heads = np.empty(some.size, _HEAD)
            heads["row"], heads["generation"] = some, self._rows.generation[some]
            octets = heads.tobytes() + sound[start : start + some.size].tobytes()
            records.append(pack(Event.SENT_FRAMES, WHOLE_WORKER, 0, some.size, now, rest=octets))
        return records

    @property
    def any(self) -> bool:
        """Whether there is anything to do in a tick."""
        return bool(self._asked)
