"""Commands to a media worker and events from it: binary records, several to a packet of the socket pair.

A record is a head (kind, length of what follows, row, generation), a fixed body per kind, and where a kind says so one
or more length-prefixed byte strings. Rows are the worker's calls; a row's generation grows with each new use, and a
record of another generation than the row's is stale and ignored by both sides.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final

from media.pacing import PACING_BOUNDS

__all__ = [
    "ANSWERERS",
    "ANSWERER_MODES",
    "ANSWERER_REASONS",
    "BODIES",
    "MAX_PACKET",
    "MAX_RECORD",
    "NO_TYPE",
    "PLAY_REASONS",
    "RECORD_REASONS",
    "SENT_HEAD",
    "STREAM_ENCODINGS",
    "STREAM_HEAD",
    "STREAM_OCTETS",
    "STREAM_ROWS",
    "TONE_KINDS",
    "WHOLE_WORKER",
    "Command",
    "DigitMode",
    "Event",
    "UpdateFlag",
    "batches",
    "pack",
    "records",
    "split_strings",
]

MAX_PACKET: Final = 32768
"""Bytes of one packet of several records: a longer batch is sent in several, and the socket's buffer holds some."""

MAX_RECORD: Final = 65547
"""Bytes of the longest record: a head and what its 16-bit length can say."""

WHOLE_WORKER: Final = 0xFFFFFFFF
"""The row of a record that concerns no row."""

MAX_STRING: Final = 4096
"""Bytes of one string: the longest path that Linux takes."""

_HEAD: Final = struct.Struct("<HHII")
_LENGTH: Final = struct.Struct("<H")


class Command(IntEnum):
    """What a worker is told."""

    CONFIGURE = 1
    ALLOCATE = 2
    UPDATE = 3
    PLAY = 4
    STOP_PLAY = 5
    PAUSE_PLAY = 6
    RESUME_PLAY = 7
    DIGITS = 8
    RECORD = 9
    STOP_RECORD = 10
    PAUSE_RECORD = 11
    RESUME_RECORD = 12
    BRIDGE = 13
    UNBRIDGE = 14
    RELEASE = 15
    REPORT = 16
    TAP = 17
    FIND_ANSWERER = 18
    STOP_ANSWERER = 19
    STREAM_OPEN = 20
    STREAM_AUDIO = 21
    STREAM_MARK = 22
    STREAM_CLEAR = 23
    STREAM_CLOSE = 24
    TELL_SENT = 25


class Event(IntEnum):
    """What a worker tells."""

    READY = 64
    BOUND = 65
    SHRUNK = 66
    DIGIT = 67
    PLAY_DONE = 68
    RECORD_DONE = 69
    TIMEOUT = 70
    STATS = 71
    FAULT = 72
    FLASH = 73
    TONE = 74
    BEAT = 75
    ANSWERER = 76
    STREAM_FRAMES = 77
    STREAM_MARK = 78
    STREAM_STARTED = 79
    STREAM_FULL = 80
    SENT_FRAMES = 81


BODIES: Final[dict[int, struct.Struct]] = {
    # first port, last port, media timeout s, real-time scheduling, compiled loops; then: one host or two
    Command.CONFIGURE: struct.Struct("<HHdBB"),
    Command.ALLOCATE: struct.Struct("<"),
    # RTP port, RTCP port, codec, ptime ms, payload type out, in, event type out, in, comfort noise (255: none),
    # clock rate of events out, in, flags of UpdateFlag, country of tones, most bits/s of Opus (0: not told); then: host
    # of RTP, of RTCP, of signalling (4 or 16 octets, or none), key out, key in (suite and 30 octets, or none); see
    # media/terms.py
    Command.UPDATE: struct.Struct("<HHBBBBBBBIIBBI"),
    # play id, times (0: for ever), pause ms, sounds, go on; then per sound: samples as 4 bytes and path
    Command.PLAY: struct.Struct("<IIIHB"),
    Command.STOP_PLAY: struct.Struct("<I"),  # play id, 0: whatever plays
    Command.PAUSE_PLAY: struct.Struct("<I"),
    Command.RESUME_PLAY: struct.Struct("<I"),
    Command.DIGITS: struct.Struct("<HHB"),  # tone ms, gap ms, mode of DigitMode; then: digits
    # record id, both sides, µ-law file, most ms (0: no limit), most ms of silence (0: no limit); then: path
    Command.RECORD: struct.Struct("<IBBII"),
    Command.STOP_RECORD: struct.Struct("<I"),
    Command.PAUSE_RECORD: struct.Struct("<I"),
    Command.RESUME_RECORD: struct.Struct("<I"),
    Command.BRIDGE: struct.Struct("<II"),  # row and generation of the other
    Command.UNBRIDGE: struct.Struct("<"),
    Command.RELEASE: struct.Struct("<"),
    Command.REPORT: struct.Struct("<"),
    Command.TAP: struct.Struct("<"),  # then: path of the file for copies of packets; empty: no more
    Command.FIND_ANSWERER: struct.Struct("<B"),  # index into ANSWERER_MODES
    Command.STOP_ANSWERER: struct.Struct("<"),
    Command.STREAM_OPEN: struct.Struct("<IB"),  # stream id, index into STREAM_ENCODINGS
    Command.STREAM_AUDIO: struct.Struct("<I"),  # stream id; then: sound of its encoding, whole samples
    Command.STREAM_MARK: struct.Struct("<II"),  # stream id, number
    Command.STREAM_CLEAR: struct.Struct("<I"),
    Command.STREAM_CLOSE: struct.Struct("<I"),
    Command.TELL_SENT: struct.Struct("<B"),  # whether
    Event.READY: struct.Struct("<BI"),  # compiled loops, port pairs of the range
    Event.BOUND: struct.Struct("<HB"),  # RTP port, IPv6; the generation is the next use's
    Event.SHRUNK: struct.Struct("<BI"),  # which of the hosts, port pairs of the range that somebody else holds there
    Event.DIGIT: struct.Struct("<BBBdfI"),  # digit (ASCII), in-band, end, at, duration s, key
    # play id, samples heard, reason of PLAY_REASONS, when the first packet was sent (0: none was)
    Event.PLAY_DONE: struct.Struct("<IIBd"),
    Event.RECORD_DONE: struct.Struct("<IIB"),  # record id, samples, reason of RECORD_REASONS; then: error
    Event.TIMEOUT: struct.Struct("<"),
    # packets in, out, bytes in, out, lost, late, refused, jitter ms, RTT ms and remote lost (< 0: unknown), MOS, last
    Event.STATS: struct.Struct("<QQQQiIIffqfB"),
    Event.FAULT: struct.Struct("<"),  # then: text
    Event.FLASH: struct.Struct("<d"),  # at
    Event.TONE: struct.Struct("<Bd"),  # index into TONE_KINDS, at
    # index into ANSWERERS, confidence, at, final, end of the beep (0: none), index into ANSWERER_REASONS
    Event.ANSWERER: struct.Struct("<BfdBdB"),
    # For all rows with a stream of one encoding: index into STREAM_ENCODINGS, rows, at, seconds before the next packet
    # at which it is made; then a STREAM_HEAD of each, and 20 ms of sound of each
    Event.STREAM_FRAMES: struct.Struct("<BHdf"),
    Event.STREAM_MARK: struct.Struct("<IIB"),  # stream id, number, cleared
    Event.STREAM_STARTED: struct.Struct("<Id"),  # stream id, at
    Event.STREAM_FULL: struct.Struct("<II"),  # stream id, samples dropped
    # For all rows that are asked for: rows, at; then a SENT_HEAD of each, and 20 ms of µ-law of each
    Event.SENT_FRAMES: struct.Struct("<Hd"),
    # Also the sign of life. Ticks, skipped, pacing counts, pacing s, received, sent, unsent, refused, unopened,
    # starved, untold
    Event.BEAT: struct.Struct(f"<QQ{len(PACING_BOUNDS) + 1}QdQQQQQQQ"),
}
"""Layout of each kind's fixed body."""


class UpdateFlag(IntEnum):
    """Bits of an UPDATE."""

    SEND = 1
    RECEIVE = 2
    INBAND = 4
    MUX = 8  # RTP and RTCP on one port (RFC 5761)
    BUSY = 16  # look for tones that say that the call is over
    FEC = 32  # each packet of Opus holds a copy of the one before
    SIGNALLED = 64  # digits of the other party of a bridge go by signalling


class DigitMode(IntEnum):
    """How digits are sent."""

    AGREED = 0
    EVENTS = 1
    TONES = 2


TONE_KINDS: Final = ("busy", "congestion", "dial")
STREAM_ENCODINGS: Final = ("ulaw", "slin16")
STREAM_OCTETS: Final = (1, 2)
"""Octets of a sample, by encoding."""
STREAM_HEAD: Final = struct.Struct("<IIIQ")
"""Row, generation, stream id, samples that were taken of what the row's stream was given."""
SENT_HEAD: Final = struct.Struct("<II")
"""Row, generation."""
STREAM_ROWS: Final = 90
"""Rows of one STREAM_FRAMES or SENT_FRAMES at most: with two octets a sample it stays below MAX_PACKET."""
ANSWERER_MODES: Final = ("fast", "beep")
ANSWERERS: Final = ("human", "machine", "unknown")
ANSWERER_REASONS: Final = ("greeting", "words", "music", "pause", "beep", "fax", "tone", "silence", "quiet", "timeout")
PLAY_REASONS: Final = ("completed", "stopped", "failed")
RECORD_REASONS: Final = ("stopped", "max_duration", "silence", "failed", "lost")
NO_TYPE: Final = 255


def pack(
    kind: int, row: int, generation: int, *fields: float, strings: tuple[bytes, ...] = (), rest: bytes = b""
) -> bytes:
    """One record; ``rest`` are octets after its body. Raises ValueError for a string that is too long."""
    body = BODIES[kind].pack(*fields) + rest
    if strings:
        for string in strings:
            if len(string) > MAX_STRING:
                raise ValueError("a path or text is longer than 4096 bytes")
        body += b"".join(_LENGTH.pack(len(string)) + string for string in strings)
    if len(body) > MAX_RECORD - _HEAD.size:
        raise ValueError("too much for one command")
    return _HEAD.pack(kind, len(body), row, generation) + body


def batches(waiting: Iterable[bytes]) -> list[bytes]:
    """Records in packets of at most :data:`MAX_PACKET` bytes, or of one record."""
    packets: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for record in waiting:
        if batch and size + len(record) > MAX_PACKET:
            packets.append(b"".join(batch))
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        packets.append(b"".join(batch))
    return packets


def records(packet: bytes) -> Iterator[tuple[int, int, int, tuple[float, ...], bytes]]:
    """The records of one packet: kind, row, generation, fields of the body, and the bytes of its strings."""
    at = 0
    while at < len(packet):
        kind, size, row, generation = _HEAD.unpack_from(packet, at)
        at += _HEAD.size
        layout = BODIES[kind]
        yield kind, row, generation, layout.unpack_from(packet, at), packet[at + layout.size : at + size]
        at += size


def split_strings(data: bytes) -> list[bytes]:
    """The strings that follow a record's body."""
    found = []
    at = 0
    while at < len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        found.append(data[at : at + size])
        at += size
    return found
