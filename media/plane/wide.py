"""Rows of wideband codecs: G.722 and Opus, decoded and encoded row by row.

The plane is narrow: 160 octets of G.711 for each row and tick. A wide row has two views of what it says and hears:

- the narrow one, µ-law at 8 kHz, filtered from the wide one: detectors, recordings and narrow partners take that, as of
  any other row, and know nothing of wideband;
- the wide one, 16 kHz linear, for a partner that is wide too; and where both speak the same codec, the octets as they
  came.

What a wide row sends is wide where its source is: a prompt of which there is a 16 kHz variant, a wide partner. All else
is brought from 8 kHz to 16. Only wide rows pay for any of this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import resample
from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE
from media.codecs.g722 import G722Decoder, G722Encoder
from media.codecs.opus import OpusEncoder
from media.plane.limits import FRAME
from media.plane.opus_in import OpusIn, Passed
from media.plane.rows import Rows
from media.terms import CODECS

__all__ = ["G722", "OPUS", "WIDE_FRAME", "Wide", "WideRow"]

WIDE_FRAME: Final = resample.WIDE_FRAME
"""Samples of one tick at 16 kHz."""

G722: Final = CODECS.index("g722")
OPUS: Final = CODECS.index("opus")

_CONCEAL_MOST: Final = 3  # frames that are concealed, each at half the amplitude of the one before, as in jitter.py
_FADE: Final = np.float32(0.5)

_SILENCE: Final = np.zeros(WIDE_FRAME, np.int16)


@dataclass(slots=True)
class WideRow:
    """Coders and memory of one row."""

    codec: int
    """Index into ``terms.CODECS``."""
    decoder: G722Decoder | None = None
    encoder: G722Encoder | None = None
    opus_in: OpusIn | None = None
    opus_out: OpusEncoder | None = None
    settings: tuple[bool, int] = (False, 0)
    """What the Opus encoder was made for: error correction, most bits a second."""
    octets: bytes | None = None
    """G.722 as it came in this tick; None where it was lost."""
    passed: list[Passed] = field(default_factory=list)
    """Packets of Opus that began in this tick."""
    whole: bool = False
    """Nothing of this tick was made up."""
    last: NDArray[np.int16] = field(default_factory=lambda: _SILENCE)
    """The frame heard before."""


class Wide:
    """All wide rows of a worker."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.members: dict[int, WideRow] = {}
        self.heard: NDArray[np.int16] = np.zeros((rows.capacity, WIDE_FRAME), np.int16)
        """What each wide row said in this tick, at 16 kHz."""
        self._before: NDArray[np.float32] = np.zeros((rows.capacity, resample.DOWN_HISTORY), np.float32)
        self._sent_before: NDArray[np.float32] = np.zeros((rows.capacity, resample.UP_HISTORY), np.float32)

    def agree(self, row: int, codec: int, *, fec: bool, bitrate: int) -> None:
        """``row`` speaks ``codec`` from now on. ``fec`` and ``bitrate`` are what the peer asks for in Opus."""
        known = self.members.get(row)
        if known is not None and known.codec == codec:
            if codec == OPUS and known.settings != (fec, bitrate):
                known.opus_out, known.settings = OpusEncoder(fec=fec, bitrate=bitrate), (fec, bitrate)
            return
        self.forget(row)
        if codec == G722:
            self.members[row] = WideRow(codec, decoder=G722Decoder(), encoder=G722Encoder())
        elif codec == OPUS:
            out = OpusEncoder(fec=fec, bitrate=bitrate)
            self.members[row] = WideRow(codec, opus_in=OpusIn(), opus_out=out, settings=(fec, bitrate))

    def forget(self, row: int) -> None:
        """The row is released, or narrow from now on."""
        if self.members.pop(row, None) is not None:
            self.heard[row] = 0
            self._before[row] = 0
            self._sent_before[row] = 0

    def forget_source(self, row: int) -> None:
        """Another stream begins: what is buffered is none of it."""
        member = self.members.get(row)
        if member is not None and member.opus_in is not None:
            member.opus_in.forget()

    def put(self, row: int, timestamp: int, payload: bytes) -> None:
        """A packet of Opus came for ``row``."""
        member = self.members.get(row)
        if member is not None and member.opus_in is not None and not member.opus_in.put(timestamp, payload):
            self._rows.late[row] += 1

    def hear(self, index: NDArray[np.intp], payload: NDArray[np.uint8], tick: int) -> None:
        """Replace what the jitter buffer gave for wide rows among ``index``, (n, 160), by the narrow view of it."""
        rows = self._rows
        places = np.flatnonzero(rows.wide[index])
        if not places.size:
            return
        wide = index[places]
        for place, row in zip(places.tolist(), wide.tolist(), strict=True):
            member = self.members[row]
            if member.opus_in is not None:
                frame = member.opus_in.take()
                member.passed = member.opus_in.passed
                member.whole = not member.opus_in.concealed
                self.heard[row] = _SILENCE if frame is None or rows.deaf_until[row] > tick else frame
            else:
                self._hear_g722(row, member, payload[place], tick)
        heard = self.heard[wide]
        joined = np.concatenate((self._before[wide], heard.astype(np.float32)), axis=1)
        self._before[wide] = heard[:, -resample.DOWN_HISTORY :]
        payload[places] = ULAW_ENCODE[_int16(resample.down(joined)).view(np.uint16)]

    def _hear_g722(self, row: int, member: WideRow, payload: NDArray[np.uint8], tick: int) -> None:
        """One frame of octets, or what stands in for it where the jitter buffer had none."""
        rows = self._rows
        gap = int(rows.gap[row])
        member.whole = not gap
        if not gap:
            member.octets = payload.tobytes()
            assert member.decoder is not None
            frame = member.decoder.decode(member.octets)
            member.last = frame
            self.heard[row] = frame
            return
        member.octets = None
        if rows.noise[row] < 0:  # the jitter buffer made noise, in the row's narrow law
            self.heard[row] = np.repeat(ULAW_DECODE[payload], 2)
        elif gap <= _CONCEAL_MOST and rows.deaf_until[row] <= tick:
            self.heard[row] = (member.last * _FADE**gap).astype(np.int16)
        else:
            self.heard[row] = 0

    def hush(self, row: int) -> None:
        """What ``row`` sends is cut off here: nothing of the frame before is in the next."""
        self._sent_before[row] = 0

    def widened(self, index: NDArray[np.intp], octets: NDArray[np.uint8]) -> NDArray[np.int16]:
        """The narrow frames (n, 160) that rows of ``index`` are to send, at 16 kHz, (n, 320)."""
        narrow = ULAW_DECODE[octets].astype(np.float32)
        joined = np.concatenate((self._sent_before[index], narrow), axis=1)
        self._sent_before[index] = narrow[:, -resample.UP_HISTORY :]
        return _int16(resample.up(joined))


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


assert resample.FRAME == FRAME
