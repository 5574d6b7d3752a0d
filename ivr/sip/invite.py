"""A call to place, as the stack's user asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.sip.account import Account
from ivr.sip.events import Flow
from ivr.sip.headers import NameAddr
from ivr.sip.message import Header
from ivr.sip.replaces import Replaces
from ivr.sip.uri import Uri

__all__ = ["InviteRequest"]


@dataclass(frozen=True, slots=True)
class InviteRequest:
    """A call to place."""

    uri: Uri
    """Request-URI."""
    from_: NameAddr
    """Caller, without a tag."""
    to: NameAddr
    """Called party, without a tag."""
    flow: Flow
    """Where it is sent; `SipShell.flow_to` makes one of an address."""
    sdp: bytes | None = None
    """Our offer; None asks the peer for one (`Answered.wants_answer`)."""
    headers: tuple[Header, ...] = ()
    """Further headers; none of those that make a dialog."""
    account: Account | None = None
    """Answers 401 and 407; None: a challenge is a refusal."""
    max_forwards: int = 70
    """Hops it may take; for a call that is passed on, one less than it came with (RFC 7332 §4)."""
    routes: tuple[str, ...] = ()
    """Route set to begin with (an outbound proxy): values with `<>`."""
    replaces: Replaces | None = None
    """Dialog of the called party that this call is to take the place of (RFC 3891); one that cannot refuses."""
    stream_ok: bool = False
    """Whether the peer takes TCP for what is too large for a datagram (RFC 3261 §18.1.1)."""
