"""Inbound sessions: the server's side of an INVITE, until it is answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ivr.sip.dialog import Dialog
from ivr.sip.events import Flow
from ivr.sip.message import Header, Request
from ivr.sip.offers import OfferInput, OfferState, WrongStateError
from ivr.sip.outgoing import header_lines
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

    __slots__ = ("_early_sdp", "_expires_timer", "_provisional", "_provisional_timer")

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
        self._server_invite = transaction
        transaction.on_cancel = self._on_cancel
        self._early_sdp = b""
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
        """Send 183 with a description: early media. The answer must be the same description."""
        self._early_sdp = sdp
        self._progress(183, sdp, now)

    def answer(self, sdp: bytes | None, now: float) -> None:
        """Send 200; see `Session.answer`."""
        if self.ended:
            return
        transaction = self._server_invite
        if self.state is not SessionState.EARLY or transaction is None:
            raise WrongStateError("answered already")
        body = sdp or self._early_sdp
        if not body:
            raise WrongStateError("an answer needs a session description")
        remote = self._offer_state is OfferState.REMOTE_OFFER
        self._advance(OfferInput.SEND_ANSWER if remote else OfferInput.SEND_OFFER)
        self._make_dialog()
        self._settle()
        self.state = SessionState.ANSWERED
        self._send_ok(transaction, self.request.cseq, now, body)

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
        self._reply(transaction, status, now, lines, reason=reason)
        self._gone()

    # Inside

    def _leave_early(self, now: float, reason: str | None) -> None:
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
        stack = self._stack
        self._reply(transaction, status, now, stack.layer.names(self.flow).contact + stack.allow_line, sdp)
        stack.layer.timers.cancel(self._provisional_timer)
        self._provisional_timer = stack.layer.timers.arm(now + REPEAT_PROVISIONAL, self._on_provisional)

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

    def _on_cancel(self, request: Request, now: float) -> None:
        if self.state is SessionState.EARLY:
            self._lost("cancel", request.get("Reason"), now)

    def _on_expires(self, now: float) -> None:
        self._expires_timer = None
        if self.state is SessionState.EARLY:
            self._lost("timeout", None, now)

    def _lost(self, cause: Any, reason: str | None, now: float) -> None:
        transaction = self._server_invite
        self._settle()
        if transaction is not None:
            self._reply(transaction, 487, now)
        self._end_event(cause, 487, reason)
        self._gone()

    def _gone(self) -> None:
        self._settle()
        super()._gone()
