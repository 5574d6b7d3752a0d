"""Session descriptions (RFC 8866): lines to streams and back.

Liberal in what a device leaves out (`o=`, `s=`, `t=`) or writes oddly (an attribute that cannot be read is passed
over), strict in what would be acted upon: ports, addresses, the shape of a line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, Literal, NamedTuple

from ivr.sip.errors import SdpError

__all__ = ["Attribute", "Direction", "Media", "Origin", "RtpMap", "Sdp"]

MAX_SDP: Final = 16384
"""Octets: a browser's offer with all its codecs and candidates has 8 KiB."""

MAX_LINES: Final = 512
"""Lines in all, for the same reason."""

MAX_MEDIA: Final = 16
"""Streams: an answer must have a line for each."""

MAX_FORMATS: Final = 64
"""Formats of a stream; the dynamic payload types are 32."""

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Attribute = tuple[str, str | None]

_DIRECTIONS: Final[dict[str, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
_MEDIA: Final = re.compile(
    r"([A-Za-z0-9\-.!%*_+~]{1,32}) ++([0-9]{1,5})(?:/([0-9]{1,5}))? ++([A-Za-z0-9\-.!%*_+~/]{1,64}) ++(\S.*+)"
)
_CONNECTION: Final = re.compile(r"IN ++(IP4|IP6) ++([A-Za-z0-9.:\-_]{1,255})(?:/[0-9/]{1,12})? *+")
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) ++([A-Za-z0-9\-.!%*_+~]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))? *+")
_FMTP: Final = re.compile(r"([0-9]{1,3}) ++(.*+)")
_RTCP: Final = re.compile(r"([0-9]{1,5})(?: ++(IN .*+))?")
_SMALL: Final = re.compile(r"([0-9]{1,5})(?:\.[0-9]{1,6})? *+")
_RTP: Final = ("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF")
_LINE_TYPES: Final = frozenset("vosiuepcbtrzkam")


class RtpMap(NamedTuple):
    """What a payload type stands for."""

    encoding: str
    """In lower case."""
    rate: int
    """Clock rate, Hz."""
    channels: int


class Origin(NamedTuple):
    """o= line."""

    username: str = "-"
    session_id: str = "0"
    """Digits, of any length."""
    version: str = "0"
    """Digits; grows by one with every changed description of a session."""
    family: str = "IP4"
    address: str = "0.0.0.0"

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} IN {self.family} {self.address}"


_COMMON: Final = {
    "0 PCMU/8000": (0, RtpMap("pcmu", 8000, 1)),
    "8 PCMA/8000": (8, RtpMap("pcma", 8000, 1)),
    "9 G722/8000": (9, RtpMap("g722", 8000, 1)),
    "18 G729/8000": (18, RtpMap("g729", 8000, 1)),
    "101 telephone-event/8000": (101, RtpMap("telephone-event", 8000, 1)),
}
"""What stands in nearly every offer, read already."""


class Media:
    """One m= line with what belongs to it. Attributes are read on use."""

    __slots__ = (
        "_rtpmap",
        "attributes",
        "family",
        "formats",
        "host",
        "inherited",
        "kind",
        "own_connection",
        "port",
        "protocol",
    )

    def __init__(
        self,
        kind: str,
        port: int,
        protocol: str,
        formats: list[str],
        *,
        family: str = "",
        host: str = "",
        attributes: list[Attribute] | None = None,
        inherited: Direction = "sendrecv",
        own_connection: bool = False,
    ) -> None:
        self.kind = kind
        """audio, video, image…, in lower case."""
        self.port = port
        """0 when the stream is refused or given up."""
        self.protocol = protocol
        """RTP/AVP, RTP/SAVP, udptl…, as written."""
        self.formats = formats
        """Payload types (RTP) or format names, as written."""
        self.family = family
        """IP4, IP6, or empty when there is no usable connection line."""
        self.host = host
        """Address of the connection in force, of the stream's own or the session's line; may be a name."""
        self.attributes: list[Attribute] = attributes if attributes is not None else []
        """(name, value or None) in order."""
        self.inherited: Direction = inherited
        """Direction of the session, in force where the stream has none."""
        self.own_connection = own_connection
        """Whether the connection is to be written with the stream."""
        self._rtpmap: dict[int, RtpMap] | None = None

    def get(self, name: str) -> str | None:
        """Value of the first attribute of this name; "" for a flag, None where there is none."""
        for attribute, value in self.attributes:
            if attribute == name:
                return value or ""
        return None

    @property
    def rtpmap(self) -> dict[int, RtpMap]:
        """Payload type → what it stands for; without the static ones that are not written."""
        if self._rtpmap is None:
            self._rtpmap = {}
            for name, value in self.attributes:
                if name == "rtpmap" and value:
                    known = _COMMON.get(value)
                    if known is not None:
                        self._rtpmap.setdefault(*known)
                    elif (match := _RTPMAP.fullmatch(value)) is not None:
                        number, encoding, rate, channels = match.groups()
                        self._rtpmap.setdefault(
                            int(number), RtpMap(encoding.lower(), int(rate), int(channels) if channels else 1)
                        )
        return self._rtpmap

    def fmtp(self, payload_type: int) -> str | None:
        """Format parameters of a payload type."""
        for name, value in self.attributes:
            if name == "fmtp" and value and (match := _FMTP.fullmatch(value)) is not None:  # noqa: SIM102
                if int(match[1]) == payload_type:
                    return match[2]
        return None

    @property
    def direction(self) -> Direction:
        """Direction, seen from who wrote the description."""
        for name, _ in self.attributes:
            if name in _DIRECTIONS:
                return _DIRECTIONS[name]
        return self.inherited

    @property
    def ptime(self) -> int | None:
        """Milliseconds of sound in a packet that the writer would like to receive."""
        return _small(self.get("ptime"))

    @property
    def maxptime(self) -> int | None:
        """Milliseconds of sound in a packet that the writer can take at most."""
        return _small(self.get("maxptime"))

    @property
    def rtcp(self) -> tuple[int, str | None] | None:
        """(port, address or None) of a=rtcp (RFC 3605); None where it is left to the next port."""
        value = self.get("rtcp")
        match = _RTCP.fullmatch(value) if value else None
        if match is None or not 0 < int(match[1]) < 65536:
            return None
        address = _CONNECTION.fullmatch(match[2]) if match[2] else None
        return int(match[1]), address[2] if address is not None else None


def _small(text: str | None) -> int | None:
    match = _SMALL.fullmatch(text) if text else None
    return int(match[1]) if match is not None else None


class Sdp:
    """A session description."""

    __slots__ = ("_origin", "attributes", "family", "host", "media", "name", "time")

    def __init__(
        self,
        origin: Origin | str,
        media: list[Media],
        *,
        family: str = "",
        host: str = "",
        name: str = "-",
        time: str = "0 0",
        attributes: list[Attribute] | None = None,
    ) -> None:
        self._origin = origin
        self.media = media
        """In order; an answer has as many."""
        self.family = family
        self.host = host
        """Connection of the session; empty where each stream has its own."""
        self.name = name
        self.time = time
        """The first t= line; an answer repeats it (RFC 3264 §6)."""
        self.attributes: list[Attribute] = attributes if attributes is not None else []
        """Those before the first m= line."""

    @property
    def origin(self) -> Origin:
        """o= line."""
        if isinstance(self._origin, str):
            self._origin = _parse_origin(self._origin)
        return self._origin

    @classmethod
    def parse(cls, data: bytes) -> Sdp:
        """Read a description; raises SdpError (400, or 413 when it is too large)."""
        if len(data) > MAX_SDP:
            raise SdpError("session description too large", 413)
        if b"\x00" in data:
            raise SdpError("NUL in the session description")
        text = data.decode("utf-8", "surrogateescape")
        lines = text.split("\r\n")
        if len(lines) != data.count(b"\n") + 1 or len(lines) != data.count(b"\r") + 1:
            text = text.replace("\r\n", "\n")
            if "\r" in text:
                raise SdpError("bare carriage return in the session description")
            lines = text.split("\n")
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        if len(lines) > MAX_LINES:
            raise SdpError("too many lines in the session description", 413)
        if lines[0].rstrip() != "v=0":
            raise SdpError("session description does not start with v=0")
        origin = ""
        family = host = ""
        name, time = "-", "0 0"
        session: list[Attribute] = []
        attributes = session
        media: list[Media] = []
        current: Media | None = None
        for line in lines[1:]:
            kind = line[:2]
            if kind == "a=":
                key, colon, value = line[2:].partition(":")
                attributes.append((key, value if colon else None))
            elif kind == "m=":
                current = _parse_media(line[2:])
                attributes = current.attributes
                media.append(current)
                if len(media) > MAX_MEDIA:
                    raise SdpError("too many streams")
            elif kind == "c=":
                found = _parse_connection(line[2:])
                if current is None:
                    family, host = found
                elif not current.own_connection:
                    current.family, current.host = found
                    current.own_connection = True
            elif kind == "o=":
                origin = origin or line[2:]
            elif kind == "s=":
                name = line[2:]
            elif kind == "t=":
                time = line[2:] if current is None and time == "0 0" else time
            elif line[1:2] != "=" or line[0] not in _LINE_TYPES:
                raise SdpError("malformed line in the session description")
        inherited: Direction = "sendrecv"
        for key, _ in session:
            if key in _DIRECTIONS:
                inherited = _DIRECTIONS[key]
        for stream in media:
            stream.inherited = inherited
            if not stream.own_connection:
                stream.family, stream.host = family, host
        return cls(origin or Origin(), media, family=family, host=host, name=name or "-", time=time, attributes=session)

    def encode(self) -> bytes:
        """The description as sent; raises SdpError where a value would break out of its line."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        if self.host:
            lines.append(f"c=IN {self.family} {self.host}")
        lines.append(f"t={self.time}")
        lines.extend(f"a={name}" if value is None else f"a={name}:{value}" for name, value in self.attributes)
        for media in self.media:
            lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.own_connection:
                lines.append(f"c=IN {media.family} {media.host}")
            lines.extend(f"a={name}" if value is None else f"a={name}:{value}" for name, value in media.attributes)
        lines.append("")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise SdpError("a value with a line break cannot be sent")
        return text.encode("utf-8", "surrogateescape")


def _parse_media(text: str) -> Media:
    parts = text.split()
    if len(parts) > 3 and parts[0] == "audio" and parts[2] in _RTP and parts[1].isascii() and parts[1].isdigit():
        # The usual stream, without a look at every character.
        if len(parts[1]) > 5 or (port := int(parts[1])) > 65535 or len(parts) > MAX_FORMATS + 3:
            raise SdpError("port out of range, or too many formats of one stream")
        return Media("audio", port, parts[2], parts[3:])
    match = _MEDIA.fullmatch(text)
    if match is None:
        raise SdpError("malformed m= line")
    kind, port_text, _, protocol, formats_text = match.groups()
    port = int(port_text)
    if port > 65535:
        raise SdpError("port out of range in the session description")
    formats = formats_text.split()
    if len(formats) > MAX_FORMATS:
        raise SdpError("too many formats of one stream")
    return Media(kind.lower(), port, protocol, formats)


@lru_cache(maxsize=1024)  # a pure function of a short text, and calls come from few hosts
def _parse_connection(text: str) -> tuple[str, str]:
    # A network that is not the Internet is none that could be sent to: the stream has no address then.
    match = _CONNECTION.fullmatch(text)
    if match is None:
        if text.startswith("IN "):
            raise SdpError("malformed c= line")
        return "", ""
    family, host = match[1], match[2].lower()
    if family == "IP6":
        try:
            IPv6Address(host)
        except ValueError:
            raise SdpError("malformed IPv6 address in the session description") from None
    elif ":" in host or (_IPV4.fullmatch(host) is None and host.replace(".", "").isdigit()):
        raise SdpError("malformed IPv4 address in the session description")
    return family, host


def _parse_origin(text: str) -> Origin:
    parts = text.split()
    if len(parts) != 6:
        # Some devices leave the user name empty or write blanks into it; nothing is decided on this line.
        return Origin()
    return Origin(parts[0], parts[1], parts[2], parts[4], parts[5])
