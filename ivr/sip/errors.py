"""What can be wrong with a SIP message or a session description.

ProtocolError                   (ivr.errors)
├── ParseError                  a message breaks RFC 3261; says whether and how to answer it
├── BuildError                  we were about to send a message that cannot be sent
└── SdpError                    a session description breaks RFC 8866
    └── NotAcceptableError      it is sound but nothing in it can be agreed on: 488
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.errors import ProtocolError

if TYPE_CHECKING:
    from ivr.sip.message import Request

__all__ = ["BuildError", "NotAcceptableError", "ParseError", "SdpError"]


class ParseError(ProtocolError):
    """A message, or a header value, breaks the grammar or a limit.

    `status` is what to answer (400, 505, 513), or None: drop silently (a response, an ACK, what cannot be answered,
    what is no SIP at all). `request` is what could be read of a request, enough for `make_response`; its raw headers
    are good, typed access to them may raise ParseError again.
    """

    def __init__(self, text: str, status: int | None = 400, request: Request | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.request = request


class BuildError(ProtocolError):
    """A header value or start line would break out of its line; nothing was sent."""


class SdpError(ProtocolError):
    """A session description cannot be used; `status` is what to answer (400 or 488)."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class NotAcceptableError(SdpError):
    """The session description is sound, but no stream in it can be agreed on: 488 Not Acceptable Here."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 488)
