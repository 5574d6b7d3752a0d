"""User-to-User (RFC 7433): what one application tells the next along with a call."""

from __future__ import annotations

from ivr.sip.errors import ParseError
from ivr.sip.headers import parse_params, unquote

__all__ = ["uui_text"]

_DISCRIMINATORS = (b"\x00", b"\x04")
"""First octet of data that has come through an ISDN: user-specific, IA5 characters (RFC 7434, ITU-T Q.931 §4.5.30)."""


def uui_text(value: str) -> str | None:
    """The text of a header value: of hexadecimal (as which it counts where nothing is said, RFC 7433 §4.1) or in
    quotes, without the octet that an ISDN puts before it. None where it is no text."""
    value = value.strip()
    if value.startswith('"'):
        try:
            return unquote(value[: value.find('"', 1) + 1] or value)
        except ParseError:
            return None
    data, semicolon, rest = value.partition(";")
    try:
        encoding = parse_params(semicolon + rest).get("encoding") or "hex"
    except ParseError:
        return None
    if encoding.lower() != "hex":
        return None
    try:
        octets = bytes.fromhex(data.strip())
        text = (octets[1:] if octets[:1] in _DISCRIMINATORS else octets).decode("utf-8")
    except ValueError:
        return None
    return text if text.isprintable() else None
