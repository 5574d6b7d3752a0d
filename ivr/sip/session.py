"""A session: one INVITE usage of a dialog, our side of it, from the first INVITE to the last BYE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ivr.sip.bodies import digit_of, sdp_of, sipfrag_status
from ivr.sip.dialog import Dialog
from ivr.sip.errors import SdpError
from ivr.sip.events import (
    Answer,
    Confirmed,
    DtmfInfo,
    Info,
    Offer,
    OfferRejected,
    ReferProgress,
)
from ivr.sip.message import Header, Request, Response
from ivr.sip.offers import OfferInput, OfferState, WrongStateError
from ivr.sip.outgoing import header_lines
from ivr.sip.sdp import Sdp
from ivr.sip.session_base import SessionBase, SessionState
from ivr.sip.transactions import ClientTransaction, ServerTransaction
from ivr.sip.uri import Uri

__all__ = ["Session"]

MAX_GLARE: Final = 4
"""Times an offer that met one of the peer (491) is sent again."""

RETRY_AFTER: Final = 10
"""Seconds, at most, that a peer is asked to wait with an INVITE that overlaps another (RFC 3261 §14.2)."""

_REFER: Final = re.compile(r"[ \t]*refer[ \t]*(?:;|$)", re.IGNORECASE)


class Session(SessionBase):
    """What inbound and outbound sessions have in common: everything within the dialog."""

    __slots__ = ()

    # Verbs

    def hangup(self, now: float, reason: str | None = None) -> None:
        """End the session as its state demands: a refusal (480), CANCEL or BYE. There are no more events after it.

        `reason`: a Reason header value (`Q.850;cause=16`), or text. A BYE before the ACK of our 200 waits for it
        (RFC 3261 §15).
        """
        if self.ended or self._hangup_wanted:
            return
        self._closed = True
        if self.state is SessionState.EARLY:
            self._leave_early(now, reason)
        elif self.state is SessionState.CONFIRMED:
            self._bye(now, reason)
        elif self._wants_ack is not None:
            self._send_ack(self._wants_ack.request, now)
            self._wants_ack = None
            self._bye(now, reason)
        else:
            self._hangup_wanted = True
            self._hangup_reason = reason

    def _leave_early(self, now: float, reason: str | None) -> None:
        raise NotImplementedError

    def ring(self, now: float) -> None:
        """Of an inbound session: send 180 Ringing, or go on with early media where that was begun."""
        raise WrongStateError("a call of ours")

    def progress(self, sdp: bytes, now: float) -> None:
        """Of an inbound session: send 183 with a description, which opens early media. The answer must be the same."""
        raise WrongStateError("a call of ours")

    def answer(self, sdp: bytes | None, now: float) -> None:
        """Of an inbound session: send 200, again until the ACK comes; without it the session ends after 64*T1.

        `sdp` is the answer, or for an INVITE without an offer our offer; None repeats that of `progress`. Nothing
        happens when the caller has gone meanwhile. Raises WrongStateError when it is answered already, or without SDP.
        """
        raise WrongStateError("a call of ours")

    def reject(self, status: int, now: float, reason: str | None = None, headers: Iterable[Header] = ()) -> None:
        """Of an inbound session: refuse it with a final response (300 to 699). Nothing happens when it is over already;
        one that was answered is hung up. There are no more events after it."""
        raise WrongStateError("a call of ours")

    def cancel(self, now: float, reason: str | None = None) -> None:
        """Of an outbound session: give up before the answer; an answer that crosses the CANCEL is hung up. There are no
        more events after it."""
        raise WrongStateError("a call of the peer")

    def reinvite(self, sdp: bytes | None, now: float) -> None:
        """Offer another description by re-INVITE (None: ask the peer for its offer). Waits while another exchange is
        under way, the latest offer wins; retried after 491. Raises WrongStateError before the session is confirmed."""
        self._want_offer("INVITE", sdp, now)

    def update(self, sdp: bytes, now: float) -> None:
        """Offer another description by UPDATE (RFC 3311), otherwise as `reinvite`."""
        self._want_offer("UPDATE", sdp, now)

    def answer_offer(self, sdp: bytes, now: float) -> None:
        """Our answer to the peer's offer of an `Offer` or `Answered(wants_answer)` event; to a re-INVITE without an
        offer, our offer. Nothing happens when the peer has taken its offer back meanwhile."""
        if self.ended:
            return
        if self._wants_ack is not None:
            self._advance(OfferInput.SEND_ANSWER)
            invite, self._wants_ack = self._wants_ack, None
            self.state = SessionState.CONFIRMED
            self._send_ack(invite.request, now, sdp)
            self._next_offer(now)
        elif self._server_update is not None:
            self._advance(OfferInput.SEND_ANSWER)
            transaction, self._server_update = self._server_update, None
            self._reply(transaction, 200, now, self._stack.layer.names(self.flow).contact, sdp)
            self._next_offer(now)
        elif self._server_invite is not None and self.state is SessionState.CONFIRMED:
            remote = self._offer_state is OfferState.REMOTE_OFFER
            self._advance(OfferInput.SEND_ANSWER if remote else OfferInput.SEND_OFFER)
            transaction, self._server_invite = self._server_invite, None
            request = transaction.request
            assert request is not None
            self._send_ok(transaction, request.cseq, now, sdp)
            self._next_offer(now)

    def reject_offer(self, status: int, now: float) -> None:
        """Refuse the peer's offer (488); the session goes on as before. An offer in a 2xx cannot be refused (RFC 3261
        §13.2.2.4): the session ends."""
        if self.ended:
            return
        if self._wants_ack is not None:
            self.hangup(now, f"SIP;cause={status}")
            return
        transaction = self._server_update or self._server_invite
        if transaction is None or self.state is SessionState.EARLY:
            return
        self._server_update = self._server_invite = None
        self._offer_state = OfferState.STABLE
        self._reply(transaction, status, now)
        self._next_offer(now)

    def refer(self, to: Uri | str, now: float, referred_by: str | None = None) -> None:
        """Ask the peer to call `to` instead (blind transfer, RFC 3515); ReferProgress events tell what becomes of it.
        Raises WrongStateError before the session is confirmed."""
        if self.state is not SessionState.CONFIRMED:
            raise WrongStateError("only a confirmed session can be transferred")
        by = referred_by or f"<{self._stack.layer.names(self.flow).uri}>"
        headers = header_lines((("Refer-To", f"<{to}>"), ("Referred-By", by)))
        self._refers += 1
        self._send("REFER", now, self._stack.layer.names(self.flow).contact + headers)

    def accept_refer(self, now: float) -> None:
        """Agree to an `IncomingRefer`: 202, and word by NOTIFY that it has begun. `notify_refer` tells how it goes on.
        Nothing happens when the peer has gone meanwhile."""
        raise NotImplementedError

    def reject_refer(self, status: int, now: float) -> None:
        """Refuse an `IncomingRefer`; nothing happens when the peer has gone meanwhile."""
        raise NotImplementedError

    def notify_refer(self, status: int, now: float, reason: str | None = None) -> None:
        """Tell the peer what became of its REFER: 180, 486…; from 200 on it is final, and nothing more is told."""
        raise NotImplementedError

    def info(self, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO (RFC 6086 §legacy use). Raises WrongStateError before there is a dialog."""
        if self.dialog is None or self.ended:
            raise WrongStateError("no dialog")
        header_lines((("Content-Type", content_type),))
        self._send("INFO", now, "", body, content_type)

    # Our offers

    def _want_offer(self, method: str, sdp: bytes | None, now: float) -> None:
        if self.ended or self.state is SessionState.EARLY:
            raise WrongStateError("the session is not confirmed")
        self._queued_offer = (method, sdp)
        self._retries = 0
        self._next_offer(now)

    def _next_offer(self, now: float) -> None:
        """Send the offer that waits, when nothing else is under way."""
        if (
            self._queued_offer is None
            or self.state is not SessionState.CONFIRMED
            or self._offer_state is not OfferState.STABLE
            or self._client_invite is not None
            or self._server_invite is not None
            or self._retry_timer is not None
            or self._wants_ack is not None
        ):
            return
        method, sdp = self._queued_offer
        self._queued_offer = None
        if sdp is not None:
            self._advance(OfferInput.SEND_OFFER)
        stack = self._stack
        headers = stack.layer.names(self.flow).contact + stack.ability_lines
        transaction = self._send(method, now, headers, sdp or b"", "application/sdp")
        if method == "INVITE":
            self._client_invite = transaction

    def _on_retry(self, now: float) -> None:
        self._retry_timer = None
        self._next_offer(now)

    def _offer_failed(self, transaction: ClientTransaction, status: int, now: float) -> None:
        request = transaction.request
        if request.body:
            self._advance(OfferInput.ABANDON)
        if status == 491 and self._retries < MAX_GLARE:
            # RFC 3261 §14.1: the owner of the Call-ID waits longer, so that one of the two gets through.
            self._retries += 1
            layer = self._stack.layer
            low, high = (2.1, 4.0) if self.direction == "outbound" else (0.0, 2.0)
            wait = low + round(layer.tokens.fraction() * (high - low) * 100) / 100
            if self._queued_offer is None:
                self._queued_offer = (request.method, request.body or None)
            self._retry_timer = layer.timers.arm(now + wait, self._on_retry)
            return
        self._emit(OfferRejected(self, status))
        self._next_offer(now)

    # Responses to requests of ours within the dialog

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        request, status = transaction.request, response.status
        method = request.method
        if status < 200:
            if self.ended and method == "INVITE":
                transaction.give_up(now)
            return
        if transaction is self._client_invite:
            self._client_invite = None
            self._reinvite_answered(transaction, response, now)
            return
        if method == "INVITE":
            # A 2xx again: the ACK was lost.
            if status < 300:
                self._repeat_ack(request.cseq)
            return
        if method == "CANCEL" or self.state is SessionState.ENDED:
            return
        if status in (401, 407) and self._send_again(transaction, response, now) is not None:
            return
        if method == "BYE":
            self._gone()
            return
        if method == "UPDATE":
            self._update_answered(transaction, response, now)
        elif method == "REFER":
            self._refers -= status >= 300
            self._emit(ReferProgress(self, status, status >= 300))
        if status in (408, 481):
            self._fail("error" if status == 481 else "timeout", status, now)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        method = transaction.request.method
        if method == "BYE":
            self._gone()
        elif method != "CANCEL" and self.state is not SessionState.ENDED:
            if transaction is self._client_invite:
                self._client_invite = None
            if method == "REFER":
                self._refers -= 1
                self._emit(ReferProgress(self, status, True))
            # RFC 3261 §12.2.1.2: a peer that does not answer has lost the dialog.
            self._fail("timeout", status, now)

    def _reinvite_answered(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        request, status = transaction.request, response.status
        dialog = self.dialog
        assert dialog is not None
        if status < 300:
            dialog.refresh(response)
            sdp = None
            try:
                sdp = sdp_of(response)
            except SdpError:
                status = 488
            if not request.body and sdp is not None and not self.ended:
                self._advance(OfferInput.RECEIVE_OFFER)
                self._wants_ack = transaction
                self.remote_sdp = sdp
                self._emit(Offer(self, sdp, "INVITE"))
                return
            self._send_ack(request, now)
            if self.ended:
                return
            if not request.body:
                self._fail("error", 488, now)
            elif sdp is None:
                self._offer_failed(transaction, 488, now)
            else:
                self._answer_came(sdp, now)
            return
        if self.ended:
            return
        if status in (401, 407):
            self._client_invite = self._send_again(transaction, response, now)
            if self._client_invite is not None:
                return
        self._offer_failed(transaction, status, now)
        if status in (408, 481):
            self._fail("error" if status == 481 else "timeout", status, now)

    def _update_answered(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        status = response.status
        if self.ended:
            return
        if status < 300:
            assert self.dialog is not None
            self.dialog.refresh(response)
            try:
                sdp = sdp_of(response)
            except SdpError:
                sdp = None
            if sdp is not None:
                self._answer_came(sdp, now)
                return
            status = 488
        self._offer_failed(transaction, status, now)

    def _answer_came(self, sdp: Sdp, now: float) -> None:
        self._advance(OfferInput.RECEIVE_ANSWER)
        self._retries = 0
        self.remote_sdp = sdp
        self._emit(Answer(self, sdp))
        self._next_offer(now)

    # The ACK of our 2xx

    def receive_ack(self, request: Request, now: float) -> None:
        """An ACK within the dialog; one that belongs to nothing is dropped."""
        if self._ok_timer is None or request.cseq != self._ok_cseq:
            return
        self._stop_ok()
        if self.ended:
            return
        first = self.state is SessionState.ANSWERED
        self.state = SessionState.CONFIRMED
        if self._hangup_wanted:
            self._bye(now, self._hangup_reason)
            return
        if self._offer_state is OfferState.LOCAL_OFFER:
            try:
                sdp = sdp_of(request)
            except SdpError:
                sdp = None
            if sdp is None:
                self._advance(OfferInput.ABANDON)
                self._fail("error", 488, now)
                return
            self._answer_came(sdp, now)
        if first:
            self._emit(Confirmed(self))
        self._next_offer(now)

    # Requests of the peer within the dialog

    def receive(self, dialog: Dialog, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A request within the dialog, other than ACK and CANCEL."""
        if not dialog.accept_cseq(request.cseq):
            self._reply(transaction, 500, now)
            return
        if dialog is not self.dialog or self.state is SessionState.ENDED:
            self._reply(transaction, 481, now)
            return
        handler = _HANDLERS.get(request.method)
        if handler is None:
            self._stack.refuse_method(request, transaction, self.local_tag, now)
            return
        if self.state is SessionState.ENDING and request.method != "BYE":
            self._reply(transaction, 481, now)
            return
        handler(self, request, transaction, now)

    def _on_bye(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        self._reply(transaction, 200, now)
        for pending in (self._server_invite, self._server_update):
            if pending is not None:
                self._reply(pending, 487, now)
        self._server_invite = self._server_update = None
        if self._client_invite is not None:
            self._client_invite.give_up(now)
        if self.state is not SessionState.ENDING:
            self._end_event("bye", None, request.get("Reason"))
        self._gone()

    def _on_invite(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        assert self.dialog is not None
        if self._client_invite is not None or self._offer_state is OfferState.LOCAL_OFFER:
            self._reply(transaction, 491, now)
            return
        if (
            self._server_invite is not None
            or self._offer_state is OfferState.REMOTE_OFFER
            or (self.state is not SessionState.CONFIRMED and self.state is not SessionState.ANSWERED)
        ):
            wait = int(self._stack.layer.tokens.fraction() * (RETRY_AFTER + 1))
            self._reply(transaction, 500, now, f"Retry-After: {wait}\r\n")
            return
        if self.state is SessionState.ANSWERED:
            # Whoever begins anew within the dialog has our 200: only its ACK was lost.
            self._stop_ok()
            self.state = SessionState.CONFIRMED
            if self._hangup_wanted:
                self._reply(transaction, 487, now)
                self._bye(now, self._hangup_reason)
                return
            self._emit(Confirmed(self))
        if self._take_offer(request, transaction, now):
            self._server_invite = transaction
            transaction.on_cancel = self._reinvite_cancelled
            self._stack.answer_soon(transaction, self.local_tag)
            self._emit(Offer(self, self.remote_sdp if request.body else None, "INVITE"))

    def _reinvite_cancelled(self, request: Request, now: float) -> None:
        transaction, self._server_invite = self._server_invite, None
        if transaction is not None:
            self._offer_state = OfferState.STABLE
            self._reply(transaction, 487, now)
            self._next_offer(now)

    def _on_update(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        assert self.dialog is not None
        if not request.body:
            self.dialog.refresh(request)
            self._reply(transaction, 200, now, self._stack.layer.names(self.flow).contact)
            return
        if self._offer_state is OfferState.LOCAL_OFFER:
            self._reply(transaction, 491, now)
        elif self._offer_state is OfferState.REMOTE_OFFER or self._server_update is not None:
            wait = int(self._stack.layer.tokens.fraction() * (RETRY_AFTER + 1))
            self._reply(transaction, 500, now, f"Retry-After: {wait}\r\n")
        elif self._take_offer(request, transaction, now):
            self._server_update = transaction
            self._emit(Offer(self, self.remote_sdp, "UPDATE"))

    def _take_offer(self, request: Request, transaction: ServerTransaction, now: float) -> bool:
        assert self.dialog is not None
        try:
            sdp = sdp_of(request)
        except SdpError as error:
            headers = self._stack.accept_lines if error.status == 415 else ""
            self._reply(transaction, error.status, now, headers)
            return False
        self.dialog.refresh(request)
        if sdp is not None:
            self._advance(OfferInput.RECEIVE_OFFER)
            self.remote_sdp = sdp
        return True

    def _on_info(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if request.get("Info-Package") is not None:
            self._reply(transaction, 469, now, "Recv-Info: \r\n")
            return
        self._reply(transaction, 200, now)
        digit = digit_of(request)
        if digit is not None:
            self._emit(DtmfInfo(self, *digit))
        else:
            self._emit(Info(self, request))

    def _on_notify(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        event = request.get("Event")
        if event is None or _REFER.match(event) is None:
            self._reply(transaction, 489, now, "Allow-Events: refer\r\n")
            return
        if self._refers <= 0:
            self._reply(transaction, 481, now)
            return
        self._reply(transaction, 200, now)
        status = sipfrag_status(request)
        over = (request.get("Subscription-State") or "").lower().startswith("terminated")
        final = over or (status is not None and status >= 200)
        if final:
            self._refers -= 1
        self._emit(ReferProgress(self, status or (408 if final else 100), final))

    def _on_refer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        # Whom we call is for the flow to say, not for the peer.
        self._reply(transaction, 603, now)

    def _on_options(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        stack = self._stack
        self._reply(transaction, 200, now, stack.layer.names(self.flow).contact + stack.options_lines)


_HANDLERS: Final[Mapping[str, Callable[[Session, Request, ServerTransaction, float], None]]] = {
    "BYE": Session._on_bye,
    "INVITE": Session._on_invite,
    "UPDATE": Session._on_update,
    "INFO": Session._on_info,
    "NOTIFY": Session._on_notify,
    "REFER": Session._on_refer,
    "OPTIONS": Session._on_options,
}
