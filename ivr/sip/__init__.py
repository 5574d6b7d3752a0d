"""A SIP user agent without input or output: messages, transactions, dialogs, sessions, registrar (RFC 3261).

datagram → Stack.receive → transaction → dialog → session → event → its user → session.answer → Stack.outgoing
"""

from ivr.sip import negotiate
from ivr.sip.account import Account
from ivr.sip.challenger import Absent, Challenger, Failed, Stale, Verified
from ivr.sip.errors import BuildError, NotAcceptableError, ParseError, SdpError
from ivr.sip.events import (
    Answer,
    Answered,
    Confirmed,
    DtmfInfo,
    Ended,
    Event,
    Flow,
    IncomingCall,
    IncomingRefer,
    IncomingRequest,
    Info,
    InfoRefused,
    Offer,
    OfferRejected,
    ReferProgress,
    Rejected,
    Ringing,
)
from ivr.sip.headers import NameAddr, Via
from ivr.sip.inbound import InboundSession
from ivr.sip.invite import InviteRequest
from ivr.sip.making import make_request, make_response
from ivr.sip.message import STAR, Request, Response
from ivr.sip.negotiate import Agreed, Capabilities
from ivr.sip.offers import WrongStateError
from ivr.sip.outbound import OutboundSession
from ivr.sip.parser import parse_message
from ivr.sip.refer import ReferTarget
from ivr.sip.registration import Binding, Registrar, RegistrarLimits, RegistrationError
from ivr.sip.replaces import Replaces
from ivr.sip.sdp import Sdp
from ivr.sip.session import Session
from ivr.sip.session_base import SessionState
from ivr.sip.session_timer import SessionTimerPolicy
from ivr.sip.stack import Counts, Stack, StackConfig
from ivr.sip.transactions import ServerTransaction
from ivr.sip.uri import Uri

__all__ = [
    "STAR",
    "Absent",
    "Account",
    "Agreed",
    "Answer",
    "Answered",
    "Binding",
    "BuildError",
    "Capabilities",
    "Challenger",
    "Confirmed",
    "Counts",
    "DtmfInfo",
    "Ended",
    "Event",
    "Failed",
    "Flow",
    "InboundSession",
    "IncomingCall",
    "IncomingRefer",
    "IncomingRequest",
    "Info",
    "InfoRefused",
    "InviteRequest",
    "NameAddr",
    "NotAcceptableError",
    "Offer",
    "OfferRejected",
    "OutboundSession",
    "ParseError",
    "ReferProgress",
    "ReferTarget",
    "Registrar",
    "RegistrarLimits",
    "RegistrationError",
    "Rejected",
    "Replaces",
    "Request",
    "Response",
    "Ringing",
    "Sdp",
    "SdpError",
    "ServerTransaction",
    "Session",
    "SessionState",
    "SessionTimerPolicy",
    "Stack",
    "StackConfig",
    "Stale",
    "Uri",
    "Verified",
    "Via",
    "WrongStateError",
    "make_request",
    "make_response",
    "negotiate",
    "parse_message",
]
