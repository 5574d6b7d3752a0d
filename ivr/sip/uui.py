"""User-to-User (RFC 7433): what one application tells the next along with a call."""

from __future__ import annotations

from ivr.sip.errors import ParseError
from ivr.sip.headers import parse_params, unquote

__all__ = ["uui_text"]

def uui_text(value: str) -> str | None:
    """The text of a header value: of hexadecimal (as which it counts where nothing is said, RFC 7433 §4.1) or in
    quotes. None where it is no text."""
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
        text = bytes.fromhex(data.strip()).decode("utf-8")
    except ValueError:
        return None
    return text if text.isprintable() else None
