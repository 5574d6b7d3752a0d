"""Inbound sessions: the server's side of an INVITE, until it is answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ivr.sip.bodies import reads_keys, sdp_of
from ivr.sip.dialog import Dialog
from ivr.sip.errors import SdpError
from ivr.sip.events import Flow, Offer
from ivr.sip.message import Header, Request
from ivr.sip.offers import OfferInput, OfferState, WrongStateError
from ivr.sip.outgoing import header_lines
from ivr.sip.reliable import MAX_RSEQ, ReliableSender, names_option, rack_of
from ivr.sip.sdp import Sdp
from ivr.sip.session import Session
from ivr.sip.session_base import SessionState
from ivr.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from ivr.sip.stack import Stack

__all__ = ["InboundSession"]

REPEAT_PROVISIONAL: Final = 60.0
"""Seconds between provisional responses, so that no proxy on the way gives up (RFC 3261 §13.3.1.1)."""


class InboundSession(Session):
    """A call from outside."""

    __slots__ = ("_answer_waits", "_early_sdp", "_expires_timer", "_provisional", "_provisional_timer", "_reliable")

    def __init__(
        self,
        stack: Stack,
        request: Request,
        transaction: ServerTransaction,
        local_tag: str,
        flow: Flow,
        sdp: Sdp | None,
    ) -> None:
        super().__init__(stack, "inbound", request.call_id, local_tag, flow)
        self.request = request
        self.remote_sdp = sdp
        if sdp is not None:
            self._offer_state = OfferState.REMOTE_OFFER
        self.reads_keys = reads_keys(request)
        self._server_invite = transaction
        transaction.on_cancel = self._on_cancel
        self._early_sdp = b""
        self._answer_waits: bytes | None = None
        """Our 200, wanted but not sent: a description before it is not acknowledged yet (RFC 3262 §5)."""
        self._reliable: ReliableSender | None = None
        self._provisional = 0
        self._provisional_timer: Any = None
        self._expires_timer: Any = None

    @property
    def remote_uri(self) -> str:
        """From of the caller, as written."""
        return self.request.get("From") or ""

    @property
    def remote_tag(self) -> str | None:
        """The caller's tag."""
        return self.request.from_.tag

    def expire(self, seconds: float, now: float) -> None:
        """Give the caller up when the Expires of its INVITE is over (RFC 3261 §13.3.1)."""
        self._expires_timer = self._stack.layer.timers.arm(now + seconds, self._on_expires)

    # Verbs

    def trying(self, now: float) -> None:
        """Send 100 now; the stack does it by itself once the events are drained."""
        if self._server_invite is not None and self.state is SessionState.EARLY and not self._provisional:
            self._reply(self._server_invite, 100, now)

    def ring(self, now: float) -> None:
        """Send 180 Ringing, or go on with early media where that was begun."""
        if not self._early_sdp:
            self._progress(180, b"", now)

    def progress(self, sdp: bytes, now: float) -> None:
        """Send 183 with a description: early media. The answer must be the same description. To an INVITE without an
        offer it is ours, and only a caller with `can_be_reliable` gets one."""
        if self.remote_sdp is None and not self.can_be_reliable:
            raise WrongStateError("an offer before the answer goes reliably or not at all")
        self._early_sdp = sdp
        self._progress(183, sdp, now)

    @property
    def can_be_reliable(self) -> bool:
        """Whether the caller acknowledges provisional responses (RFC 3262)."""
        return names_option(self.request, "Supported") or names_option(self.request, "Require")

    @property
    def _unacknowledged(self) -> bool:
        """Whether a description of ours waits for its PRACK: no 200 may overtake it (RFC 3262 §3)."""
        return self._reliable is not None and bool(self._reliable.sending)

    def answer(self, sdp: bytes | None, now: float) -> None:
        """Send 200; see `Session.answer`."""
        if self.ended or self._answer_waits is not None:
            return
        transaction = self._server_invite
        if self.state is not SessionState.EARLY or transaction is None:
            raise WrongStateError("answered already")
        body = sdp or self._early_sdp
        if not body:
            raise WrongStateError("an answer needs a session description")
        if self._unacknowledged or self._server_update is not None:
            self._answer_waits = body
            return
        self._answer_now(transaction, body, now)

    def _answer_now(self, transaction: ServerTransaction, body: bytes, now: float) -> None:
        if self._offer_state is OfferState.STABLE and self._local_sdp is not None:
            # Offer and answer went reliably before: a description here would be another offer (RFC 6337 §3.1.1).
            body = b""
        else:
            remote = self._offer_state is OfferState.REMOTE_OFFER
            self._advance(OfferInput.SEND_ANSWER if remote else OfferInput.SEND_OFFER)
            self._local_sdp = body
        self._make_dialog()
        self._settle()
        self.state = SessionState.ANSWERED
        self._send_ok(transaction, self.request.cseq, now, body, self._timer_answer(self.request, now))

    def reject(self, status: int, now: float, reason: str | None = None, headers: Iterable[Header] = ()) -> None:
        """Refuse the call; see `Session.reject`."""
        if self.ended:
            return
        transaction = self._server_invite
        if self.state is not SessionState.EARLY or transaction is None:
            self.hangup(now, reason)
            return
        lines = header_lines(headers) if headers else ""
        self._closed = True
        self._settle()
        self._leave_pending(now)
        self._reply(transaction, status, now, lines, reason=reason)
        self._gone()

    # Inside

    def _leave_early(self, now: float, reason: str | None) -> None:
        if self._answer_waits is not None:
            # It is answered as far as anybody here knows: the 200 goes out first, then the BYE.
            self._hangup_wanted = True
            self._hangup_reason = reason
        else:
            self.reject(480, now)

    def _make_dialog(self) -> None:
        if self.dialog is None:
            self._adopt(Dialog.of_request(self.request, self.local_tag, self.flow))

    def _progress(self, status: int, sdp: bytes, now: float) -> None:
        transaction = self._server_invite
        if self.state is not SessionState.EARLY or transaction is None:
            return
        self._make_dialog()
        self._provisional = status
        if self._reliable is not None or self._goes_reliably(sdp):
            self._push(status, sdp, now)
        else:
            stack = self._stack
            self._reply(transaction, status, now, stack.layer.names(self.flow).contact + stack.allow_line, sdp)
        timers = self._stack.layer.timers
        timers.cancel(self._provisional_timer)
        self._provisional_timer = timers.arm(now + REPEAT_PROVISIONAL, self._on_provisional)

    def _goes_reliably(self, sdp: bytes) -> bool:
        """What opens early media goes reliably where the caller knows how; everything where it insists."""
        return names_option(self.request, "Require") or (bool(sdp) and self.can_be_reliable)

    def _push(self, status: int, sdp: bytes, now: float) -> None:
        sender = self._reliable
        if sender is None:
            layer = self._stack.layer
            first = 1 + int(layer.tokens.fraction() * (MAX_RSEQ - 1)) // 2
            sender = self._reliable = ReliableSender(
                layer.timers, layer.t1, first, self._transmit, lambda data: layer.send(data, self.flow), self._unheard
            )
        sender.push(status, sdp if self._local_sdp is None else b"", now)

    def _transmit(self, status: int, rseq: int, sdp: bytes, now: float) -> bytes:
        """Send a reliable response. Its description is our side of the first exchange."""
        transaction, stack = self._server_invite, self._stack
        if transaction is None:
            return b""
        if sdp:
            remote = self._offer_state is OfferState.REMOTE_OFFER
            self._advance(OfferInput.SEND_ANSWER if remote else OfferInput.SEND_OFFER)
            self._local_sdp = sdp
        lines = f"{stack.layer.names(self.flow).contact}{stack.allow_line}Require: 100rel\r\nRSeq: {rseq}\r\n"
        return self._reply(transaction, status, now, lines, sdp)

    def _unheard(self, now: float) -> None:
        """No PRACK came: the caller does not hear us (RFC 3262 §3)."""
        if self.state is SessionState.EARLY:
            self._lost("timeout", None, now, 504)

    def _on_prack(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        named, sender = rack_of(request), self._reliable
        if named is None:
            self._reply(transaction, 400, now)
            return
        rseq, cseq, method = named
        if sender is None or not sender.acknowledges(rseq) or cseq != self.request.cseq or method != "INVITE":
            self._reply(transaction, 481, now)
            return
        try:
            sdp = sdp_of(request)
        except SdpError as error:
            self._reply(transaction, error.status, now)
            return
        if self._offer_state is OfferState.LOCAL_OFFER and sender.sending:
            if sdp is None:
                self._reply(transaction, 400, now, reason="An Answer Is Needed")
                return
            self._reply(transaction, 200, now)
            sender.acknowledged(now)
            self._answer_came(sdp, now, self._local_sdp or b"")
        elif sdp is not None:
            if self._may_offer(transaction, now) and self._take_offer(request, transaction, now):
                sender.acknowledged(now)
                self._server_update = transaction
                self._emit(Offer(self, self.remote_sdp, "PRACK"))
        else:
            self._reply(transaction, 200, now)
            sender.acknowledged(now)
            self._exchanged(now)

    def _exchanged(self, now: float) -> None:
        body, transaction = self._answer_waits, self._server_invite
        if body is None:
            super()._exchanged(now)
        elif transaction is not None and self._server_update is None and not self._unacknowledged:
            self._answer_waits = None
            self._answer_now(transaction, body, now)

    def _on_provisional(self, now: float) -> None:
        self._provisional_timer = None
        self._progress(self._provisional, self._early_sdp, now)

    def _settle(self) -> None:
        """The INVITE gets its final response now."""
        self._server_invite = None
        timers = self._stack.layer.timers
        if self._provisional_timer is not None:
            timers.cancel(self._provisional_timer)
            self._provisional_timer = None
        if self._expires_timer is not None:
            timers.cancel(self._expires_timer)
            self._expires_timer = None
        if self._reliable is not None:
            self._reliable.stop()

    def _on_cancel(self, request: Request, now: float) -> None:
        if self.state is SessionState.EARLY:
            self._lost("cancel", request.get("Reason"), now)

    def _on_expires(self, now: float) -> None:
        self._expires_timer = None
        if self.state is SessionState.EARLY:
            self._lost("timeout", None, now)

    def _lose_early(self, now: float) -> None:
        self._lost("error", None, now, 503)

    def _lost(self, cause: Any, reason: str | None, now: float, status: int = 487) -> None:
        transaction = self._server_invite
        self._settle()
        self._leave_pending(now)
        if transaction is not None:
            self._reply(transaction, status, now)
        self._end_event(cause, status, reason)
        self._gone()

    def _gone(self) -> None:
        self._settle()
        super()._gone()
