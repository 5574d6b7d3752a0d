"""What the stack tells its user, and the path that messages take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from ivr.sip.inbound import InboundSession
    from ivr.sip.message import Request
    from ivr.sip.refer import ReferTarget
    from ivr.sip.sdp import Sdp
    from ivr.sip.session import Session
    from ivr.sip.transactions import ServerTransaction

__all__ = [
    "Answer",
    "Answered",
    "Confirmed",
    "DtmfInfo",
    "Ended",
    "Event",
    "Flow",
    "IncomingCall",
    "IncomingRefer",
    "IncomingRequest",
    "Info",
    "InfoRefused",
    "Offer",
    "OfferRejected",
    "ReferProgress",
    "Rejected",
    "Ringing",
]

Address = tuple[str, int]
EndCause = Literal["bye", "cancel", "timeout", "error"]


class Flow(NamedTuple):
    """The path between a socket of ours and a peer."""

    transport: str
    """udp, tcp, tls, ws or wss."""
    local: Address
    """Our address as the packet saw it: never a wildcard."""
    remote: Address
    """The peer's address as the packet saw it."""
    connection: int = 0
    """Number of the connection of a stream transport; 0: whichever leads to the peer, or a new one."""
    name: str = ""
    """Domain that the peer of a connection yet to be opened proves with its certificate (RFC 5922)."""
    secure: bool = False
    """Whether a `sips:` URI was called, so that our Contact is one too (RFC 3261 §8.1.1.8, §12.1.1)."""

    @property
    def reliable(self) -> bool:
        """Whether the transport itself retransmits."""
        return self.transport != "udp"


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE outside a dialog. Answer with `session.ring`, `progress`, `answer` or `reject`; a 100 is sent by itself
    when nothing was answered by the time the events are drained."""

    session: InboundSession
    """The new session; `session.remote_sdp` holds the offer, None for an INVITE without one."""
    request: Request
    """The INVITE."""
    flow: Flow
    """Where it came from."""
    replaces: Session | None = None
    """The session that this one is to take the place of (RFC 3891), which exists and may be replaced by its state: once
    this one is answered, `hangup` that one. Whether the caller may do so is for the user to say."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """A provisional response (101 to 198) to our INVITE."""

    session: Session
    status: int
    """180, 183…"""
    sdp: Sdp | None
    """Early media; of several phones that ring for one INVITE, that of the one which began it last."""
    wants_answer: bool = False
    """`sdp` is the peer's offer (our INVITE had none), sent reliably: `session.answer_offer` acknowledges it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE was accepted."""

    session: Session
    sdp: Sdp | None
    """The answer to our offer, already acknowledged. None: the peer gave none."""
    wants_answer: bool = False
    """`sdp` is the peer's offer (our INVITE had none): `session.answer_offer` sends the ACK with our answer."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our INVITE failed; the session is over."""

    session: Session
    status: int
    """300 to 699; 408 also when nobody answered, 503 when it could not be sent."""
    reason: str
    """Reason phrase."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the response (Retry-After, Warning, Reason, Contact of a 3xx…); empty when there was none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The peer offers another session within the dialog: `session.answer_offer` or `session.reject_offer`. Before the
    call is answered too, by UPDATE or PRACK, where its first offer and answer went reliably."""

    session: Session
    sdp: Sdp | None
    """None: a re-INVITE without an offer, the peer wants ours."""
    method: str
    """INVITE, UPDATE or PRACK."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer answered our offer of a re-INVITE, an UPDATE, of our 200 (its answer came with the ACK), or of our
    reliable 183 (with the PRACK). After a refresh by re-INVITE it says again what is agreed."""

    session: Session
    sdp: Sdp


@dataclass(frozen=True, slots=True)
class OfferRejected:
    """Our re-INVITE or UPDATE failed; the session goes on as before. A 491 was retried before."""

    session: Session
    status: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The ACK of our 200 came: the call stands."""

    session: Session


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over without our doing. After `hangup`, `cancel` or `reject` of ours there are no more events."""

    session: Session
    cause: EndCause
    """bye: the peer hung up; cancel: it gave up before the answer; timeout: no ACK, or no response to a request in the
    dialog; error: it broke the protocol or lost the dialog (481)."""
    status: int | None = None
    """Status that belongs to the end, where there is one: 487, 408, 481…"""
    reason: str | None = None
    """Reason header of the peer's BYE or CANCEL, as written."""


@dataclass(frozen=True, slots=True)
class Info:
    """An INFO other than DTMF in the dialog; it is answered 200 already."""

    session: Session
    request: Request


@dataclass(frozen=True, slots=True)
class DtmfInfo:
    """A digit by INFO (application/dtmf-relay or application/dtmf); answered already."""

    session: Session
    digit: str
    """One of 0-9 * # A-D, or ! for a hook flash."""
    duration: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class InfoRefused:
    """An INFO of ours was not taken: the peer reads none of its kind."""

    session: Session
    status: int


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What became of our REFER: its answer (202, or a refusal, final), then what NOTIFY tells."""

    session: Session
    status: int
    final: bool
    """Nothing follows."""


@dataclass(frozen=True, slots=True)
class IncomingRefer:
    """The peer asks us to call somebody else in its place (RFC 3515); only where `session.takes_refers` was set. Answer
    with `session.accept_refer` and then `notify_refer` until a final status, or with `reject_refer`."""

    session: Session
    target: ReferTarget
    """Whom, and with what."""


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request outside a dialog that the stack leaves to its user (REGISTER): `stack.respond(transaction, …)`."""

    transaction: ServerTransaction
    request: Request
    flow: Flow


Event = (
    IncomingCall
    | Ringing
    | Answered
    | Rejected
    | Offer
    | Answer
    | OfferRejected
    | Confirmed
    | Ended
    | Info
    | DtmfInfo
    | InfoRefused
    | ReferProgress
    | IncomingRefer
    | IncomingRequest
)
