"""Requests of ours as they are kept while a transaction runs: text ready to be written out, again and again.

`make_request` builds a message to be looked at; here only the octets matter, and the ACK and CANCEL of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ivr.sip.errors import BuildError
from ivr.sip.message import Header, Response
from ivr.sip.names import canonical_name

__all__ = ["OutgoingRequest", "header_lines"]

_BREAKING: Final = re.compile(r"[\r\n\x00]")
_NAME: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}")
_OWN: Final = frozenset(
    ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length", "Max-Forwards", "Route", "Record-Route")
)
"""Headers that the stack writes itself: a second one would make the message ambiguous."""


def header_lines(headers: Iterable[Header]) -> str:
    """Headers of the stack's user as lines; raises BuildError for a line break, no name, or a header of the stack's."""
    lines = []
    for name, value in headers:
        canonical = canonical_name(name)
        if _NAME.fullmatch(name) is None or canonical in _OWN:
            raise BuildError("a header that cannot be added")
        if _BREAKING.search(value) is not None:
            raise BuildError("a value with a line break or NUL cannot be sent")
        lines.append(f"{canonical}: {value}\r\n")
    return "".join(lines)


class OutgoingRequest:
    """One request, without its Via, which each transaction writes for itself."""

    __slots__ = (
        "attempts",
        "body",
        "call_id",
        "content_type",
        "credentials",
        "cseq",
        "from_",
        "headers",
        "max_forwards",
        "method",
        "routes",
        "stream_ok",
        "to",
        "uri",
    )

    def __init__(
        self,
        method: str,
        uri: str,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        routes: Sequence[str] = (),
        headers: str = "",
        body: bytes = b"",
        content_type: str | None = None,
        max_forwards: int = 70,
    ) -> None:
        self.method = method
        self.uri = uri
        """Request-URI as sent."""
        self.from_ = from_
        """Value of From, with tag."""
        self.to = to
        """Value of To, with tag inside a dialog."""
        self.call_id = call_id
        self.cseq = cseq
        self.routes = "".join(f"Route: {route}\r\n" for route in routes)
        self.headers = headers
        """Further header lines, each with its line break."""
        self.body = body
        self.content_type = content_type
        self.max_forwards = max_forwards
        """Hops that the request may still take."""
        self.credentials = ""
        """Authorization and Proxy-Authorization lines; an ACK and a CANCEL repeat those of their INVITE."""
        self.attempts = 0
        """Challenges answered so far."""
        self.stream_ok = False
        """Whether it may go by TCP when it is too large for a datagram."""

    def encode(self, via: str) -> bytes:
        """The request with this Via value."""
        body = self.body
        content = f"Content-Type: {self.content_type}\r\n" if body and self.content_type is not None else ""
        text = (
            f"{self.method} {self.uri} SIP/2.0\r\nVia: {via}\r\n{self.routes}Max-Forwards: {self.max_forwards}\r\n"
            f"From: {self.from_}\r\nTo: {self.to}\r\nCall-ID: {self.call_id}\r\nCSeq: {self.cseq} {self.method}\r\n"
            f"{self.headers}{self.credentials}{content}Content-Length: {len(body)}\r\n\r\n"
        )
        return text.encode("utf-8", "surrogateescape") + body

    def _companion(self, method: str, via: str, to: str, headers: str = "") -> bytes:
        text = (
            f"{method} {self.uri} SIP/2.0\r\nVia: {via}\r\n{self.routes}Max-Forwards: 70\r\n"
            f"From: {self.from_}\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {self.cseq} {method}\r\n"
            f"{headers}{self.credentials}Content-Length: 0\r\n\r\n"
        )
        return text.encode("utf-8", "surrogateescape")

    def ack(self, via: str, response: Response) -> bytes:
        """The ACK of a response from 300 on: same branch, the To of the response (RFC 3261 §17.1.1.3)."""
        return self._companion("ACK", via, response.get("To") or self.to)

    def cancel(self, via: str, headers: str = "") -> bytes:
        """The CANCEL of this INVITE: same branch, same To (RFC 3261 §9.1); `headers` are further lines of it."""
        return self._companion("CANCEL", via, self.to, headers)
