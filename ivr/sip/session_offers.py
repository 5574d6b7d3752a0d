"""Offers and answers within a session: re-INVITE, UPDATE and PRACK, ours and the peer's (RFC 3261 §14, 3311, 3262)."""

from __future__ import annotations

from typing import Final

from ivr.sip.bodies import sdp_of
from ivr.sip.errors import SdpError
from ivr.sip.events import Answer, Confirmed, Offer, OfferRejected
from ivr.sip.message import Request, Response
from ivr.sip.offers import OfferInput, OfferState, WrongStateError
from ivr.sip.sdp import Sdp
from ivr.sip.session_base import SessionState
from ivr.sip.session_refresh import SessionRefresh
from ivr.sip.transactions import ClientTransaction, ServerTransaction

__all__ = ["SessionOffers"]

MAX_GLARE: Final = 4
"""Times an offer that met one of the peer (491) is sent again."""

RETRY_AFTER: Final = 10
"""Seconds, at most, that a peer is asked to wait with an INVITE that overlaps another (RFC 3261 §14.2)."""


class SessionOffers(SessionRefresh):
    """Who offers what, and who owes the answer."""

    __slots__ = ()

    # Verbs

    def reinvite(self, sdp: bytes | None, now: float) -> None:
        """Offer another description by re-INVITE (None: ask the peer for its offer). Waits while another exchange is
        under way, the latest offer wins; retried after 491. Raises WrongStateError before the session is confirmed."""
        self._want_offer("INVITE", sdp, now)

    def update(self, sdp: bytes, now: float) -> None:
        """Offer another description by UPDATE (RFC 3311), otherwise as `reinvite`; before the answer too, where the
        first offer and answer went reliably."""
        self._want_offer("UPDATE", sdp, now)

    def answer_offer(self, sdp: bytes, now: float) -> None:
        """Our answer to the peer's offer of an `Offer`, `Answered(wants_answer)` or `Ringing(wants_answer)` event; to a
        re-INVITE without an offer, our offer. Nothing happens when the peer has taken its offer back meanwhile."""
        if self.ended:
            return
        if self._wants_ack is not None:
            self._advance(OfferInput.SEND_ANSWER)
            invite, self._wants_ack = self._wants_ack, None
            self._local_sdp = sdp
            self.state = SessionState.CONFIRMED
            self._send_ack(invite.request, now, sdp)
            self._next_offer(now)
        elif self._server_update is not None:
            self._advance(OfferInput.SEND_ANSWER)
            transaction, self._server_update = self._server_update, None
            self._local_sdp = sdp
            lines = ""
            if transaction.method == "UPDATE" and transaction.request is not None and self._confirmed:
                lines = self._timer_answer(transaction.request, now)
            self._reply(transaction, 200, now, self._stack.layer.names(self.flow).contact + lines, sdp)
            self._exchanged(now)
        elif self._server_invite is not None and self.state is SessionState.CONFIRMED:
            remote = self._offer_state is OfferState.REMOTE_OFFER
            self._advance(OfferInput.SEND_ANSWER if remote else OfferInput.SEND_OFFER)
            transaction, self._server_invite = self._server_invite, None
            request = transaction.request
            assert request is not None
            self._local_sdp = sdp
            self._send_ok(transaction, request.cseq, now, sdp, self._timer_answer(request, now))
            self._next_offer(now)

    def reject_offer(self, status: int, now: float) -> None:
        """Refuse the peer's offer (488); the session goes on as before. An offer in a 2xx cannot be refused (RFC 3261
        §13.2.2.4): the session ends."""
        if self.ended:
            return
        if self._wants_ack is not None:
            self.hangup(now, f"SIP;cause={status}")
            return
        transaction = self._server_update
        if transaction is None and self.state is not SessionState.EARLY:
            transaction = self._server_invite
            self._server_invite = None
        if transaction is None:
            return
        self._server_update = None
        self._offer_state = OfferState.STABLE
        self._reply(transaction, status, now)
        self._exchanged(now)

    # Our offers

    def _want_offer(self, method: str, sdp: bytes | None, now: float) -> None:
        if self.ended or (self.state is SessionState.EARLY and not (method == "UPDATE" and self._early_settled())):
            raise WrongStateError("the session is not confirmed")
        self._queued_offer = (method, sdp)
        self._retries = 0
        self._next_offer(now)

    def _early_settled(self) -> bool:
        """Whether the first offer and answer are done before the call is answered."""
        return self.dialog is not None and self._local_sdp is not None and self._offer_state is OfferState.STABLE

    def _free_to_offer(self) -> bool:
        """Whether no other exchange is under way."""
        if self._offer_state is not OfferState.STABLE or self._client_invite is not None or self._wants_ack is not None:
            return False
        if self.state is SessionState.EARLY:
            return True
        return self.state is SessionState.CONFIRMED and self._server_invite is None

    def _next_offer(self, now: float) -> None:
        """Send the offer that waits, when nothing else is under way."""
        if self._queued_offer is None or self._retry_timer is not None or not self._free_to_offer():
            return
        method, sdp = self._queued_offer
        if self.state is SessionState.EARLY and method == "INVITE":
            return
        self._queued_offer = None
        self._send_offer(method, sdp, now)

    def _send_offer(self, method: str, sdp: bytes | None, now: float) -> ClientTransaction:
        if sdp is not None:
            self._advance(OfferInput.SEND_OFFER)
        stack = self._stack
        headers = stack.layer.names(self.flow).contact + stack.ability_lines + self._timer_line()
        transaction = self._send(method, now, headers, sdp or b"", "application/sdp")
        if method == "INVITE":
            self._client_invite = transaction
        return transaction

    def _reinvite_as_is(self, now: float) -> ClientTransaction | None:
        if self._local_sdp is None or not self._free_to_offer():
            return None
        return self._send_offer("INVITE", self._local_sdp, now)

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
        self._emit(OfferRejected(self, status))  # type: ignore[arg-type]
        self._next_offer(now)

    def _reinvite_answered(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        request, status = transaction.request, response.status
        dialog = self.dialog
        assert dialog is not None
        refresh = transaction is self._refresh
        if status < 300:
            dialog.refresh(response)
            sdp = None
            try:
                sdp = sdp_of(response)
            except SdpError:
                status = 488
            if not self.ended:
                self._refresh = None if refresh else self._refresh
                self._timer_answered(response, 0, now)
            if not request.body and sdp is not None and not self.ended:
                self._advance(OfferInput.RECEIVE_OFFER)
                self._wants_ack = transaction
                self.remote_sdp = sdp
                self._emit(Offer(self, sdp, "INVITE"))  # type: ignore[arg-type]
                return
            self._send_ack(request, now)
            if self.ended:
                return
            if not request.body:
                self._fail("error", 488, now)
            elif sdp is None:
                self._offer_failed(transaction, 488, now)
            else:
                self._answer_came(sdp, now, request.body)
            return
        if self.ended:
            return
        if status in (401, 407):
            self._client_invite = self._send_again(transaction, response, now)
            if self._client_invite is not None:
                self._refresh = self._client_invite if refresh else self._refresh
                return
        if refresh:
            self._advance(OfferInput.ABANDON)
            self._refresh_answered(transaction, response, now)
            self._next_offer(now)
            return
        self._offer_failed(transaction, status, now)
        if status in (408, 481):
            self._fail("error" if status == 481 else "timeout", status, now)

    def _update_answered(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The final answer to an UPDATE with an offer."""
        status = response.status
        if self.ended:
            return
        if status < 300:
            assert self.dialog is not None
            self.dialog.refresh(response)
            self._timer_answered(response, 0, now)
            try:
                sdp = sdp_of(response)
            except SdpError:
                sdp = None
            if sdp is not None:
                self._answer_came(sdp, now, transaction.request.body)
                return
            status = 488
        self._offer_failed(transaction, status, now)

    def _answer_came(self, sdp: Sdp, now: float, local: bytes) -> None:
        """The peer's answer to our offer `local`."""
        self._advance(OfferInput.RECEIVE_ANSWER)
        self._retries = 0
        self._local_sdp = local
        self.remote_sdp = sdp
        self._emit(Answer(self, sdp))  # type: ignore[arg-type]
        self._exchanged(now)

    def _exchanged(self, now: float) -> None:
        """An offer and its answer are through: what waits for that may go on."""
        self._next_offer(now)

    # The ACK of our 2xx

    def receive_ack(self, request: Request, now: float) -> None:
        """An ACK within the dialog; one that belongs to nothing is dropped."""
        if self._ok is None or request.cseq != self._ok_cseq:
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
            self._answer_came(sdp, now, self._local_sdp or b"")
        if first:
            self._emit(Confirmed(self))  # type: ignore[arg-type]
        self._next_offer(now)

    # The peer's offers

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
            self._ask_to_wait(transaction, now)
            return
        if self._too_brief(request, transaction, now):
            return
        if self.state is SessionState.ANSWERED:
            # Whoever begins anew within the dialog has our 200: only its ACK was lost.
            self._stop_ok()
            self.state = SessionState.CONFIRMED
            if self._hangup_wanted:
                self._reply(transaction, 487, now)
                self._bye(now, self._hangup_reason)
                return
            self._emit(Confirmed(self))  # type: ignore[arg-type]
        if self._take_offer(request, transaction, now):
            self._server_invite = transaction
            transaction.on_cancel = self._reinvite_cancelled
            self._stack.answer_soon(transaction, self.local_tag)
            self._emit(Offer(self, self.remote_sdp if request.body else None, "INVITE"))  # type: ignore[arg-type]

    def _reinvite_cancelled(self, request: Request, now: float) -> None:
        transaction, self._server_invite = self._server_invite, None
        if transaction is not None:
            self._offer_state = OfferState.STABLE
            self._reply(transaction, 487, now)
            self._next_offer(now)

    def _on_update(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        assert self.dialog is not None
        if self._too_brief(request, transaction, now):
            return
        if not request.body:
            self.dialog.refresh(request)
            lines = self._timer_answer(request, now) if self._confirmed else ""
            self._reply(transaction, 200, now, self._stack.layer.names(self.flow).contact + lines)
        elif self._may_offer(transaction, now) and self._take_offer(request, transaction, now):
            self._server_update = transaction
            self._emit(Offer(self, self.remote_sdp, "UPDATE"))  # type: ignore[arg-type]

    def _may_offer(self, transaction: ServerTransaction, now: float) -> bool:
        """Whether the peer's UPDATE or PRACK may carry an offer now; answers it where not (RFC 3311 §5.2)."""
        if self._offer_state is OfferState.LOCAL_OFFER:
            self._reply(transaction, 491, now)
        elif self._offer_state is OfferState.REMOTE_OFFER or self._server_update is not None:
            self._ask_to_wait(transaction, now)
        else:
            return True
        return False

    def _ask_to_wait(self, transaction: ServerTransaction, now: float) -> None:
        wait = int(self._stack.layer.tokens.fraction() * (RETRY_AFTER + 1))
        self._reply(transaction, 500, now, f"Retry-After: {wait}\r\n")

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
