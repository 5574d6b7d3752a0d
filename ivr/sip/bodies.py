"""What bodies say: session descriptions (alone or in a multipart), digits of INFO, status lines of NOTIFY."""

from __future__ import annotations

import re
from typing import Final

from ivr.sip.errors import ParseError, SdpError
from ivr.sip.headers import parse_value
from ivr.sip.message import Message
from ivr.sip.sdp import Sdp

__all__ = ["FLASH", "digit_of", "key_body", "reads_keys", "sdp_of", "sipfrag_status"]

MAX_PARTS: Final = 16
"""Parts of a multipart that are looked at; an offer has two or three (ISUP, location)."""

DEFAULT_DIGIT: Final = 0.25
"""Seconds of a digit by INFO that says nothing of its length."""

MAX_DIGIT: Final = 10.0
"""Seconds of a digit that are believed."""

KEY_MS: Final = 160
"""Length that an INFO of ours tells of a key: as long as people press."""

_SIGNAL: Final = re.compile(
    rb"^[ \t]*Signal[ \t]*=[ \t]*([0-9A-D*#!]{1,2}|hf|flash)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_DURATION: Final = re.compile(rb"^[ \t]*Duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_PART_TYPE: Final = re.compile(rb"^(?:Content-Type|c)[ \t]*:[ \t]*application/sdp[ \t]*(?:;[^\r\n]*)?\r?$", re.M | re.I)
_SIPFRAG: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: |\r|\n|$)")
FLASH: Final = "!"
"""What stands for a hook flash."""
_DIGITS: Final = frozenset("0123456789*#ABCD" + FLASH)
_NUMBERED: Final = {
    **{"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": FLASH},
    **{"hf": FLASH, "flash": FLASH},
}


def sdp_of(message: Message) -> Sdp | None:
    """The session description of a message, None where it has no body.

    Raises SdpError: 415 for a body that is not understood (unless it is marked optional), 400 for a broken description.
    """
    body = message.body
    if not body:
        return None
    encoding = message.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        raise SdpError("encoded body", 415)
    kind = message.content_type
    if kind == "application/sdp" or (kind is None and body.startswith(b"v=0")):
        return Sdp.parse(body)
    if kind is not None and kind.startswith("multipart/"):
        part = _part(message.get("Content-Type") or "", body)
        if part is not None:
            return Sdp.parse(part)
    disposition = message.get("Content-Disposition")
    if disposition is not None and "handling=optional" in disposition.replace(" ", "").lower():
        return None
    raise SdpError("body of another type", 415)


def _part(content_type: str, body: bytes) -> bytes | None:
    try:
        boundary = parse_value(content_type)[1].get("boundary")
    except ParseError:
        return None
    if not boundary:
        return None
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("utf-8", "surrogateescape"), MAX_PARTS)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if _PART_TYPE.search(head) is not None:
            return content
    return None


def digit_of(message: Message) -> tuple[str, float] | None:
    """(digit, seconds) of an INFO with DTMF or a hook flash (``!``); None where it is none."""
    kind = message.content_type
    if kind in ("application/dtmf-relay", "application/hook-flash"):
        match = _SIGNAL.search(message.body)
        signal = match[1].decode() if match is not None else ""
        length = _DURATION.search(message.body)
        duration = min(int(length[1]) / 1000, MAX_DIGIT) if length is not None else DEFAULT_DIGIT
    elif kind == "application/dtmf":
        signal = message.body[:16].strip().decode("ascii", "replace")
        duration = DEFAULT_DIGIT
    else:
        return None
    digit = _NUMBERED.get(signal.lower(), signal).upper()
    return (digit, duration) if digit in _DIGITS else None


def key_body(key: str, ms: int = KEY_MS) -> tuple[str, bytes]:
    """Type and body of an INFO that says a key."""
    return "application/dtmf-relay", f"Signal={key}\r\nDuration={ms}\r\n".encode()


def reads_keys(message: Message) -> bool:
    """Whether its sender says that it reads keys by INFO (Accept)."""
    accept = message.get("Accept")
    return accept is not None and "application/dtmf-relay" in accept.lower()


def sipfrag_status(message: Message) -> int | None:
    """Status of the response that a NOTIFY of a REFER tells of (RFC 3515 §2.4.5)."""
    if message.content_type != "message/sipfrag":
        return None
    match = _SIPFRAG.match(message.body)
    return int(match[1]) if match is not None else None
