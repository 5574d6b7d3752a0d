"""REFER (RFC 3515): what a peer asks us to call, and the words by which one tells the other how that went.

Referred-By is RFC 3892, Refer-Sub RFC 4488. Of the headers in a Refer-To only those are taken over that carry the
caller's own data: a request made of what a stranger dictates is not ours any more (RFC 3261 §19.1.5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ivr.sip.errors import ParseError
from ivr.sip.headers import NameAddr
from ivr.sip.message import Header, Message, Request
from ivr.sip.names import REASONS, canonical_name
from ivr.sip.replaces import Replaces
from ivr.sip.uri import Uri

__all__ = ["ReferTarget", "refer_event_id", "refer_to", "sipfrag", "without_word"]

MAX_HEADERS: Final = 8
"""Headers of a Refer-To that are passed on."""
MAX_VALUE: Final = 512
"""Characters of each; User-to-User has 256 (RFC 7433 §4)."""

_EVENT: Final = re.compile(r"[ \t]*refer[ \t]*(?:;(.*))?", re.IGNORECASE | re.DOTALL)
_ID: Final = re.compile(r"(?:^|;)[ \t]*id[ \t]*=[ \t]*([0-9]{1,10})[ \t]*(?:;|$)", re.IGNORECASE)
_BREAKING: Final = re.compile(r"[\r\n\x00]")


@dataclass(frozen=True, slots=True)
class ReferTarget:
    """Who is to be called."""

    uri: Uri
    """Without headers."""
    replaces: Replaces | None = None
    """The dialog there that the call is to take the place of (an attended transfer)."""
    headers: tuple[Header, ...] = ()
    """What goes along: User-to-User and `X-` headers."""
    referred_by: str | None = None
    """Referred-By as it came."""

    @classmethod
    def of(cls, request: Request) -> ReferTarget:
        """Read a REFER. Raises ParseError (400) unless there is one Refer-To that can be called."""
        values = request.get_all("Refer-To")
        if len(values) != 1:
            raise ParseError("one Refer-To is needed")
        uri = NameAddr.parse(values[0]).uri
        method = uri.params.get("method") if uri.is_sip else None
        if method is not None and method.upper() != "INVITE":
            raise ParseError("a Refer-To of another method")
        replaces: Replaces | None = None
        headers: list[Header] = []
        for name, value in uri.headers.items():
            canonical = canonical_name(name)
            if canonical == "Replaces":
                replaces = Replaces.parse(value)
            elif canonical == "User-To-User" or canonical.startswith("X-"):
                headers.append((canonical, value))
        kept = tuple(
            header for header in headers if _BREAKING.search(header[1]) is None and len(header[1]) <= MAX_VALUE
        )[:MAX_HEADERS]
        by = request.get("Referred-By")
        return cls(uri.without_headers(), replaces, kept, by)


def without_word(message: Message) -> bool:
    """Whether a REFER, or its 2xx, says that there are no NOTIFYs: nobody wants to hear how it goes (RFC 4488 §4)."""
    return (message.get("Refer-Sub") or "").partition(";")[0].strip().lower() == "false"


def refer_to(uri: Uri, replaces: Replaces | None = None, headers: tuple[Header, ...] = ()) -> str:
    """The value of Refer-To: what the peer is to call, with what it is to send along."""
    extra = {name: value for name, value in headers}
    if replaces is not None:
        extra["Replaces"] = str(replaces)
    if extra and uri.is_sip:
        uri = Uri(uri.scheme, uri.user, uri.host, uri.port, uri.params, extra, uri.password)
    return f"<{uri}>"


def refer_event_id(event: str | None) -> tuple[bool, int | None]:
    """(whether this Event is `refer`, its id: the CSeq of the REFER, where it names one)."""
    match = _EVENT.fullmatch(event) if event is not None else None
    if match is None:
        return False, None
    found = _ID.search(match[1]) if match[1] is not None else None
    return True, int(found[1]) if found is not None else None


def sipfrag(status: int, reason: str | None = None) -> bytes:
    """Body of a NOTIFY (RFC 3515 §2.4.5): a status line and nothing more."""
    text = _BREAKING.sub(" ", reason) if reason else REASONS.get(status, "")
    return f"SIP/2.0 {status} {text}\r\n".encode("utf-8", "surrogateescape")
