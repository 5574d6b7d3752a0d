"""The making of requests and responses that need no dialog (RFC 3261 §8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ivr.sip.errors import BuildError, ParseError
from ivr.sip.headers import NameAddr, Via
from ivr.sip.message import Header, Request, Response, checked, checked_name
from ivr.sip.names import REASONS
from ivr.sip.uri import TOKEN, Uri

__all__ = ["make_request", "make_response"]

_METHOD: Final = re.compile(TOKEN + r"{1,64}")
_NOT_IN_LINE: Final = re.compile(r"[\s<>]")
_TAG: Final = re.compile(r";[ \t]*tag[ \t]*=", re.IGNORECASE)
_COPIED: Final = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_WITH_ROUTES: Final = frozenset((*_COPIED, "Record-Route"))


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    contact: str | None = None,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """Answer a request (RFC 3261 §8.2.6): every Via, From, To, Call-ID and CSeq as they came; Record-Route in 101 to
    299, where a dialog is made of it; Timestamp in a 100. `to_tag` is added where To has none. Works on what could be
    parsed of a broken request too. `contact` is a URI or a whole Contact value. Raises BuildError for a line break in
    what is given."""
    copied = _WITH_ROUTES if 100 < status < 300 else _COPIED
    lines = [header for header in request.headers if header[0] in copied]
    if to_tag is not None:
        for place, (name, value) in enumerate(lines):
            if name == "To":
                if not _has_tag(request, value):
                    lines[place] = ("To", f"{value};tag={checked(to_tag)}")
                break
    if status == 100 and (timestamp := request.get("Timestamp")) is not None:
        lines.append(("Timestamp", timestamp))
    if contact is not None:
        lines.append(("Contact", checked(contact if "<" in contact else f"<{contact}>")))
    _extend(lines, headers, body, content_type)
    return Response(status, REASONS.get(status, "") if reason is None else checked(reason), lines, body)


def _has_tag(request: Request, value: str) -> bool:
    try:
        return request.to.tag is not None
    except ParseError:
        return _TAG.search(value.rpartition(">")[2]) is not None


def _extend(lines: list[Header], headers: Iterable[Header], body: bytes, content_type: str | None) -> None:
    for name, value in headers:
        lines.append((checked_name(name), checked(value)))
    if content_type is not None:
        lines.append(("Content-Type", checked(content_type)))


def make_request(
    method: str,
    uri: Uri | str,
    *,
    call_id: str,
    cseq: int,
    from_: NameAddr | str,
    to: NameAddr | str,
    via: Via | str,
    routes: Iterable[NameAddr | str] = (),
    contact: NameAddr | str | None = None,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str | None = None,
    max_forwards: int = 70,
) -> Request:
    """Make a request (RFC 3261 §8.1.1). Text given for a header is written as it is; a line break or NUL in any of it
    raises BuildError, a URI that is none ParseError."""
    target = Uri.parse(uri) if isinstance(uri, str) else uri
    if _METHOD.fullmatch(method) is None:
        raise BuildError("no method")
    if _NOT_IN_LINE.search(str(target)) is not None:
        raise BuildError("a Request-URI with a blank cannot be sent")
    lines: list[Header] = [("Via", checked(str(via)))]
    lines.extend(("Route", checked(str(route))) for route in routes)
    lines += [
        ("Max-Forwards", str(max_forwards)),
        ("From", checked(str(from_))),
        ("To", checked(str(to))),
        ("Call-ID", checked(call_id)),
        ("CSeq", f"{cseq} {method}"),
    ]
    if contact is not None:
        text = str(contact)
        lines.append(("Contact", checked(text if "<" in text else f"<{text}>")))
    _extend(lines, headers, body, content_type)
    return Request(method, target, lines, body)
