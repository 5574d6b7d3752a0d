"""Outbound sessions: the client's side of an INVITE, with forks, challenges and CANCEL, until it is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ivr.sip.account import Account
from ivr.sip.bodies import sdp_of
from ivr.sip.dialog import Dialog, DialogId
from ivr.sip.errors import BuildError, SdpError
from ivr.sip.events import Answered, Flow, Rejected, Ringing
from ivr.sip.headers import NameAddr
from ivr.sip.message import Header, Response
from ivr.sip.offers import OfferInput
from ivr.sip.outgoing import OutgoingRequest, header_lines
from ivr.sip.replaces import Replaces
from ivr.sip.sdp import Sdp
from ivr.sip.session import Session
from ivr.sip.session_base import SessionState
from ivr.sip.tables import State
from ivr.sip.transactions import ClientTransaction
from ivr.sip.uri import Uri

if TYPE_CHECKING:
    from ivr.sip.stack import Stack

__all__ = ["InviteRequest", "OutboundSession"]

MAX_FORKS: Final = 16
"""Early dialogs, and further answers, of one INVITE that are kept: more phones do not ring for one number."""

_BREAKING: Final = re.compile(r"[\r\n\x00]")


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


class _Fork:
    """Another answer to the same INVITE: acknowledged as often as it comes, hung up once (RFC 3261 §13.2.2.4)."""

    __slots__ = ("ack", "hop")

    def __init__(self, ack: bytes, hop: Flow) -> None:
        self.ack = ack
        self.hop = hop

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The answer to the BYE is of no interest."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Nor that there is none."""


class OutboundSession(Session):
    """A call of ours."""

    __slots__ = ("_cancel_wanted", "_early", "_forks", "_invite", "invite")

    def __init__(self, stack: Stack, invite: InviteRequest, call_id: str, local_tag: str) -> None:
        super().__init__(stack, "outbound", call_id, local_tag, invite.flow)
        self.invite = invite
        """What was asked for."""
        self._account = invite.account
        self._early: dict[str | None, DialogId] = {}
        self._forks: dict[str | None, _Fork] = {}
        self._invite: ClientTransaction
        self._cancel_wanted = False

    @property
    def remote_uri(self) -> str:
        """To, as written."""
        return self.dialog.remote if self.dialog is not None else str(self.invite.to)

    def start(self, now: float) -> None:
        """Send the INVITE; raises BuildError for what cannot be sent."""
        invite, stack = self.invite, self._stack
        texts = (str(invite.uri.without_headers()), str(invite.from_.with_tag(self.local_tag)), str(invite.to))
        if any(_BREAKING.search(text) is not None for text in (*texts, *invite.routes)) or " " in texts[0]:
            raise BuildError("an address that cannot be sent")
        headers = stack.layer.names(invite.flow).contact + stack.ability_lines + header_lines(invite.headers)
        request = OutgoingRequest(
            "INVITE",
            texts[0],
            texts[1],
            texts[2],
            self.call_id,
            1,
            invite.routes,
            headers,
            invite.sdp or b"",
            "application/sdp",
            invite.max_forwards,
        )
        if invite.sdp is not None:
            self._advance(OfferInput.SEND_OFFER)
        self._invite = stack.layer.request(request, invite.flow, self, now)

    def cancel(self, now: float, reason: str | None = None) -> None:
        """Give up before the answer; an answer that crosses the CANCEL is hung up. No more events come."""
        self.hangup(now, reason)

    def _leave_early(self, now: float, reason: str | None) -> None:
        self._cancel_wanted = True
        self._hangup_reason = reason
        self._try_cancel(now)

    def _try_cancel(self, now: float) -> None:
        # RFC 3261 §9.1: no CANCEL before a provisional response.
        if self._invite.state is State.PROCEEDING:
            self._stack.layer.cancel(self._invite, self, now)

    # Responses to the INVITE

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if transaction is not self._invite:
            super().on_response(transaction, response, now)
        elif response.status < 200:
            self._provisional(response, now)
        elif response.status < 300:
            self._accepted(transaction, response, now)
        elif self.state is SessionState.EARLY:
            self._refused(transaction, response, now)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        if transaction is not self._invite:
            super().on_failure(transaction, status, now)
        elif self.state is SessionState.EARLY:
            self._emit(Rejected(self, status, "no response" if status == 408 else "cannot be sent"))
            self._gone()

    def _provisional(self, response: Response, now: float) -> None:
        if self.state is not SessionState.EARLY:
            return
        if self._cancel_wanted:
            self._try_cancel(now)
            return
        if response.status == 100:
            return
        tag = response.to.tag
        if tag is not None and tag not in self._early and response.contacts and len(self._early) < MAX_FORKS:
            dialog = self._dialog_of(response)
            if dialog is not None:
                self._adopt(dialog)
                self._early[tag] = dialog.id
        try:
            sdp = sdp_of(response)
        except SdpError:
            sdp = None
        if sdp is not None:
            self.remote_sdp = sdp
        self._emit(Ringing(self, response.status, sdp))

    def _dialog_of(self, response: Response) -> Dialog | None:
        contacts = response.contacts
        request, flow = self._invite.request, self._invite.flow
        # A peer that gives no Contact in its 2xx breaks §12.1.1; it can still be reached as it was.
        target = contacts[0].uri if len(contacts) == 1 else self.invite.uri
        if not target.is_sip:
            return None
        dialog = Dialog.of_response(request, self.local_tag, response, target, flow)
        # A phone behind a NAT that was called by its registered flow names the address it was registered with.
        uri = self.invite.uri
        dialog.symmetric = (uri.host, uri.port) == (target.host, target.port) and (
            uri.host,
            uri.port or 5060,
        ) != flow.remote
        return dialog

    def _accepted(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        request, tag = transaction.request, response.to.tag
        if self.state is not SessionState.EARLY:
            if self.dialog is not None and self.dialog.remote_tag == tag:
                self._repeat_ack(request.cseq)
            else:
                self._hang_up_fork(response, now)
            return
        dialog = self._dialog_of(response)
        if dialog is None:
            # Nothing to send an ACK to: the peer will give up by itself.
            self._emit(Rejected(self, 502, "no usable Contact"))
            self._gone()
            return
        stack = self._stack
        early = stack.dialogs.get(dialog.id)
        if early is not None:
            dialog.remote_cseq = early.remote_cseq
            dialog.local_cseq = max(dialog.local_cseq, early.local_cseq)
        self._drop_early()
        self._adopt(dialog)
        try:
            sdp = sdp_of(response)
        except SdpError:
            sdp = None
        if self._cancel_wanted:
            self.state = SessionState.CONFIRMED
            self._send_ack(request, now)
            self._bye(now, self._hangup_reason)
            return
        if self.invite.sdp is None:
            self._offered(transaction, sdp, now)
            return
        self.state = SessionState.CONFIRMED
        self._send_ack(request, now)
        # The answer may have come in a 183 alone.
        sdp = sdp or self.remote_sdp
        self._advance(OfferInput.RECEIVE_ANSWER if sdp is not None else OfferInput.ABANDON)
        self.remote_sdp = sdp
        self._emit(Answered(self, sdp))

    def _offered(self, transaction: ClientTransaction, sdp: Sdp | None, now: float) -> None:
        self.state = SessionState.ANSWERED
        if sdp is None:
            self.state = SessionState.CONFIRMED
            self._send_ack(transaction.request, now)
            self._emit(Rejected(self, 488, "neither offer nor answer"))
            self._closed = True
            self._bye(now)
            return
        self._advance(OfferInput.RECEIVE_OFFER)
        self._wants_ack = transaction
        self.remote_sdp = sdp
        self._emit(Answered(self, sdp, wants_answer=True))

    def _hang_up_fork(self, response: Response, now: float) -> None:
        tag = response.to.tag
        layer = self._stack.layer
        fork = self._forks.get(tag)
        if fork is None:
            dialog = self._dialog_of(response) if len(self._forks) < MAX_FORKS else None
            if dialog is None:
                return
            hop = dialog.hop()
            ack = dialog.request("ACK", cseq=self._invite.request.cseq)
            ack.credentials = self._invite.request.credentials
            fork = self._forks[tag] = _Fork(ack.encode(layer.names(hop).via + layer.tokens.take()), hop)
            layer.send(fork.ack, hop)
            layer.request(dialog.request("BYE"), hop, fork, now)
        else:
            layer.send(fork.ack, fork.hop)

    def _refused(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        old = transaction.request
        credentials = None if self._cancel_wanted else self._credentials(transaction, response)
        if credentials is not None:
            self._drop_early()
            self.dialog = None
            request = OutgoingRequest(
                "INVITE",
                old.uri,
                old.from_,
                old.to,
                old.call_id,
                old.cseq + 1,
                self.invite.routes,
                old.headers,
                old.body,
                old.content_type,
                old.max_forwards,
            )
            request.credentials = credentials
            request.attempts = old.attempts + 1
            self._invite = self._stack.layer.request(request, transaction.flow, self, now)
            return
        self._emit(Rejected(self, response.status, response.reason, tuple(response.headers)))
        self._gone()

    def _gone(self) -> None:
        self._drop_early()
        super()._gone()

    def _drop_early(self) -> None:
        for identity in self._early.values():
            early = self._stack.dialogs.pop(identity, None)
            if early is not None:
                early.session = None
        self._early.clear()
