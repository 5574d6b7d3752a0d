"""What every session does whatever side began it: its dialog, its requests and their challenges, its end."""

from __future__ import annotations

import re
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from ivr.sip.account import Account, challenges_of, with_credentials
from ivr.sip.events import EndCause, Ended, Event, Flow
from ivr.sip.headers import quote
from ivr.sip.message import Request, Response
from ivr.sip.offers import OfferInput, OfferState, WrongStateError, advance
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.repeating import Repeating
from ivr.sip.replaces import Replaces
from ivr.sip.transactions import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from ivr.sip.dialog import Dialog
    from ivr.sip.sdp import Sdp
    from ivr.sip.session_refer import ReferWord
    from ivr.sip.session_timer import SessionTimer
    from ivr.sip.stack import Stack
    from ivr.sip.uri import Uri

__all__ = ["SessionBase", "SessionState", "reason_line"]

MAX_CHALLENGES: Final = 2
"""Challenges of one request that are answered: the first, and one because the nonce was stale."""

_REASON_VALUE: Final = re.compile(r"[A-Za-z0-9.\-]{1,32}[ \t]*;[^\r\n\x00]*")
_BREAKING: Final = re.compile(r"[\r\n\x00]")


class SessionState(Enum):
    """How far a session is."""

    EARLY = "early"
    """No final answer yet."""
    ANSWERED = "answered"
    """Ours was sent, the ACK is still to come; or the peer's came and our ACK waits for our answer to its offer."""
    CONFIRMED = "confirmed"
    ENDING = "ending"
    """Our BYE is out."""
    ENDED = "ended"


def reason_line(reason: str | None) -> str:
    """A Reason header line (RFC 3326) of a whole value (`Q.850;cause=16`) or of plain text; empty for None."""
    if not reason:
        return ""
    if _REASON_VALUE.fullmatch(reason) is None:
        reason = f"Q.850;cause=16;text={quote(_BREAKING.sub(' ', reason))}"
    return f"Reason: {reason}\r\n"


class SessionBase:
    """State and plumbing of a session; its verbs are in the classes above."""

    __slots__ = (
        "_account",
        "_ack",
        "_ack_cseq",
        "_client_invite",
        "_closed",
        "_hangup_reason",
        "_hangup_wanted",
        "_info",
        "_infos",
        "_local_sdp",
        "_offer_state",
        "_ok",
        "_ok_cseq",
        "_peer_allow",
        "_queued_offer",
        "_referring",
        "_refers_taken",
        "_refresh",
        "_retries",
        "_retry_timer",
        "_server_invite",
        "_server_refer",
        "_server_update",
        "_stack",
        "_timer",
        "_wants_ack",
        "_word",
        "call_id",
        "dialog",
        "direction",
        "flow",
        "local_tag",
        "owner",
        "reads_keys",
        "remote_sdp",
        "request",
        "state",
        "takes_refers",
    )

    direction: Literal["inbound", "outbound"]

    def __init__(
        self, stack: Stack, direction: Literal["inbound", "outbound"], call_id: str, local_tag: str, flow: Flow
    ) -> None:
        self._stack = stack
        self.direction = direction
        self.call_id = call_id
        """Call-ID."""
        self.local_tag = local_tag
        self.flow = flow
        """The path that the INVITE came by, or left by."""
        self.owner: Any = None
        """For the stack's user: whose session it is."""
        self.request: Request
        """The INVITE that began it (inbound sessions)."""
        self.state = SessionState.EARLY
        self.dialog: Dialog | None = None
        self.remote_sdp: Sdp | None = None
        """The peer's latest description, offer or answer."""
        self._offer_state = OfferState.STABLE
        self._closed = False
        self._account: Account | None = None
        self._hangup_wanted = False
        self._hangup_reason: str | None = None
        self._client_invite: ClientTransaction | None = None
        self._server_invite: ServerTransaction | None = None
        self._server_update: ServerTransaction | None = None
        self._wants_ack: ClientTransaction | None = None
        self._ack: tuple[bytes, Flow] | None = None
        self._ack_cseq = -1
        self._ok: Repeating | None = None
        """Our 2xx that waits for its ACK."""
        self._ok_cseq = -1
        self._queued_offer: tuple[str, bytes | None] | None = None
        self._retries = 0
        self._retry_timer: Any = None
        self._local_sdp: bytes | None = None
        """Our description in force: what a refresh by re-INVITE offers again."""
        self._peer_allow: str | None = None
        """Allow of the peer's last 2xx to an INVITE of ours."""
        self._info: ClientTransaction | None = None
        """Our INFO under way."""
        self._infos: deque[tuple[str, bytes]] = deque()
        """Those that wait for it: type and body."""
        self._timer: SessionTimer | None = None
        self._refresh: ClientTransaction | None = None
        """Our refresh under way: an UPDATE without a body, or a re-INVITE with the description in force."""
        self._referring = 0
        """CSeq of our REFER that is not at its end; 0: none."""
        self._refers_taken = 0
        self._server_refer: ServerTransaction | None = None
        """The peer's REFER, not answered yet."""
        self._word: ReferWord | None = None
        """What the peer is told of its REFER."""
        self.reads_keys = False
        """Whether the peer is known to read keys by INFO: it says so in Accept, or has sent one."""
        self.takes_refers = False
        """Whether a REFER of the peer becomes an `IncomingRefer`; else it is refused with 603."""

    # What it is

    @property
    def id(self) -> str:
        """Unique among all sessions: the local tag."""
        return self.local_tag

    @property
    def remote_tag(self) -> str | None:
        """The peer's tag, once there is a dialog."""
        return self.dialog.remote_tag if self.dialog is not None else None

    @property
    def remote_uri(self) -> str:
        """The peer's From (inbound) or To (outbound) as written."""
        return self.dialog.remote if self.dialog is not None else ""

    @property
    def ended(self) -> bool:
        """Whether nothing more can be done with it."""
        return self.state is SessionState.ENDING or self.state is SessionState.ENDED

    @property
    def _confirmed(self) -> bool:
        """Whether the call is answered and not over."""
        return self.state is SessionState.CONFIRMED or self.state is SessionState.ANSWERED

    def peer_allows(self, method: str) -> bool | None:
        """Whether the peer says that it understands a method; None where it says nothing."""
        text = self.request.get("Allow") if self.direction == "inbound" else self._peer_allow
        if text is None:
            return None
        return method in {name.strip().upper() for name in text.split(",")}

    def as_replaced(self) -> Replaces:
        """This dialog as its other end knows it: for an INVITE there that is to take our place. Raises WrongStateError
        where the peer has no tag."""
        if self.dialog is None or not self.dialog.remote_tag:
            raise WrongStateError("no dialog that has a name at its other end")
        return Replaces(self.call_id, self.dialog.remote_tag, self.local_tag)

    @property
    def can_be_reliable(self) -> bool:
        """Of an inbound session: whether the caller acknowledges provisional responses (RFC 3262)."""
        return False

    @property
    def target(self) -> Uri | None:
        """The peer's Contact; None before there is a dialog."""
        return self.dialog.target if self.dialog is not None else None

    def __repr__(self) -> str:
        return f"<Session {self.local_tag} {self.direction} {self.state.value}>"

    # Offer and answer

    def _advance(self, happened: OfferInput) -> None:
        self._offer_state = advance(self._offer_state, happened)

    # Out

    def _emit(self, event: Event) -> None:
        if not self._closed:
            self._stack.events.append(event)

    def _adopt(self, dialog: Dialog) -> None:
        """Make this the session's dialog."""
        dialog.session = self  # type: ignore[assignment]
        self.dialog = dialog
        self._stack.dialogs[dialog.id] = dialog

    def _send(
        self, method: str, now: float, headers: str = "", body: bytes = b"", content_type: str | None = None
    ) -> ClientTransaction:
        """A request within the dialog."""
        dialog = self.dialog
        assert dialog is not None
        request = dialog.request(method, headers, body, content_type)
        return self._stack.layer.request(request, dialog.hop(), self, now)

    def _send_ack(self, invite: OutgoingRequest, now: float, sdp: bytes = b"") -> None:
        """The ACK of a 2xx: a transaction of its own, by the dialog's way (RFC 3261 §13.2.2.4). Kept, to be sent again
        whenever the 2xx comes again."""
        dialog = self.dialog
        assert dialog is not None
        request = dialog.request("ACK", "", sdp, "application/sdp", cseq=invite.cseq)
        request.credentials = invite.credentials
        layer, hop = self._stack.layer, dialog.hop()
        data = request.encode(layer.names(hop).via + layer.tokens.take())
        self._ack, self._ack_cseq = (data, hop), invite.cseq
        layer.send(data, hop)

    def _repeat_ack(self, cseq: int) -> None:
        if self._ack is not None and self._ack_cseq == cseq:
            self._stack.layer.send(*self._ack)

    def _credentials(self, transaction: ClientTransaction, response: Response) -> str | None:
        """Header lines that answer the challenge of a 401 or 407; None where it cannot be answered, or was, or where
        the request went to a host that is not the account's."""
        request, account = transaction.request, self._account
        if response.status not in (401, 407) or account is None or request.attempts >= MAX_CHALLENGES:
            return None
        host = transaction.flow.remote[0]
        if host != self.flow.remote[0] and host not in account.hosts:
            return None
        proxy, challenges = challenges_of(response)
        value = account.answer(
            challenges,
            proxy=proxy,
            method=request.method,
            uri=request.uri,
            body=request.body,
            cnonce=self._stack.layer.tokens.take(16),
        )
        return None if value is None else with_credentials(request, proxy, value)

    def _send_again(self, transaction: ClientTransaction, response: Response, now: float) -> ClientTransaction | None:
        """The same request within the dialog with credentials; None where there are none to give."""
        old, dialog = transaction.request, self.dialog
        credentials = self._credentials(transaction, response)
        if credentials is None or dialog is None:
            return None
        request = dialog.request(old.method, old.headers, old.body, old.content_type)
        request.credentials = credentials
        request.attempts = old.attempts + 1
        return self._stack.layer.request(request, transaction.flow, self, now)

    def _reply(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        headers: str = "",
        body: bytes = b"",
        reason: str | None = None,
    ) -> bytes:
        return transaction.respond(
            status,
            now,
            to_tag=self.local_tag,
            reason=reason,
            headers=headers + self._stack.server_line,
            body=body,
        )

    # Our 2xx, repeated until the ACK (RFC 3261 §13.3.1.4)

    def _send_ok(self, transaction: ServerTransaction, cseq: int, now: float, sdp: bytes, lines: str = "") -> None:
        stack = self._stack
        headers = stack.layer.names(self.flow).contact + stack.allow_line + lines
        layer = stack.layer
        data = self._reply(transaction, 200, now, headers, sdp)
        self._stop_ok()
        self._ok_cseq = cseq
        flow = transaction.flow
        self._ok = Repeating(layer.timers, layer.t1, now, lambda: layer.send(data, flow), self._ok_lost, layer.t2)

    def _ok_lost(self, now: float) -> None:
        self._ok = None
        self._fail("timeout", 408, now)

    def _stop_ok(self) -> None:
        if self._ok is not None:
            self._ok.stop()
            self._ok = None

    # The end

    def _bye(self, now: float, reason: str | None = None) -> None:
        """Leave the dialog; the session is gone when the BYE is answered, or nobody answers it."""
        self._stop_timers()
        if self._server_invite is not None:
            self._reply(self._server_invite, 487, now)
            self._server_invite = None
        self._leave_pending(now)
        self.state = SessionState.ENDING
        self._send("BYE", now, reason_line(reason))

    def _leave_pending(self, now: float) -> None:
        """Answer what the peer still waits for, give up what we wait for: the session is over."""
        for pending in (self._server_update, self._server_refer):
            if pending is not None:
                self._reply(pending, 487, now)
        self._server_update = self._server_refer = None
        if self._client_invite is not None:
            self._client_invite.give_up(now)

    def collapse(self, now: float) -> None:
        """Something went wrong within this session: end it, whatever state that has left it in."""
        try:
            if self.state is SessionState.EARLY:
                self._end_event("error", 500, None)
                self._leave_early(now, None)
            else:
                self._fail("error", 500, now)
        except Exception:
            self._end_event("error", 500, None)
            self._gone()
            raise

    def lose_peer(self, now: float) -> None:
        """The peer has died: nothing is waited for any more."""
        if self.state is SessionState.EARLY:
            self._lose_early(now)
        else:
            self._fail("error", 503, now)

    def hangup(self, now: float, reason: str | None = None) -> None:
        """End the session; see `Session.hangup`."""
        raise NotImplementedError

    def _leave_early(self, now: float, reason: str | None) -> None:
        """End a session that is not answered yet."""
        raise NotImplementedError

    def _lose_early(self, now: float) -> None:
        """The peer has died before the answer."""
        raise NotImplementedError

    def _fail(self, cause: EndCause, status: int | None, now: float) -> None:
        """The session cannot go on: tell the user, leave the dialog."""
        if self.ended:
            return
        self._end_event(cause, status, None)
        self._bye(now, f"SIP;cause={status}" if status is not None else None)

    def _end_event(self, cause: EndCause, status: int | None, reason: str | None) -> None:
        self._emit(Ended(self, cause, status, reason))  # type: ignore[arg-type]
        self._closed = True

    def _stop_timers(self) -> None:
        self._stop_ok()
        if self._retry_timer is not None:
            self._stack.layer.timers.cancel(self._retry_timer)
            self._retry_timer = None
        self._queued_offer = None
        self._stop_session_timer()

    def _stop_session_timer(self) -> None:
        if self._timer is not None:
            self._stack.layer.timers.cancel(self._timer.timer)
            self._timer = None

    def _gone(self) -> None:
        """Forget it; what comes late is answered 481."""
        if self.state is SessionState.ENDED:
            return
        self._stop_timers()
        self.state = SessionState.ENDED
        self._closed = True
        self._stack.forget(self)  # type: ignore[arg-type]

    # TransactionUser; the sessions say what they do with it

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response to a request of this session."""
        raise NotImplementedError

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """A request of this session got no response."""
        raise NotImplementedError
