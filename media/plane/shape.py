"""Packets that are not plain 20 ms of G.711: other lengths, other codecs, or sealed.

The builder makes one narrow frame of 20 ms for each row and tick, with its header. For rows that are shaped this is the
material only: their sound is cut into pieces of 10 ms, encoded, and gathered into packets of the agreed length, each
with its own sequence number and the timestamp of its first sample. A packet that becomes full with the first half of a
frame goes at the tick; one of an odd number of pieces that becomes full with the second half goes 10 ms later.

A telephone-event begins where sound ends (RFC 4733 section 2.6.2.1), so the pieces gathered until then go ahead of it
in a shorter packet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.g722 import G722Encoder
from media.codecs.opus import CLOCK, RATE, duration
from media.plane import laws
from media.plane.build import Builder
from media.plane.digits_out import DigitSender
from media.plane.limits import FRAME, HEADER, PACKET
from media.plane.play import Player
from media.plane.rows import NOBODY, Rows
from media.plane.secure import TAG, Secure
from media.plane.tap import PacketTap
from media.plane.wide import G722, OPUS, Wide, WideRow

__all__ = ["WIDTH", "Packets", "Shaper"]

WIDTH: Final = HEADER + 480 + TAG
"""Octets of the longest packet: 60 ms of G.711 or G.722, sealed; Opus stays below."""

_PIECE_MS: Final = 10
_OCTETS: Final = FRAME // 2  # of a piece of G.711 or G.722
_SAMPLES: Final = FRAME  # of a piece at 16 kHz
_OPUS_PIECES: Final = (6, 4, 2, 1)  # one frame of Opus (RFC 6716 section 2.1.4) that holds so many pieces
_QUIET_MOST: Final = 10  # ticks without a packet to pass on, after which we send silence of our own
_HEADER: Final = struct.Struct(">BBHII")
_VERSION: Final = 0x80
_MARKER: Final = 0x80

Packets = tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.int32], NDArray[np.uint64]]
"""Rows, packets (n, WIDTH), lengths and targets, as the loops send them."""


@dataclass(slots=True)
class _Shape:
    codec: int
    pieces: int
    """Pieces of 10 ms in a packet."""
    as_built: bool
    """Packets are those of the builder, and only numbered and sealed here."""
    gathered: list[bytes] = field(default_factory=list)
    """Octets, or samples in the case of Opus, of the pieces of the next packet."""
    timestamp: int = 0
    """Of the first of them."""
    delayed: int = 0
    """Pieces of the packet that is built and goes 10 ms after the tick."""
    marker: bool = False
    passing: bool = False
    """What the partner sends in Opus goes on as it came."""
    quiet: int = 0
    """Ticks in which nothing came to be passed on."""


class Shaper:
    """Makes the packets of shaped rows."""

    def __init__(
        self,
        rows: Rows,
        wide: Wide,
        builder: Builder,
        player: Player,
        sender: DigitSender,
        secure: Secure,
        tap: PacketTap,
    ) -> None:
        self._rows = rows
        self._wide = wide
        self._secure = secure
        self._tap = tap
        self._builder = builder
        self._player = player
        self._sender = sender
        self._shapes: dict[int, _Shape] = {}
        self._prompts: dict[int, NDArray[np.int16]] = {}
        """What rows play in this tick, of sounds that are wide."""
        self._now: list[tuple[int, bytes]] = []
        self._later: list[tuple[int, bytes]] = []

    @property
    def any(self) -> bool:
        """Whether there are shaped rows."""
        return bool(self._shapes)

    def agree(self, row: int, codec: int, ptime: int) -> None:
        """``row`` sends ``codec`` in packets of ``ptime`` ms from now on; what is gathered is left out."""
        pieces = max(1, ptime // _PIECE_MS)
        if codec == OPUS:
            pieces = next(count for count in _OPUS_PIECES if count <= pieces)
        as_built = codec not in (G722, OPUS) and pieces == 2
        shaped = not as_built or bool(self._rows.secure[row])
        known = self._shapes.get(row)
        if not shaped:
            self._shapes.pop(row, None)
        elif known is None or (known.codec, known.pieces) != (codec, pieces):
            self._shapes[row] = _Shape(codec, pieces, as_built)
        self._rows.shaped[row] = shaped

    def forget(self, row: int) -> None:
        """The row is released."""
        if self._shapes.pop(row, None) is not None:
            self._rows.shaped[row] = False
        self._now = [(at, packet) for at, packet in self._now if at != row]
        self._later = [(at, packet) for at, packet in self._later if at != row]

    def unsent(self, row: int) -> int:
        """Samples (8 kHz) at the end of what was built for ``row`` that have not left; asked after a send."""
        shape = self._shapes.get(row)
        return 0 if shape is None else (len(shape.gathered) + shape.delayed) * _OCTETS

    def hush(self, row: int) -> None:
        """Make what is gathered for ``row`` silent, which keeps its time; to be called before the next build."""
        shape = self._shapes.get(row)
        if shape is None or not shape.gathered:
            return
        count = len(shape.gathered)
        self._wide.hush(row)
        if shape.codec == OPUS:
            shape.gathered = [bytes(2 * _SAMPLES)] * count
        elif (encoder := self._encoder(row)) is not None:
            shape.gathered = [encoder.encode(np.zeros(_SAMPLES, np.int16)) for _ in range(count)]
        else:
            shape.gathered = [bytes([laws.SILENCE[self._rows.law[row]]]) * _OCTETS] * count

    def _encoder(self, row: int) -> G722Encoder | None:
        member = self._wide.members.get(row)
        return None if member is None else member.encoder

    def prompts(self) -> None:
        """Note what wide rows are about to play; to be called before the builder walks on."""
        self._prompts.clear()
        for row in self._wide.members:
            samples = self._player.wide_frame(row)
            if samples is not None:
                self._prompts[row] = samples

    def say(self, row: int, samples: NDArray[np.int16]) -> None:
        """A wide row says these ``samples`` in this tick, (320,) at 16 kHz; to be called between the two."""
        self._prompts[row] = samples

    def build(self) -> None:
        """Turn the frames that were built into packets; to be called when all else is."""
        rows, builder = self._rows, self._builder
        self._now.clear()
        self._later.clear()
        sound: list[int] = []
        for row, shape in self._shapes.items():
            shape.delayed = 0
            place = int(builder.position[row])
            if place < 0 or not rows.sending[row]:
                shape.gathered.clear()
                continue
            packet = builder.packets[place]
            if shape.as_built:
                self._emit(row, packet[: builder.lengths[place]].tobytes(), later=False)
                continue
            if builder.lengths[place] != PACKET:
                self._flush(row, shape)
                self._emit(row, packet[: builder.lengths[place]].tobytes(), later=False)
                continue
            shape.marker |= bool(packet[1] & _MARKER)
            if not shape.gathered:
                shape.timestamp = int.from_bytes(packet[4:8].tobytes(), "big")
            sound.append(row)
        wide = [row for row in sound if row in self._wide.members]
        if len(wide) < len(sound):
            for row in sound:
                if row not in self._wide.members:
                    self._octets(row, builder.packets[builder.position[row], HEADER:PACKET].tobytes())
        if wide:
            self._encode(wide)

    def _encode(self, wide: list[int]) -> None:
        """One frame of each wide row: as its partner sent it, or encoded from the best there is."""
        narrow: list[int] = []
        for row in wide:
            member = self._wide.members[row]
            if row in self._sender.sounding or self._rows.streamed[row]:
                narrow.append(row)
                continue
            partner = self._partner(row)
            if partner is not None and self._pass_on(row, member, self._wide.members[partner]):
                continue
            if partner is not None:
                self._wide_sound(row, member, self._wide.heard[partner])
            elif (samples := self._prompts.get(row)) is not None:
                self._wide_sound(row, member, samples)
            else:
                narrow.append(row)
        if narrow:
            index = np.array(narrow, np.intp)
            samples = self._wide.widened(index, self._builder.packets[self._builder.position[index], HEADER:PACKET])
            for row, frame in zip(narrow, samples, strict=True):
                self._wide_sound(row, self._wide.members[row], frame)

    def _partner(self, row: int) -> int | None:
        """The wide row that ``row`` hears."""
        rows = self._rows
        partner = int(rows.partner[row])
        if partner == NOBODY or rows.playing[row] or partner not in self._wide.members:
            return None
        return partner if self._builder.position[partner] >= 0 else None

    def _pass_on(self, row: int, member: WideRow, other: WideRow) -> bool:
        """Send what the partner sent as it is, where both speak one codec: whether that could be done."""
        if member.codec != other.codec:
            return False
        if member.codec == G722:
            if other.octets is None:
                return False
            self._octets(row, other.octets)
            return True
        return self._pass_opus(row, other)

    def _pass_opus(self, row: int, other: WideRow) -> bool:
        """Packets of Opus are passed on while they last as long as ours are to. One that is lost is lost to the
        listener too, whose decoder makes up for it; a pause is a pause."""
        shape = self._shapes[row]
        lasts = shape.pieces * _PIECE_MS * CLOCK // 1000
        if any(duration(payload) != lasts for _, payload in other.passed):
            shape.passing = False
            return False
        if not other.passed:
            shape.quiet += 1
            shape.passing &= shape.quiet <= _QUIET_MOST
            return shape.passing
        shape.quiet = 0
        if not shape.passing:
            shape.passing = True
            self._flush(row, shape)
        place = int(self._builder.position[row])
        begins = int.from_bytes(self._builder.packets[place, 4:8].tobytes(), "big")
        for offset, payload in other.passed:
            timestamp = (begins + offset * CLOCK // RATE) & 0xFFFFFFFF
            self._packet(row, shape, timestamp, payload, later=offset >= _SAMPLES)
        return True

    def _wide_sound(self, row: int, member: WideRow, samples: NDArray[np.int16]) -> None:
        if member.encoder is not None:
            self._octets(row, member.encoder.encode(np.ascontiguousarray(samples)))
        else:
            self._gather(row, samples[:_SAMPLES].tobytes(), samples[_SAMPLES:].tobytes())

    def _octets(self, row: int, octets: bytes) -> None:
        self._gather(row, octets[:_OCTETS], octets[_OCTETS:])

    def _gather(self, row: int, *pieces: bytes) -> None:
        shape = self._shapes[row]
        shape.passing = False
        for half, piece in enumerate(pieces):
            shape.gathered.append(piece)
            if len(shape.gathered) == shape.pieces:
                self._send(row, shape, shape.pieces, later=bool(half and shape.pieces % 2))

    def _flush(self, row: int, shape: _Shape) -> None:
        """Send what was gathered, in a shorter packet."""
        while shape.gathered:
            count = len(shape.gathered)
            if shape.codec == OPUS:
                count = next(most for most in _OPUS_PIECES if most <= count)
            self._send(row, shape, count, later=False)

    def _send(self, row: int, shape: _Shape, count: int, *, later: bool) -> None:
        """A packet of the first ``count`` pieces gathered."""
        payload = b"".join(shape.gathered[:count])
        del shape.gathered[:count]
        shape.delayed = count if later else 0
        out = self._wide.members[row].opus_out if row in self._wide.members else None
        if out is not None:
            payload = out.encode(np.frombuffer(payload, np.int16))
        self._packet(row, shape, shape.timestamp, payload, later=later)
        shape.timestamp = (shape.timestamp + count * (int(self._rows.clock[row]) // 2)) & 0xFFFFFFFF

    def _packet(self, row: int, shape: _Shape, timestamp: int, payload: bytes, *, later: bool) -> None:
        kind = int(self._rows.audio_type[row]) | _MARKER * shape.marker
        shape.marker = False
        self._emit(row, _HEADER.pack(_VERSION, kind, 0, timestamp, int(self._rows.ssrc[row])) + payload, later=later)

    def _emit(self, row: int, packet: bytes, *, later: bool) -> None:
        """Number a packet, seal it where that is agreed, and queue it."""
        rows = self._rows
        sequence = int(rows.sequence[row])
        rows.sequence[row] = (sequence + 1) & 0xFFFF
        rows.packets_out[row] += 1
        rows.octets_out[row] += len(packet) - HEADER
        packet = packet[:2] + sequence.to_bytes(2, "big") + packet[4:]
        if self._tap.any:
            self._tap.queued(row, packet)
        if rows.secure[row]:
            sealed = self._secure.seal(row, packet)
            if sealed is None:
                return
            packet = sealed
        (self._later if later else self._now).append((row, packet))

    def ready(self, *, later: bool) -> Packets | None:
        """What goes at the tick, or ``later``, 10 ms after it; None: nothing."""
        rows = self._rows
        queued = self._later if later else self._now
        chosen = [(row, packet) for row, packet in queued if rows.sending[row] and rows.target[row]]
        queued.clear()
        if later:
            for row, _ in chosen:
                if (shape := self._shapes.get(row)) is not None:
                    shape.delayed = 0
        if not chosen:
            return None
        index = np.array([row for row, _ in chosen], np.intp)
        packets = np.zeros((len(chosen), WIDTH), np.uint8)
        lengths = np.zeros(len(chosen), np.int32)
        for place, (_, packet) in enumerate(chosen):
            packets[place, : len(packet)] = np.frombuffer(packet, np.uint8)
            lengths[place] = len(packet)
        return index, packets, lengths, np.where(rows.settled[index], 0, rows.target[index]).astype(np.uint64)
