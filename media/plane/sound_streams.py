"""Sound streams: rows whose sound goes to somebody outside the plane, tick by tick, and who is given sound to say.

What the rows with a stream said in a tick leaves together, gathered from one array, as a few packets of the link. What
they are given is companded as it comes and lies in a ring of frames for each row; the next frame of every row is one
gather, written over what the builder has made of plays and bridges. Nothing here runs in a tick of rows without a
stream.

A frame that is not yet full waits one tick for the rest of its samples, then goes, filled up with silence. There is no
other cushion: sound that comes late is missed once, and is from then on as much ahead as it was late. Where it comes as
it is spoken, and was missed, what was heard before is repeated, fading: a gap would be heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import ALAW_ENCODE, ALAW_TO_ULAW, ULAW_ENCODE, ULAW_TO_ALAW
from media.plane import laws
from media.plane.build import Builder
from media.plane.haste import Haste
from media.plane.limits import FRAME, HEADER, LAW_ALAW, LAW_ULAW
from media.plane.rows import NOBODY, Rows
from media.plane.wide import OPUS
from media.protocol import STREAM_ENCODINGS, STREAM_HEAD, STREAM_ROWS, WHOLE_WORKER, Event, pack

__all__ = ["RING_FRAMES", "RING_SAMPLES", "SoundStreams"]

RING_FRAMES: Final = 64
"""Frames of a row's ring (a power of two), 1.28 s: the second that the other end gives ahead (media/outflow.py) and
what it gives meanwhile. It is memory of rows with a stream only, 10 KiB each."""
RING_SAMPLES: Final = RING_FRAMES * FRAME

LATE_MOST: Final = 3
"""Ticks without sound of a sender that keeps its pace, in messages of 60 ms: one that has sent no more for longer is
done, or had sent all at once."""
CONCEAL_MOST: Final = 2
"""Ticks that are made up: longer repeats sound like a robot, silence does not."""
FADE: Final = np.float32(0.5)
"""Amplitude of each repetition against the one before."""

_MASK: Final = RING_FRAMES - 1
_SLIN: Final = STREAM_ENCODINGS.index("slin16")
_ENCODE: Final = (ULAW_ENCODE, ALAW_ENCODE)
_TO_ALAW: Final = ULAW_TO_ALAW.tobytes()
_SILENT: Final = tuple(bytes([octet]) * FRAME for octet in laws.SILENCE)
_HEAD: Final = np.dtype([("row", "<u4"), ("generation", "<u4"), ("stream", "<u4"), ("taken", "<u8")])
_NONE: Final[NDArray[np.intp]] = np.zeros(0, np.intp)

assert _HEAD.itemsize == STREAM_HEAD.size

Post = Callable[..., None]
"""``post(kind, row, *fields)``: tell the pool."""


class SoundStreams:
    """Streams of all rows of a worker; positions count samples since the stream was opened, with what filled up frames.

    ``Rows.streamed`` says of which rows a frame of the stream is sent in this tick.
    """

    def __init__(self, rows: Rows, post: Post, unsent: Callable[[int], int], hush: Callable[[int], None]) -> None:
        """``unsent(row)``: samples at the end of what was built for a row that wait for their packet to be full;
        ``hush(row)`` makes them silent."""
        self._rows = rows
        self._post = post
        self._unsent = unsent
        self._hush = hush
        n = rows.capacity
        self.any = False
        """Whether a row has a stream."""
        self.open_rows: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """Rows with a stream; whoever opens or closes one has the plane arrange its rows anew."""
        self._haste = Haste(rows)
        self._stream: NDArray[np.uint32] = np.zeros(n, np.uint32)
        """Id of each row's stream."""
        self._encoding: NDArray[np.uint8] = np.zeros(n, np.uint8)
        self._heard: NDArray[np.uint8] = np.zeros((n, FRAME), np.uint8)
        """What each row said last, in its law."""
        self._ring: NDArray[np.uint8] = np.zeros((n * RING_FRAMES, FRAME), np.uint8)
        """What is to be said, in the law of the row; the rest of a frame that is not full is silence."""
        self._octets = memoryview(self._ring.reshape(-1))  # type: ignore[arg-type]
        """The same: cheaper for a few octets of one row."""
        self._written: NDArray[np.int64] = np.zeros(n, np.int64)
        self._read: NDArray[np.int64] = np.zeros(n, np.int64)
        """Where the next frame begins: a multiple of 160."""
        self._since: NDArray[np.int64] = np.zeros(n, np.int64)
        """Samples of other sound, or of silence, built after the last frame of the stream."""
        self._filled: NDArray[np.int64] = np.zeros(n, np.int64)
        """Samples of silence among what was read, which filled up frames."""
        self._waited: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """A frame that is not full has waited a tick."""
        self._came: NDArray[np.int64] = np.zeros(n, np.int64)
        """What ``_written`` was a tick ago."""
        self._idle: NDArray[np.int32] = np.zeros(n, np.int32)
        """Ticks since sound came."""
        self._ended: NDArray[np.bool_] = np.ones(n, np.bool_)
        """A mark, a clear, or a frame that was not full says that no more is to be waited for."""
        self._started: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self._marks: dict[int, deque[tuple[int, int]]] = {}
        """Of each row with a stream: positions and numbers of its marks."""
        self._begun: dict[int, int] = {}
        """Rows whose stream's first frame is built and not yet sent, and where that frame begins."""
        self._index = _NONE
        self._alone = _NONE
        self._by_encoding: list[NDArray[np.intp]] = [_NONE for _ in STREAM_ENCODINGS]

    # Commands

    def open(self, row: int, stream: int, encoding: int) -> None:
        """A new stream on ``row``, in place of one that is open."""
        self.close(row)
        self.open_rows[row] = self.any = True
        self._stream[row], self._encoding[row] = stream, encoding
        self._heard[row] = laws.SILENCE[self._rows.law[row]]
        self._written[row] = self._read[row] = self._filled[row] = 0
        self._since[row] = RING_SAMPLES
        self._came[row] = self._idle[row] = 0
        self._ended[row] = True
        self._waited[row] = self._started[row] = False
        self._marks[row] = deque()
        self._haste.begin(row)

    def close(self, row: int, stream: int | None = None) -> None:
        """The end of the row's stream, or only of this one; marks that wait are told as cleared."""
        if self.open_rows[row] and stream in (None, int(self._stream[row])):
            self._clear(row)
            self.open_rows[row] = self._rows.streamed[row] = False
            del self._marks[row]
            self._begun.pop(row, None)
            self.any = bool(self._marks)

    def audio(self, row: int, stream: int, data: bytes) -> None:
        """Sound to be sent after what waits. What there is no room for is dropped, and told of."""
        if not self._is(row, stream):
            return
        law = self._rows.law.item(row)
        if self._encoding.item(row) == _SLIN:
            data = _ENCODE[law][np.frombuffer(data, "<u2", len(data) // 2)].data
        elif law == LAW_ALAW:
            data = data.translate(_TO_ALAW)
        written = self._written.item(row)
        room = RING_SAMPLES - (written - self._read.item(row))
        if len(data) > room:
            self._post(Event.STREAM_FULL, row, stream, len(data) - room)
            data = data[:room]
        begin = row * RING_SAMPLES
        at = written % RING_SAMPLES
        first = min(len(data), RING_SAMPLES - at)
        self._octets[begin + at : begin + at + first] = data[:first]
        if first < len(data):
            self._octets[begin : begin + len(data) - first] = data[first:]
        written += len(data)
        if part := written % FRAME:
            at = begin + written % RING_SAMPLES
            self._octets[at : at + FRAME - part] = _SILENT[law][part:]
        self._written[row] = written
        self._ended[row] = False

    def mark(self, row: int, stream: int, number: int) -> None:
        """Tell when all sound so far is sent: at once where none waits."""
        if self._is(row, stream):
            self._ended[row] = True
            if self._written.item(row) > self._left(row):
                self._marks[row].append((self._written.item(row), number))
            else:
                self._post(Event.STREAM_MARK, row, stream, number, 0)

    def clear(self, row: int, stream: int) -> None:
        """Drop the sound that waits."""
        if self._is(row, stream):
            self._clear(row)

    def _clear(self, row: int) -> None:
        if self._read.item(row) > self._left(row) or (self._rows.streamed.item(row) and self._since.item(row) > 0):
            self._hush(row)
            self._since[row] = RING_SAMPLES  # nothing of it is on its way any more
        written, read = int(self._written[row]), int(self._read[row])
        frames = -(-(written - read) // FRAME)
        self._read[row] = self._written[row] = read + frames * FRAME
        self._filled[row] += read + frames * FRAME - written
        self._waited[row] = False
        self._ended[row] = True
        marks = self._marks[row]
        while marks:
            self._post(Event.STREAM_MARK, row, int(self._stream[row]), marks.popleft()[1], 1)

    def _left(self, row: int) -> int:
        """Where the sound ends that has left: commands come when what was built is sent, but for what waits for its
        packet to be full."""
        read: int = self._read.item(row)
        if not self._rows.shaped.item(row):
            return read
        return read - max(0, self._unsent(row) - self._since.item(row))

    def _is(self, row: int, stream: int) -> bool:
        return self.open_rows.item(row) and self._stream.item(row) == stream

    def relaw(self, row: int) -> None:
        """The law of ``row`` is another now."""
        if self.open_rows[row]:
            table = ULAW_TO_ALAW if self._rows.law[row] == LAW_ALAW else ALAW_TO_ULAW
            ring = self._ring[row * RING_FRAMES : (row + 1) * RING_FRAMES]
            ring[:] = table[ring]
            self._heard[row] = table[self._heard[row]]

    def arrange(self, index: NDArray[np.intp]) -> None:
        """``index`` are the rows that send and hear from now on."""
        self._index = index = index[self.open_rows[index]] if self.any else _NONE
        self._by_encoding = [index[self._encoding[index] == place] for place in range(len(STREAM_ENCODINGS))]
        self._alone = index[(self._rows.partner[index] == NOBODY) & (self._rows.codec[index] != OPUS)]

    # The tick; only while there is a stream

    def hurry(self) -> None:
        """Between two ticks: rows hold back what they must; left out are those in a bridge, which are heard then, and
        those of Opus, whose jitter buffer is another."""
        if self._alone.size:
            self._haste.look(self._alone)

    def sent(self, now: float) -> None:
        """What was built has been sent, or what of it goes 10 ms later: tell of the marks that it reached."""
        if self._begun:
            for row in [row for row, begin in self._begun.items() if self._left(row) > begin]:
                del self._begun[row]
                self._post(Event.STREAM_STARTED, row, int(self._stream[row]), now)
        for row, marks in self._marks.items():
            if marks:
                left = self._left(row)
                while marks and marks[0][0] <= left:
                    self._post(Event.STREAM_MARK, row, int(self._stream[row]), marks.popleft()[1], 0)

    def hear(self, index: NDArray[np.intp], payload: NDArray[np.uint8]) -> None:
        """What the rows of ``index`` said, (n, 160) octets of their laws."""
        chosen = np.flatnonzero(self.open_rows[index])
        if chosen.size:
            self._heard[index[chosen]] = payload[chosen]

    def frames(self, now: float, lead: float) -> list[bytes]:
        """What was heard in this tick, once for each stream: records for the link. Rows on hold are silent. The next
        frame is taken from the streams ``lead`` seconds before the next tick."""
        rows = self._rows
        records = []
        for encoding, every in enumerate(self._by_encoding):
            for start in range(0, every.size, STREAM_ROWS):
                index = every[start : start + STREAM_ROWS]
                heard, law = self._heard[index], rows.law[index]
                held = np.flatnonzero(~rows.receiving[index])
                heard[held] = laws.SILENCE[law[held]][:, None]
                if encoding == _SLIN:
                    sound = laws.decode(heard, law).astype("<i2", copy=False).tobytes()
                else:
                    laws.translate(heard, law, np.full(index.size, LAW_ULAW, np.uint8))
                    sound = heard.tobytes()
                heads = np.empty(index.size, _HEAD)
                heads["row"], heads["generation"], heads["stream"] = index, rows.generation[index], self._stream[index]
                left = self._read[index]
                for place in np.flatnonzero(rows.shaped[index]).tolist():
                    left[place] = self._left(int(index[place]))
                heads["taken"] = np.maximum(left - self._filled[index], 0)
                fields = (encoding, index.size, now, lead)
                records.append(pack(Event.STREAM_FRAMES, WHOLE_WORKER, 0, *fields, rest=heads.tobytes() + sound))
        return records

    def speak(self, builder: Builder) -> None:
        """Put the next frame of each stream that has one into its row's packet; to be called when plays and bridges
        are built."""
        rows, index = self._rows, self._index
        written = self._written[index]
        ahead = written - self._read[index]
        idle = self._idle[index] = np.where(written > self._came[index], 0, self._idle[index] + 1)
        speaking = ahead >= FRAME
        part = (ahead > 0) & ~speaking
        if part.any():
            speaking |= part & self._waited[index]
            missing = np.where(part & speaking, FRAME - ahead, 0)
            self._filled[index] += missing
            self._written[index] += missing
            self._ended[index[part & speaking]] = True
        self._came[index] = self._written[index]
        self._waited[index] = part & ~speaking
        since = self._since[index] = np.where(speaking, 0, self._since[index] + FRAME)
        rows.streamed[index] = speaking
        late = ~speaking & (since <= CONCEAL_MOST * FRAME) & (idle <= LATE_MOST) & ~self._ended[index]
        if late.any():
            self._conceal(builder, index[late])
        chosen = index[speaking]
        if not chosen.size:
            return
        read = self._read[chosen]
        builder.packets[builder.position[chosen], HEADER:] = self._ring[chosen * RING_FRAMES + (read // FRAME & _MASK)]
        self._read[chosen] = read + FRAME
        fresh = chosen[~self._started[chosen]]
        if fresh.size:
            self._started[fresh] = True
            self._begun.update(zip(fresh.tolist(), (self._read[fresh] - FRAME).tolist(), strict=True))

    def _conceal(self, builder: Builder, index: NDArray[np.intp]) -> None:
        """Make up a frame of the streams of ``index``, unless something else is heard there."""
        rows = self._rows
        index = index[~rows.playing[index] & (rows.partner[index] == NOBODY)]
        before = self._ring[index * RING_FRAMES + ((self._read[index] // FRAME - 1) & _MASK)]
        law = rows.law[index]
        power = FADE ** (self._since[index] // FRAME)
        builder.packets[builder.position[index], HEADER:] = laws.encode(
            (laws.decode(before, law) * power[:, None]).astype(np.int16), law
        )
        rows.streamed[index] = True
