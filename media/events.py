"""Event records of a worker as the face's events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from media.face import (
    Answerer,
    Digit,
    Flash,
    MediaEvent,
    MediaTimeout,
    PlayDone,
    RecordDone,
    Stats,
    StreamFull,
    StreamMark,
    StreamStarted,
    Tone,
)
from media.port import Port
from media.protocol import (
    ANSWERER_REASONS,
    ANSWERERS,
    PLAY_REASONS,
    RECORD_REASONS,
    SENT_HEAD,
    STREAM_HEAD,
    STREAM_OCTETS,
    TONE_KINDS,
    Event,
    split_strings,
)

__all__ = ["decode", "frames", "sent_frames"]

_RATE: Final = 8000
_FRAME: Final = 160


def decode(port: Port, kind: int, fields: tuple[Any, ...], strings: bytes) -> MediaEvent:
    """The event of ``port`` that a record of ``kind`` tells."""
    if kind == Event.DIGIT:
        digit, inband, end, at, duration, key = fields
        return Digit(port, chr(digit), "inband" if inband else "rfc4733", "end" if end else "start", at, duration, key)
    if kind == Event.PLAY_DONE:
        number, samples, reason, began = fields
        return PlayDone(port, number, samples / _RATE, PLAY_REASONS[reason], began or None)
    if kind == Event.RECORD_DONE:
        number, samples, reason = fields
        error = split_strings(strings)[0].decode(errors="replace") or None
        return RecordDone(port, number, samples / _RATE, RECORD_REASONS[reason], error)
    if kind == Event.FLASH:
        return Flash(port, fields[0])
    if kind == Event.TONE:
        return Tone(port, TONE_KINDS[fields[0]], fields[1])
    if kind == Event.ANSWERER:
        who, confidence, at, final, beep_ended, why = fields
        return Answerer(
            port, ANSWERERS[who], round(confidence, 3), at, bool(final), beep_ended or None, ANSWERER_REASONS[why]
        )
    if kind == Event.TIMEOUT:
        return MediaTimeout(port)
    if kind == Event.STATS:
        received, sent, octets_in, octets_out, lost, late, refused, jitter, rtt, missed, mos, _ = fields
        return Stats(
            port,
            packets_in=received,
            packets_out=sent,
            bytes_in=octets_in,
            bytes_out=octets_out,
            lost=lost,
            late=late,
            refused=refused,
            jitter_ms=round(jitter, 3),
            rtt_ms=None if rtt < 0 else round(rtt, 3),
            remote_lost=None if missed < 0 else missed,
            mos=round(mos, 2),
        )
    if kind == Event.STREAM_MARK:
        stream, mark, cleared = fields
        return StreamMark(port, stream, mark, bool(cleared))
    if kind == Event.STREAM_STARTED:
        return StreamStarted(port, *fields)
    if kind == Event.STREAM_FULL:
        stream, samples = fields
        return StreamFull(port, stream, samples / _RATE)
    raise ValueError(f"no event of a port: {kind}")


def frames(fields: tuple[Any, ...], data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """A STREAM_FRAMES row by row: row, generation, stream id, samples taken, and 20 ms of sound."""
    encoding, count, *_ = fields
    size = _FRAME * STREAM_OCTETS[encoding]
    place = count * STREAM_HEAD.size
    for row, generation, stream, taken in STREAM_HEAD.iter_unpack(data[:place]):
        yield row, generation, stream, taken, data[place : place + size]
        place += size


def sent_frames(fields: tuple[Any, ...], data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """A SENT_FRAMES row by row: row, generation, and 20 ms of µ-law."""
    place = fields[0] * SENT_HEAD.size
    for row, generation in SENT_HEAD.iter_unpack(data[:place]):
        yield row, generation, data[place : place + _FRAME]
        place += _FRAME
