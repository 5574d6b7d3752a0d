"""REFER within a session, both ways, and the NOTIFYs that tell how it goes (RFC 3515, 3892, 4488)."""

from __future__ import annotations

from typing import Final

from ivr.sip.bodies import sipfrag_status
from ivr.sip.errors import ParseError
from ivr.sip.events import IncomingRefer, ReferProgress
from ivr.sip.message import Header, Request, Response
from ivr.sip.offers import WrongStateError
from ivr.sip.outgoing import header_lines
from ivr.sip.refer import ReferTarget, refer_event_id, refer_to, sipfrag, without_word
from ivr.sip.replaces import Replaces
from ivr.sip.session_base import SessionState
from ivr.sip.session_offers import SessionOffers
from ivr.sip.transactions import ClientTransaction, ServerTransaction
from ivr.sip.uri import Uri

__all__ = ["ReferWord", "SessionRefer"]

SUBSCRIPTION: Final = 180
"""Seconds that the one who referred may wait for word: longer than anybody lets a phone ring."""


class ReferWord:
    """Our word to the peer about its REFER. One NOTIFY is under way at a time: of two, the later could arrive first."""

    __slots__ = ("event", "next", "over", "sending", "told")

    def __init__(self, event: str) -> None:
        self.event = event
        """Value of Event."""
        self.told: tuple[int, str | None] = (100, None)
        """Status and reason that were told last."""
        self.next: tuple[int, str | None] | None = None
        """What is to be told once the NOTIFY under way is answered."""
        self.sending: ClientTransaction | None = None
        self.over = False
        """The final word was sent."""


class SessionRefer(SessionOffers):
    """Transfers."""

    __slots__ = ()

    # Ours

    def refer(
        self,
        to: Uri | str,
        now: float,
        referred_by: str | None = None,
        *,
        replaces: Replaces | None = None,
        headers: tuple[Header, ...] = (),
    ) -> None:
        """Ask the peer to call `to` instead (RFC 3515); ReferProgress events tell what becomes of it.

        `replaces` names the dialog there whose place the peer takes, `headers` are what it sends along (User-to-User,
        `X-`). A REFER before is not heard of any more. Raises WrongStateError before the session is confirmed,
        BuildError for what cannot be sent.
        """
        if self.state is not SessionState.CONFIRMED:
            raise WrongStateError("only a confirmed session can be transferred")
        by = referred_by or f"<{self._stack.layer.names(self.flow).uri}>"
        uri = Uri.parse(to) if isinstance(to, str) else to
        lines = header_lines((("Refer-To", refer_to(uri, replaces, headers)), ("Referred-By", by)))
        stack = self._stack
        sent = self._send("REFER", now, stack.layer.names(self.flow).contact + stack.supported_line + lines)
        self._referring = sent.request.cseq

    def _refer_answered(self, transaction: ClientTransaction, response: Response) -> None:
        if transaction.request.cseq != self._referring:
            return
        status = response.status
        final = status >= 300 or without_word(response)
        if final:
            self._referring = 0
        self._emit(ReferProgress(self, status, final))  # type: ignore[arg-type]

    def _refer_unanswered(self, transaction: ClientTransaction, status: int) -> None:
        """Nobody answered a REFER: a peer that does not know it refuses so, it is no sign that the call is lost."""
        if transaction.request.cseq == self._referring:
            self._referring = 0
            self._emit(ReferProgress(self, status, True))  # type: ignore[arg-type]

    def _on_notify(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        ours, number = refer_event_id(request.get("Event"))
        if not ours:
            self._reply(transaction, 489, now, "Allow-Events: refer\r\n")
            return
        if not self._referring or number not in (None, self._referring):
            self._reply(transaction, 481, now)
            return
        self._reply(transaction, 200, now)
        status = sipfrag_status(request)
        over = (request.get("Subscription-State") or "").lower().startswith("terminated")
        final = over or (status is not None and status >= 200)
        if final:
            self._referring = 0
        self._emit(ReferProgress(self, status or (408 if final else 100), final))  # type: ignore[arg-type]

    # The peer's

    def accept_refer(self, now: float) -> None:
        """Agree to an `IncomingRefer`: 202, and word by NOTIFY that it has begun. `notify_refer` tells how it goes on.
        Nothing happens when the peer has gone meanwhile."""
        transaction, self._server_refer = self._server_refer, None
        if transaction is None or self.ended:
            return
        request = transaction.request
        assert request is not None
        quiet = without_word(request)
        lines = "Refer-Sub: false\r\n" if quiet else ""
        self._reply(transaction, 202, now, self._stack.layer.names(self.flow).contact + lines)
        if not quiet:
            # RFC 3515 §2.4.6: the id may be left out of the first; the first is all that many peers ever send.
            event = "refer" if self._refers_taken == 0 else f"refer;id={request.cseq}"
            self._refers_taken += 1
            self._word = ReferWord(event)
            self._notify(100, None, now)

    def reject_refer(self, status: int, now: float) -> None:
        """Refuse an `IncomingRefer`; nothing happens when the peer has gone meanwhile."""
        transaction, self._server_refer = self._server_refer, None
        if transaction is not None and not self.ended:
            self._reply(transaction, status, now)

    def notify_refer(self, status: int, now: float, reason: str | None = None) -> None:
        """Tell the peer what became of its REFER: 180, 486…; from 200 on it is final, and nothing more is told."""
        word = self._word
        if word is None or word.over or self.ended or (status, reason) == (word.next or word.told):
            return
        if word.sending is not None:
            word.next = (status, reason)
        else:
            self._notify(status, reason, now)

    def _notify(self, status: int, reason: str | None, now: float, why: str = "noresource") -> None:
        word = self._word
        assert word is not None
        word.told, word.next = (status, reason), None
        word.over = status >= 200
        state = f"terminated;reason={why}" if word.over else f"active;expires={SUBSCRIPTION}"
        headers = f"Event: {word.event}\r\nSubscription-State: {state}\r\n"
        contact = self._stack.layer.names(self.flow).contact
        word.sending = self._send(
            "NOTIFY", now, contact + headers, sipfrag(status, reason), "message/sipfrag;version=2.0"
        )

    def _notify_done(self, transaction: ClientTransaction, status: int, now: float) -> None:
        word = self._word
        if word is None or word.sending is not transaction:
            return
        word.sending = None
        if word.over or status >= 300:
            # Who does not want to hear of it (481) or cannot be reached is not told any more.
            self._word = None
        elif word.next is not None and not self.ended:
            self._notify(*word.next, now)

    def _on_refer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if not self.takes_refers:
            # Whom we call is for our user to say, not for the peer.
            self._reply(transaction, 603, now)
            return
        try:
            target = ReferTarget.of(request)
        except ParseError as error:
            self._reply(transaction, error.status or 400, now)
            return
        if self.state is not SessionState.CONFIRMED or self._server_refer is not None or self._word is not None:
            self._reply(transaction, 491, now)
            return
        self._server_refer = transaction
        self._emit(IncomingRefer(self, target))  # type: ignore[arg-type]

    def _on_subscribe(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """The peer asks for more time, or wants to hear no more of its REFER (RFC 3515 §2.4.4)."""
        ours, _ = refer_event_id(request.get("Event"))
        word = self._word
        if not ours:
            self._reply(transaction, 489, now, "Allow-Events: refer\r\n")
        elif word is None or word.over:
            self._reply(transaction, 481, now)
        else:
            leave = request.expires == 0
            contact = self._stack.layer.names(self.flow).contact
            self._reply(transaction, 200, now, f"{contact}Expires: {0 if leave else SUBSCRIPTION}\r\n")
            if leave:
                self._word = None
            elif word.sending is None:
                self._notify(*word.told, now)
