"""Codecs and telephone-events in session descriptions: what a stream's formats mean, which of them is taken, and how
ours are written (RFC 3551, RFC 4733, RFC 7587, RFC 3389)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ivr.sip.sdp import Attribute, Media

__all__ = [
    "CODECS",
    "Chosen",
    "CodecOrder",
    "choose",
    "events_text",
    "formats_text",
    "known_types",
    "offered_types",
    "packet_time",
]

CodecOrder = Literal["theirs", "ours"]
"""Whose order of codecs decides where we answer."""


class _Codec(NamedTuple):
    encoding: str
    """As it is written."""
    payload_type: int
    """The static one, or what we offer."""
    clock: int
    """RTP clock, Hz; 8000 of G.722 although its sound has twice that (RFC 3551 section 4.5.2)."""
    channels: int
    """As written; Opus always says 2, whatever is sent (RFC 7587 section 7)."""


CODECS: Final[dict[str, _Codec]] = {
    "pcmu": _Codec("PCMU", 0, 8000, 1),
    "pcma": _Codec("PCMA", 8, 8000, 1),
    "g722": _Codec("G722", 9, 8000, 1),
    "opus": _Codec("opus", 107, 48000, 2),
}
EVENTS: Final = "telephone-event"
EVENT_TYPES: Final = {8000: 101, 48000: 102}
"""Payload types that we offer for telephone-event, by clock: 101 is what nearly everybody uses."""
_NOISE: Final = "cn"
_NOISE_TYPE: Final = 13  # RFC 3551 section 6: comfort noise with a clock of 8000 Hz
_STATIC: Final = {codec.payload_type: name for name, codec in CODECS.items() if codec.payload_type < 96}
_DYNAMIC: Final = range(96, 128)

MAX_BITRATE: Final = 40000
"""Bits a second of Opus that we ask for at most: more is not heard at 16 kHz, and 60 ms of it fit any packet."""
_OPUS_FMTP: Final = f"useinbandfec=1;maxaveragebitrate={MAX_BITRATE};maxplaybackrate=16000"
PTIME_DEFAULT: Final = 20
"""Milliseconds where a peer that offers asks for nothing (RFC 3551 section 4.2)."""
PTIME_MOST: Final = 60
"""Milliseconds of the longest packet that we send, and take."""
_PTIME_LEAST: Final = 10
_PTIME_BELIEVED: Final = range(3, 201)  # what the other names; beyond it stands nonsense

_RANGE: Final = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")
_PARAMETER: Final = re.compile(r" *+([a-z-]{1,32}) *+= *+([0-9]{1,9}) *+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is taken of a stream's formats."""

    codec: str
    """Name of ours."""
    payload_type: int
    """Its payload type in the stream."""
    event_type: int | None
    """Payload type of the telephone-events beside it; None: none that we take."""
    event_rate: int
    """Their clock rate, Hz."""
    noise_type: int | None
    """Payload type of comfort noise with the codec's clock; None: there is none."""
    fec: bool = False
    """The writer wants forward error correction in Opus."""
    bitrate: int = 0
    """Most bits a second of Opus that the writer takes; 0: not said."""

    @property
    def clock(self) -> int:
        """Clock of the codec, Hz."""
        return CODECS[self.codec].clock


def choose(media: Media, codecs: tuple[str, ...], dtmf: bool, order: CodecOrder = "theirs") -> Chosen | None:
    """The first codec of theirs that is one of ``codecs``, or of ``codecs`` that is one of theirs, and the
    telephone-event beside it; None where there is no codec in common."""
    found: dict[str, int] = {}
    events: dict[int, int] = {}
    noise: dict[int, int] = {}
    for number, encoding, rate in _formats(media):
        if encoding == EVENTS:
            if dtmf and rate not in events and _has_digits(media.fmtp(number)):
                events[rate] = number
        elif encoding == _NOISE:
            noise.setdefault(rate, number)
        elif encoding in codecs:
            found.setdefault(encoding, number)
    if not found:
        return None
    codec = next(iter(found)) if order == "theirs" else next(name for name in codecs if name in found)
    clock = CODECS[codec].clock
    # RFC 4733 section 2.1 wants events in the clock of the codec beside them; peers that offer only another mean it.
    rate = clock if clock in events else next(iter(events), clock)
    noise_type = noise.get(clock)
    if clock == 8000 and noise_type is None and _NOISE_TYPE not in media.rtpmap:
        noise_type = _NOISE_TYPE  # sent by many that do not say so
    parameters = _parameters(media.fmtp(found[codec])) if codec == "opus" else {}
    return Chosen(
        codec,
        found[codec],
        events.get(rate),
        rate,
        noise_type,
        fec=parameters.get("useinbandfec") == 1,
        bitrate=parameters.get("maxaveragebitrate", 0),
    )


def _formats(media: Media) -> Iterable[tuple[int, str, int]]:
    """Payload type, encoding (a name of ours where it is a codec of ours) and clock of each format that is clear."""
    for text in dict.fromkeys(media.formats):
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) < 128):
            continue
        number = int(text)
        mapped = media.rtpmap.get(number)
        static = _STATIC.get(number)
        if mapped is None:
            if static is not None:
                yield number, static, CODECS[static].clock
            elif number == _NOISE_TYPE:
                yield number, _NOISE, 8000
            continue
        encoding = mapped.encoding.lower()
        if static is not None and static != encoding:
            continue  # a static payload type under another name: two readers would decode it differently
        codec = CODECS.get(encoding)
        # Some write opus/48000 or opus/48000/1; all else would be another clock.
        if codec is None or (mapped.rate == codec.clock and mapped.channels in (1, codec.channels)):
            yield number, encoding, mapped.rate


def _has_digits(fmtp: str | None) -> bool:
    """Whether the events 0 to 11 (digits, * and #) are among those listed; no list means 0-15 (RFC 4733 §2.4.1)."""
    if fmtp is None or fmtp in ("0-15", "0-16"):
        return True
    listed: set[int] = set()
    for part in fmtp.split(",")[:16]:
        match = _RANGE.fullmatch(part.strip())
        if match is not None:
            listed.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return listed.issuperset(range(12))


def _parameters(fmtp: str | None) -> dict[str, int]:
    """Parameters with a number, of those that are written; others mean nothing to us."""
    found: dict[str, int] = {}
    for part in (fmtp or "").split(";")[:16]:
        match = _PARAMETER.fullmatch(part)
        if match is not None:
            found.setdefault(match[1].lower(), int(match[2]))
    return found


def packet_time(media: Media, ours: int) -> int:
    """Milliseconds of sound in the packets that we send to the writer of ``media``: what it asks for, else ``ours``,
    in steps of 10 ms, as long as it takes them."""
    wanted = media.ptime if media.ptime in _PTIME_BELIEVED else ours
    most = media.maxptime
    if most is not None and most in _PTIME_BELIEVED:
        wanted = min(wanted or ours, most)
    return min(max((wanted or ours) // 10 * 10, _PTIME_LEAST), PTIME_MOST)


def formats_text(types: Iterable[tuple[str, int]]) -> list[Attribute]:
    """Attributes of codecs with their payload types."""
    attributes: list[Attribute] = []
    for name, number in types:
        codec = CODECS[name]
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        attributes.append(("rtpmap", f"{number} {codec.encoding}/{codec.clock}{channels}"))
        if name == "opus":
            attributes.append(("fmtp", f"{number} {_OPUS_FMTP}"))
    return attributes


def events_text(number: int, rate: int, listed: str) -> list[Attribute]:
    """Attributes of telephone-event."""
    return [("rtpmap", f"{number} {EVENTS}/{rate}"), ("fmtp", f"{number} {listed}")]


def known_types(codecs: tuple[str, ...], dtmf: bool, previous: Media | None) -> tuple[dict[str, int], dict[int, int]]:
    """Payload types of our offer: of codecs by name, of telephone-events by clock. What ``previous``, our stream in
    force, says of them stays (RFC 3264 section 8)."""
    mapped = previous.rtpmap if previous is not None else {}
    kept = {(kind.encoding, kind.rate): number for number, kind in reversed(mapped.items())}
    taken = set(mapped)

    def number(encoding: str, rate: int, usual: int) -> int:
        known = kept.get((encoding, rate))
        if known is None:
            known = usual if usual not in taken else next(free for free in _DYNAMIC if free not in taken)
        taken.add(known)
        return known

    payload = {name: number(name, CODECS[name].clock, CODECS[name].payload_type) for name in codecs}
    clocks = sorted({CODECS[name].clock for name in codecs}) if dtmf else []
    return payload, {clock: number(EVENTS, clock, EVENT_TYPES[clock]) for clock in clocks}


def offered_types(media: Media) -> tuple[dict[str, int], dict[int, int]]:
    """What our own description says: payload types of codecs by name, of telephone-events by clock."""
    payload: dict[str, int] = {}
    events: dict[int, int] = {}
    for number, encoding, rate in _formats(media):
        if encoding == EVENTS:
            events.setdefault(rate, number)
        elif encoding in CODECS:
            payload.setdefault(encoding, number)
    return payload, events
