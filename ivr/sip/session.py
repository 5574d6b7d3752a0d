"""A session: one INVITE usage of a dialog, our side of it, from the first INVITE to the last BYE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ivr.sip.bodies import digit_of
from ivr.sip.dialog import Dialog
from ivr.sip.events import DtmfInfo, Info, InfoRefused
from ivr.sip.message import Header, Request, Response
from ivr.sip.offers import WrongStateError
from ivr.sip.outgoing import header_lines
from ivr.sip.session_base import SessionState
from ivr.sip.session_refer import SessionRefer
from ivr.sip.transactions import ClientTransaction, ServerTransaction

__all__ = ["Session"]

OWN_USAGE: Final = frozenset(("REFER", "NOTIFY", "INFO", "PRACK"))
"""Requests whose failure says nothing of the call: what they ask for did not happen, and that is all."""
MAX_INFOS: Final = 128
"""That wait for the one before: more keys than any number has; what exceeds it is dropped."""


class Session(SessionRefer):
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

    def info(self, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO (RFC 6086 §legacy use), once those before it are answered: of two under way the later one may
        arrive first, and the other one is refused then (RFC 3261 §12.2.2). Raises WrongStateError before there is a
        dialog."""
        if self.dialog is None or self.ended:
            raise WrongStateError("no dialog")
        header_lines((("Content-Type", content_type),))
        if len(self._infos) < MAX_INFOS:
            self._infos.append((content_type, body))
        self._next_info(now)

    def _next_info(self, now: float) -> None:
        if self._info is None and self._infos and not self.ended:
            content_type, body = self._infos.popleft()
            self._info = self._send("INFO", now, "", body, content_type)

    def _info_over(self, transaction: ClientTransaction, now: float) -> None:
        if transaction is self._info:
            self._info = None
            self._next_info(now)

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
        if status in (401, 407) and self._again(transaction, response, now):
            return
        if method == "BYE":
            self._gone()
            return
        if method == "UPDATE":
            if transaction is self._refresh:
                self._refresh_answered(transaction, response, now)
                return
            self._update_answered(transaction, response, now)
        elif method == "REFER":
            self._refer_answered(transaction, response)
        elif method == "NOTIFY":
            self._notify_done(transaction, status, now)
        elif method == "INFO" and status == 481:
            self._fail("error", status, now)
        elif method == "INFO":
            if status >= 300:
                self._emit(InfoRefused(self, status))
            self._info_over(transaction, now)
        if status in (408, 481) and method not in OWN_USAGE:
            self._fail("error" if status == 481 else "timeout", status, now)

    def _again(self, transaction: ClientTransaction, response: Response, now: float) -> bool:
        """Answer a challenge; whether the request is under way again."""
        sent = self._send_again(transaction, response, now)
        if sent is None:
            return False
        if transaction is self._refresh:
            self._refresh = sent
        elif sent.request.method == "REFER" and self._referring == transaction.request.cseq:
            self._referring = sent.request.cseq
        elif self._word is not None and self._word.sending is transaction:
            self._word.sending = sent
        elif transaction is self._info:
            self._info = sent
        return True

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        method = transaction.request.method
        if method == "BYE":
            self._gone()
        elif method != "CANCEL" and self.state is not SessionState.ENDED:
            if transaction is self._client_invite:
                self._client_invite = None
            if method == "REFER":
                self._refer_unanswered(transaction, status)
            elif method == "NOTIFY":
                self._notify_done(transaction, status, now)
            elif method == "INFO":
                self._info_over(transaction, now)
            if method not in OWN_USAGE:
                # RFC 3261 §12.2.1.2: a peer that does not answer has lost the dialog.
                self._fail("timeout", status, now)

    # Requests of the peer within the dialog

    def receive(self, dialog: Dialog, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A request within the dialog, other than ACK and CANCEL."""
        if not dialog.accept_cseq(request.cseq):
            self._reply(transaction, 500, now)
            return
        if self.state is SessionState.ENDED:
            self._reply(transaction, 481, now)
            return
        if dialog is not self.dialog:
            # One of several phones that our INVITE rings, and not the one that is heard.
            if request.method == "BYE":
                self._reply(transaction, 481, now)
            else:
                self._reply(transaction, 500, now, "Retry-After: 1\r\n")
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
        if self._server_invite is not None:
            self._reply(self._server_invite, 487, now)
            self._server_invite = None
        self._leave_pending(now)
        if self.state is not SessionState.ENDING:
            self._end_event("bye", None, request.get("Reason"))
        self._gone()

    def _on_info(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if request.get("Info-Package") is not None:
            self._reply(transaction, 469, now, "Recv-Info: \r\n")
            return
        self._reply(transaction, 200, now)
        digit = digit_of(request)
        if digit is not None:
            self.reads_keys = True
            self._emit(DtmfInfo(self, *digit))
        else:
            self._emit(Info(self, request))

    def _on_prack(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        # Only what inbound sessions send before the answer asks for one.
        self._reply(transaction, 481, now)

    def _on_options(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        stack = self._stack
        self._reply(transaction, 200, now, stack.layer.names(self.flow).contact + stack.options_lines)


_HANDLERS: Final[Mapping[str, Callable[[Session, Request, ServerTransaction, float], None]]] = {
    "BYE": Session._on_bye,
    "INVITE": Session._on_invite,
    "UPDATE": Session._on_update,
    "INFO": Session._on_info,
    "NOTIFY": Session._on_notify,
    "PRACK": lambda session, request, transaction, now: session._on_prack(request, transaction, now),
    "REFER": Session._on_refer,
    "SUBSCRIBE": Session._on_subscribe,
    "OPTIONS": Session._on_options,
}
