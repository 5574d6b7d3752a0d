"""From octets to a message (RFC 3261 §7, §25; strict where RFC 4475 and RFC 5118 call a message malformed).

After `parse_message` every typed header of the message can be used without an error: what a call needs is read at
once, in one pass over the lines, and kept.
"""

from __future__ import annotations

import re
from typing import Final

from ivr.sip.errors import ParseError
from ivr.sip.headers import NameAddr, Via
from ivr.sip.message import Header, Message, Request, Response
from ivr.sip.names import KNOWN_NAMES, METHODS, SINGLE, canonical_name
from ivr.sip.uri import TOKEN, Uri

__all__ = ["MAX_HEAD", "MAX_HEADERS", "MAX_MESSAGE", "answerable", "parse_message"]

MAX_MESSAGE: Final = 65535
"""Octets of a message: what a UDP datagram can hold; a stream holds no more for one message either."""

MAX_HEAD: Final = 16384
"""Octets of start line and headers. A call through ten proxies with STIR/SHAKEN stays below 8 KiB; Kamailio and
Asterisk stop at 64 and 20 KiB."""

MAX_HEADERS: Final = 256
"""Header lines. Real messages have 10 to 40."""

_METHOD: Final = re.compile(TOKEN + r"{1,64}")
_NAME: Final = re.compile(TOKEN + r"{1,128}")
_VERSION: Final = re.compile(r"[Ss][Ii][Pp]/([0-9]{1,9})\.([0-9]{1,9})")
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_ESCAPED: Final = re.compile(rb"\\[\x00-\x09\x0b\x0c\x0e-\x7f]")
_STATUS_LINE: Final = re.compile(r"[Ss][Ii][Pp]/2\.0 ([1-6][0-9]{2})(?: (.*+))?+")
_CONTENT_LENGTH: Final = re.compile(r"[0-9]{1,10}")
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_BLANKS: Final = (" ", "\t")
_CONTROLS: Final = bytes((*range(0x09), *range(0x0A, 0x20), 0x7F))


def parse_message(data: bytes) -> Request | Response:
    """Read the message at the start of a datagram (or cut from a stream).

    What follows the Content-Length octets of body is ignored (RFC 3261 §18.3); without Content-Length the body is the
    rest. Raises ParseError: its `status` says what to answer, None to drop the message silently, `request` what could
    be read of a request. Time is linear in the size, and the size is limited.
    """
    try:
        return _parse(data)
    except ParseError as error:
        raise answerable(error, data) from None


def _parse(data: bytes) -> Request | Response:
    if len(data) > MAX_MESSAGE:
        raise ParseError("message too large", 513)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # §7.5: empty lines before the start line
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise ParseError("headers do not end")
    if end > MAX_HEAD:
        raise ParseError("headers too large", 513)
    octets = data[:end]
    lines = octets.decode("utf-8", "surrogateescape").split("\r\n")
    if len(octets.translate(None, _CONTROLS)) + 2 * (len(lines) - 1) != end:
        _check_controls(octets)
    start = lines[0]
    headers: list[Header] = []
    index: dict[str, str] = {}
    repeated: set[str] = set()
    if not _read(lines, headers, index, repeated):
        lines = _FOLD.sub(" ", "\r\n".join(lines)).split("\r\n")
        headers, index, repeated = [], {}, set()
        _read(lines, headers, index, repeated)

    body = data[end + 4 :]
    length = index.get("Content-Length")
    if length is not None:
        if _CONTENT_LENGTH.fullmatch(length) is None:
            raise ParseError("malformed Content-Length")
        size = int(length)
        if size < len(body):
            body = body[:size]
        elif size > len(body):
            raise ParseError("body shorter than Content-Length")

    message: Request | Response
    if start.startswith(("SIP/", "sip/")):
        message = _response(start, headers, body)
        message._index, message._repeated = index, repeated
        _ = message.cseq
    else:
        message = _request(start, headers, body)
        message._index, message._repeated = index, repeated
        if message.cseq_method != message.method:
            raise ParseError("CSeq has another method")
    _check(message, index, repeated)
    return message


def _read(lines: list[str], headers: list[Header], index: dict[str, str], repeated: set[str]) -> bool:
    """Take the header lines in; False when one is folded, and all must be read again unfolded."""
    if len(lines) > MAX_HEADERS and not any(line[:1] in _BLANKS for line in lines):
        raise ParseError("too many headers", 513)
    known = KNOWN_NAMES
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        canonical = known.get(name)
        if canonical is None:
            if line[:1] in _BLANKS:
                return False
            name = name.rstrip(" \t")
            if not colon or _NAME.fullmatch(name) is None:
                raise ParseError("malformed header name")
            canonical = canonical_name(name)
        elif not colon:
            raise ParseError("header without a colon")
        value = value.strip(" \t")
        headers.append((canonical, value))
        if canonical not in index:
            index[canonical] = value
        elif canonical in SINGLE:
            raise ParseError(f"more than one {canonical}")
        else:
            repeated.add(canonical)
    return True


def _check(message: Message, index: dict[str, str], repeated: set[str]) -> None:
    """Read, and so check, what a call needs; what stands there once as a single value without looking twice."""
    call_id = index.get("Call-ID")
    if not call_id or " " in call_id or "\t" in call_id:
        raise ParseError("no Call-ID, or a blank in it")
    try:
        via, from_, to = index["Via"], index["From"], index["To"]
    except KeyError:
        raise ParseError("no Via, From or To") from None
    if "," in via or "Via" in repeated:
        _ = message.vias
    else:
        message._vias = [Via.parse(via)]
    message._from = NameAddr.parse(from_)
    message._to = NameAddr.parse(to)
    contact = index.get("Contact")
    if contact is not None:
        if "," in contact or contact == "*" or "Contact" in repeated:
            _ = message.contacts
        else:
            message._contacts = [NameAddr.parse(contact)]
    if "Record-Route" in index:
        _ = message.record_routes
    if "Route" in index:
        _ = message.routes


def _request(start: str, headers: list[Header], body: bytes) -> Request:
    parts = start.split(" ")
    if len(parts) != 3:
        raise ParseError("malformed request line")
    method, uri_text, version = parts
    if version != "SIP/2.0":
        match = _VERSION.fullmatch(version)
        if match is None:
            raise ParseError("not SIP", None)
        if (int(match[1]), int(match[2])) != (2, 0):
            raise ParseError("SIP version not supported", 505)
    if method not in METHODS and _METHOD.fullmatch(method) is None:
        raise ParseError("malformed method")
    uri = Uri.parse(uri_text)
    if uri.headers:
        raise ParseError("headers in the Request-URI")
    return Request(method, uri, headers, body)


def _response(start: str, headers: list[Header], body: bytes) -> Response:
    match = _STATUS_LINE.fullmatch(start)
    if match is None:
        raise ParseError("malformed status line", None)
    return Response(int(match[1]), match[2] or "", headers, body)


def _check_controls(octets: bytes) -> None:
    """Refuse control characters but in a quoted-pair, the one place where the grammar has them."""
    rest = _ESCAPED.sub(b"", octets)
    if len(rest.translate(None, _CONTROLS)) + 2 * rest.count(b"\r\n") != len(rest):
        raise ParseError("control character or bare line break")


def answerable(error: ParseError, data: bytes) -> ParseError:
    """Add what can be read of the request in `data`, which may be cut off; without a status where nothing may or can be
    answered."""
    head, _, _ = data[: MAX_HEAD + 4].lstrip(b"\r\n").partition(b"\r\n\r\n")
    lines = _LINE_BREAK.split(_FOLD.sub(" ", head.decode("utf-8", "surrogateescape")))
    start = lines[0].split()
    if (
        error.status is None
        or len(start) < 3
        or _VERSION.fullmatch(start[-1]) is None
        or _METHOD.fullmatch(start[0]) is None
        or start[0] == "ACK"
    ):
        return ParseError(error.text, None)
    headers: list[Header] = []
    for line in lines[1 : MAX_HEADERS + 1]:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if colon and _NAME.fullmatch(name) is not None:
            canonical = canonical_name(name)
            if canonical not in SINGLE or all(canonical != other for other, _ in headers):
                headers.append((canonical, value.strip(" \t").replace("\x00", "")))
    # Without a Via nobody waits for an answer.
    if all(name != "Via" for name, _ in headers):
        return ParseError(error.text, None)
    try:
        uri = Uri.parse(start[1])
    except ParseError:
        uri = Uri("invalid", opaque="")
    return ParseError(error.text, error.status, Request(start[0], uri, headers))
