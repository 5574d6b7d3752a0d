"""Outbound sessions: the client's side of an INVITE, with forks, challenges and CANCEL, until it is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ivr.sip.bodies import reads_keys, sdp_of
from ivr.sip.dialog import Dialog
from ivr.sip.errors import BuildError, SdpError
from ivr.sip.events import Answered, Rejected
from ivr.sip.forks import MAX_FORKS, EarlyDialogs, LateAnswer
from ivr.sip.invite import InviteRequest
from ivr.sip.message import Response
from ivr.sip.offers import OfferInput, OfferState
from ivr.sip.outgoing import OutgoingRequest, header_lines
from ivr.sip.sdp import Sdp
from ivr.sip.session_base import SessionState, reason_line
from ivr.sip.session_timer import min_se
from ivr.sip.tables import State
from ivr.sip.transactions import ClientTransaction

if TYPE_CHECKING:
    from ivr.sip.stack import Stack

__all__ = ["OutboundSession"]

MAX_WANTED: Final = 86_400
"""Seconds of a session interval that a peer may demand; a day is no sign of life any more."""

_BREAKING: Final = re.compile(r"[\r\n\x00]")


class OutboundSession(EarlyDialogs):
    """A call of ours."""

    __slots__ = ("_late", "_lines", "_wanted")

    def __init__(self, stack: Stack, invite: InviteRequest, call_id: str, local_tag: str) -> None:
        super().__init__(stack, invite, call_id, local_tag)
        self._account = invite.account
        self._late: dict[str | None, LateAnswer] = {}
        self._lines = ""
        """Header lines of the INVITE, without those of the session timer."""
        self._wanted = 0
        """Seconds of Session-Expires that the INVITE asks for; 0: none."""

    @property
    def heard(self) -> bool:
        """Whether the peer has given any answer to the INVITE, 100 included."""
        return self._invite.state is not State.CALLING

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
        self._lines = stack.layer.names(self.flow).contact + stack.ability_lines + header_lines(invite.headers)
        if invite.replaces is not None:
            self._lines += header_lines((("Replaces", str(invite.replaces)), ("Require", "replaces")))
        policy = stack.config.session_timer
        self._wanted = max(policy.expires, policy.minimum) if policy.mode == "request" else 0
        request = OutgoingRequest(
            "INVITE",
            texts[0],
            texts[1],
            texts[2],
            self.call_id,
            1,
            invite.routes,
            self._lines + policy.request_lines(),
            invite.sdp or b"",
            "application/sdp",
            invite.max_forwards,
        )
        request.stream_ok = invite.stream_ok
        if invite.sdp is not None:
            self._advance(OfferInput.SEND_OFFER)
        self._invite = stack.layer.request(request, invite.flow, self, now)

    def cancel(self, now: float, reason: str | None = None) -> None:
        """Give up before the answer; an answer that crosses the CANCEL is hung up. No more events come."""
        self.hangup(now, reason)

    def _leave_early(self, now: float, reason: str | None) -> None:
        self._cancel_wanted = True
        self._hangup_reason = reason
        self._leave_pending(now)
        self._try_cancel(now)
        if self._invite.state not in (State.CALLING, State.PROCEEDING):
            # Its answer came and could not be handled; it comes again, and is hung up then.
            self._gone()

    def _lose_early(self, now: float) -> None:
        if self._invite.state is State.CALLING:
            self._stack.layer.lost((self._invite.key,), now)
            return
        self._leave_pending(now)
        self._invite.give_up(now)
        if not self._cancel_wanted:
            self._emit(Rejected(self, 503, "the peer has died"))
        self._gone()

    def _try_cancel(self, now: float) -> None:
        # RFC 3261 §9.1: no CANCEL before a provisional response.
        if self._invite.state is State.PROCEEDING:
            self._stack.layer.cancel(self._invite, self, now, reason_line(self._hangup_reason))

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

    def _dialog_of(self, response: Response) -> Dialog | None:
        contacts = response.contacts
        request, flow = self._invite.request, self._invite.path
        # A peer that gives no Contact in its 2xx breaks §12.1.1; it can still be reached as it was.
        target = contacts[0].uri if len(contacts) == 1 else self.invite.uri
        if not target.is_sip:
            return None
        dialog = Dialog.of_response(request, self.local_tag, response, target, flow)
        dialog.stream_ok = self.invite.stream_ok
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
        early = self._early.get(tag) if tag is not None else None
        if early is not None:
            dialog.remote_cseq = early.dialog.remote_cseq
            dialog.local_cseq = max(dialog.local_cseq, early.dialog.local_cseq)
        same = early is not None and early.dialog is self.dialog
        self._drop_early()
        self._adopt(dialog)
        try:
            sdp = sdp_of(response)
        except SdpError:
            sdp = None
        self._peer_allow = response.get("Allow")
        self.reads_keys = self.reads_keys or reads_keys(response)
        if self._cancel_wanted:
            self.state = SessionState.CONFIRMED
            self._send_ack(request, now)
            self._bye(now, self._hangup_reason)
            return
        settled = early is not None and early.answered
        if self.invite.sdp is None and not settled:
            self._timer_answered(response, self._wanted, now)
            self._offered(transaction, sdp, now)
            return
        self.state = SessionState.CONFIRMED
        self._send_ack(request, now)
        self._timer_answered(response, self._wanted, now)
        if early is not None and settled:
            # What was agreed since by UPDATE stands, where this is the phone that it was agreed with.
            sdp = self.remote_sdp if same else early.sdp
        else:
            # The answer may have come in a 183 alone.
            sdp = sdp or (early.sdp if early is not None else self.remote_sdp)
        if self._offer_state is OfferState.LOCAL_OFFER and not (settled and same):
            self._advance(OfferInput.RECEIVE_ANSWER if sdp is not None else OfferInput.ABANDON)
        if not same and self._offer_state is OfferState.REMOTE_OFFER:
            self._leave_pending(now)
            self._advance(OfferInput.ABANDON)
        self._local_sdp = self._local_sdp if settled and same else self.invite.sdp
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
        fork = self._late.get(tag)
        if fork is None:
            dialog = self._dialog_of(response) if len(self._late) < MAX_FORKS else None
            if dialog is None:
                return
            hop = dialog.hop()
            ack = dialog.request("ACK", cseq=self._invite.request.cseq)
            ack.credentials = self._invite.request.credentials
            fork = self._late[tag] = LateAnswer(ack.encode(layer.names(hop).via + layer.tokens.take()), hop)
            layer.send(fork.ack, hop)
            layer.request(dialog.request("BYE"), hop, fork, now)
        else:
            layer.send(fork.ack, fork.hop)

    def _refused(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        old = transaction.request
        headers, credentials = old.headers, None
        if not self._cancel_wanted:
            if response.status == 422:
                headers = self._longer(response) or ""
            else:
                credentials = self._credentials(transaction, response)
        if credentials is None and (response.status != 422 or not headers or self._cancel_wanted):
            self._leave_pending(now)
            self._emit(Rejected(self, response.status, response.reason, tuple(response.headers)))
            self._gone()
            return
        self._leave_pending(now)
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
            headers,
            old.body,
            old.content_type,
            old.max_forwards,
        )
        request.credentials = credentials or old.credentials
        request.attempts = old.attempts + (credentials is not None)
        request.stream_ok = old.stream_ok
        self._invite = self._stack.layer.request(request, transaction.path, self, now)

    def _longer(self, response: Response) -> str | None:
        """Header lines of the INVITE with the interval that a 422 asks for (RFC 4028 §7.3); None where it asks in
        vain."""
        policy, least = self._stack.config.session_timer, min_se(response)
        if not policy.on or not self._wanted < least <= MAX_WANTED:
            return None
        self._wanted = least
        return self._lines + policy.request_lines(least, least)

    def _gone(self) -> None:
        self._drop_early()
        super()._gone()
