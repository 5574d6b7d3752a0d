"""The SIP user agent: datagrams in, events and datagrams out (RFC 3261 §8, §9, §11-§15).

Pure: bytes, the path they came by and the time go in by `receive`; `outgoing` holds what is to be sent, `next_event`
what happened, `next_timer` when `handle_timer` is to be called. Sessions have the verbs.

What needs no memory is answered without any: a refused request, OPTIONS, a malformed message. Its To tag is made of the
request, so that a retransmission gets the same answer (§8.2.7).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ivr.errors import OverloadedError
from ivr.sip.bodies import sdp_of
from ivr.sip.dialog import Dialog, DialogId, is_unicast
from ivr.sip.errors import ParseError, SdpError
from ivr.sip.events import Event, Flow, IncomingCall, IncomingRequest
from ivr.sip.inbound import InboundSession
from ivr.sip.invite import InviteRequest
from ivr.sip.layer import MAGIC_COOKIE, TransactionLayer, reply_flow, stamped_via
from ivr.sip.making import make_response
from ivr.sip.message import Request, Response
from ivr.sip.names import METHODS
from ivr.sip.outbound import OutboundSession
from ivr.sip.parser import answerable, parse_message
from ivr.sip.replaces import Replaces
from ivr.sip.session_base import SessionBase, SessionState
from ivr.sip.session_timer import SessionTimerPolicy, too_brief
from ivr.sip.tables import Input, State
from ivr.sip.timers import T1, T2
from ivr.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from ivr.sip.session import Session

__all__ = ["Counts", "Stack", "StackConfig"]

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE, REGISTER"
"""What is understood; REFER, NOTIFY and SUBSCRIBE of transfers within a dialog only."""

OPTIONS: Final = ("100rel", "replaces", "norefersub")
"""Extensions that are understood, beside `timer`, which the configuration may take away."""

SCHEMES: Final = frozenset(("sip", "sips", "tel"))
"""Request-URIs that can be ours; anything else is 416."""

MIN_MESSAGE: Final = 32
"""Octets below which nothing is SIP: keep-alives (CRLF, NULs), STUN bindings without attributes."""

MAX_EXPIRES: Final = 3600.0
"""Seconds of an INVITE's Expires above which no timer is worth it."""


@dataclass(frozen=True, slots=True)
class StackConfig:
    """What a stack is told once."""

    user_agent: str = "ivr"
    """Server and User-Agent."""
    t1: float = T1
    """Seconds: estimate of the round trip; all timers follow it."""
    t2: float = T2
    """Seconds: longest interval between retransmissions."""
    max_transactions: int = 262_144
    """Each is kept 32 s for late retransmissions: 1,000 calls a second leave 64,000; about 1 KiB each."""
    max_sessions: int = 20_000
    """Sessions, both directions; some ten times what the media plane carries."""
    retry_after: int = 5
    """Seconds that a refused peer is asked to wait: a burst is over by then."""
    session_timer: SessionTimerPolicy = field(default_factory=SessionTimerPolicy)
    """Session timers of all calls."""


class Counts(NamedTuple):
    """How much is going on."""

    sessions: int
    dialogs: int
    transactions: int
    timers: int


class Stack:
    """One user agent on any number of sockets."""

    def __init__(self, config: StackConfig, rng: Callable[[int], bytes]) -> None:
        """`rng(n)` gives n random octets fit for secrets (os.urandom)."""
        self.config = config
        self.layer = TransactionLayer(rng, config.t1, config.t2)
        self.outgoing: deque[tuple[bytes, Flow]] = self.layer.outgoing
        """What is to be sent, and where; the shell empties it."""
        self.events: deque[Event] = deque()
        self.dialogs: dict[DialogId, Dialog] = {}
        self.overloaded = False
        """Set by the user: new calls are answered 503 without any memory of them."""
        self.serving = True
        """Set by the user: without service new calls and OPTIONS are answered 503."""
        self.preferred: Callable[[str], bool] = lambda host: False
        """Whether an address is served in an overload too."""
        self.on_bad: Callable[[Flow, str], None] = lambda flow, kind: None
        """Told of messages that are none (`malformed`), and of OPTIONS outside a dialog (`probe`)."""
        self.unwanted: Callable[[Flow, str], bool] = lambda flow, agent: False
        """Whether a request outside a dialog whose User-Agent is this gets no answer."""
        self._sessions = 0
        self._unanswered: list[tuple[ServerTransaction, str]] = []
        self._secret = self.layer.tokens.take(32)
        name = "".join(c for c in config.user_agent if c.isprintable())
        self.server_line = f"Server: {name}\r\n"
        self._options = (*OPTIONS, "timer") if config.session_timer.on else OPTIONS
        self.supported_line = f"Supported: {', '.join(self._options)}\r\n"
        self.allow_line = f"Allow: {ALLOW}\r\n{self.supported_line}"
        self.ability_lines = f"{self.allow_line}User-Agent: {name}\r\n"
        self.accept_lines = (
            "Accept: application/sdp, application/dtmf-relay, application/dtmf\r\nAccept-Encoding: identity\r\n"
        )
        self.options_lines = f"{self.allow_line}{self.accept_lines}Accept-Language: en\r\n"
        self._retry_after = f"Retry-After: {config.retry_after}\r\n"

    # The user's side

    @property
    def counts(self) -> Counts:
        """How much is going on, for limits and metrics."""
        return Counts(self._sessions, len(self.dialogs), len(self.layer), len(self.layer.timers))

    def advertise(self, local: tuple[str, int], name: tuple[str, int]) -> None:
        """Call the socket at `local` by another address in Via and Contact (a public address)."""
        self.layer.advertise(local, name)

    def next_event(self) -> Event | None:
        """What happened, in order; None when that is all. Calls not answered by then get their 100 (§17.2.1)."""
        if self.events:
            return self.events.popleft()
        if self._unanswered:
            for transaction, tag in self._unanswered:
                if transaction.state is State.PROCEEDING and not transaction.last:
                    transaction.respond(100, 0.0, to_tag=tag)
            self._unanswered.clear()
        return None

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called; None: not before something else happens."""
        return self.layer.timers.next()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.layer.timers.fire(now)

    def invite(self, request: InviteRequest, now: float) -> OutboundSession:
        """Place a call; raises OverloadedError at a limit, BuildError for what cannot be sent."""
        if self._full():
            raise OverloadedError("too many calls")
        tokens = self.layer.tokens
        session = OutboundSession(self, request, tokens.take(32), tokens.take())
        session.start(now)
        self._sessions += 1
        return session

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Answer an IncomingRequest with a response made by `make_response`; once."""
        if transaction.request is None:
            return
        if response.status > 100 and response.to.tag is None:
            response.replace("To", str(response.to.with_tag(self._stateless_tag(transaction.request))))
        response.add("Server", self.server_line[8:-2])
        transaction.send(response.status, response.encode(), now)

    def unsent(self, data: bytes, now: float) -> None:
        """The network refused octets of `outgoing`: a request fails at once, a response is left to retransmission."""
        self.layer.transport_error(data, now)

    def peer_died(self, peer: tuple[str, int], now: float) -> None:
        """Whoever had this address is gone with all its calls, and another may come there: they end, unanswered."""
        users = [one.user for one in self.layer.clients.values()]
        sessions = {id(one): one for one in users if isinstance(one, SessionBase)}
        sessions |= {id(one.session): one.session for one in self.dialogs.values() if one.session is not None}
        for session in sessions.values():
            if session.flow.remote == peer:
                session.lose_peer(now)

    # What sessions need

    def forget(self, session: Session) -> None:
        """A session is over."""
        self._sessions -= 1
        if session.dialog is not None:
            self.dialogs.pop(session.dialog.id, None)
            session.dialog.session = None

    def answer_soon(self, transaction: ServerTransaction, tag: str) -> None:
        """Send 100 once the events are drained, unless an answer is sent before."""
        self._unanswered.append((transaction, tag))

    def refuse_method(self, request: Request, transaction: ServerTransaction, tag: str, now: float) -> None:
        """405 for a method that is known and not served here, 501 for any other."""
        status = 405 if request.method in METHODS else 501
        transaction.respond(status, now, to_tag=tag, headers=self.allow_line + self.server_line)

    # In

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one message of a stream. Nothing in it makes this raise; a fault of ours is raised, and has
        ended the session that it happened in."""
        host, port = flow.remote[0], flow.remote[1]
        if len(data) < MIN_MESSAGE or data[0] < 4 or port == 0 or not is_unicast(host):
            return
        try:
            message = parse_message(data)
        except ParseError as error:
            self.layer.traffic.broken += 1
            self._answer_broken(error, flow)
            self.on_bad(flow, "malformed")
            return
        if isinstance(message, Response):
            self.layer.traffic.responses_in[message.status // 100] += 1
            self._receive_response(message, now)
            return
        try:
            self._receive_request(message, flow, now)
        except ParseError as error:
            # A header that is read on demand.
            self._refuse(message, flow, error.status or 400)
            self.on_bad(flow, "malformed")

    def refuse_unframed(self, head: bytes, text: str, status: int, flow: Flow) -> None:
        """Answer what a stream cannot be read on after: `head` is the message as far as it came (RFC 3261 §18.3)."""
        self._answer_broken(answerable(ParseError(text, status), head), flow)
        self.on_bad(flow, "malformed")

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        layer = self.layer
        layer.traffic.request(method)
        if method == "ACK":
            self._receive_ack(request, now)
            return
        key = layer.server_key(request, method)
        known = layer.servers.get(key)
        if known is not None:
            layer.traffic.repeats_in += 1
            known.fire(Input.REQUEST, now)
            return
        if method == "CANCEL":
            self._receive_cancel(request, flow, now)
            return
        to_tag = request.to.tag
        if to_tag is None:
            self._outside(request, flow, key, now)
            return
        dialog = self.dialogs.get((request.call_id, to_tag, request.from_.tag))
        if dialog is None or dialog.session is None:
            self._refuse(request, flow, 481)
        elif len(layer) >= self.config.max_transactions and method != "BYE":
            self._refuse(request, flow, 503, self._retry_after)
        elif unsupported := request.unsupported(self._options):
            self._refuse(request, flow, 420, f"Unsupported: {', '.join(unsupported)}\r\n")
        else:
            transaction = layer.create_server(request, flow, key, None)
            # On a stream the newest connection counts, unless that of the call proved whose it is.
            if dialog.symmetric or (flow.connection and not dialog.flow.name):
                dialog.flow = flow
            session = dialog.session
            try:
                session.receive(dialog, request, transaction, now)
            except Exception:
                transaction.respond(500, now, to_tag=to_tag, headers=self.server_line)
                session.collapse(now)
                raise

    def _receive_response(self, response: Response, now: float) -> None:
        transaction = self.layer.client_of(response)
        if transaction is None:
            return
        user = transaction.user
        try:
            transaction.receive(response, now)
        except Exception:
            # A fault of ours must not leave a call that nobody can end.
            if isinstance(user, SessionBase):
                user.collapse(now)
            raise

    def _receive_ack(self, request: Request, now: float) -> None:
        transaction = self.layer.servers.get(self.layer.server_key(request, "INVITE"))
        if transaction is not None and transaction.state is not State.ACCEPTED:
            transaction.fire(Input.ACK, now)
            return
        dialog = self.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag))
        if dialog is not None and dialog.session is not None:
            dialog.session.receive_ack(request, now)

    def _receive_cancel(self, request: Request, flow: Flow, now: float) -> None:
        invite = self.layer.servers.get(self.layer.server_key(request, "INVITE"))
        if invite is None or invite.method != "INVITE":
            self._refuse(request, flow, 481)
            return
        self._refuse(request, flow, 200)
        if invite.on_cancel is not None and not invite.answered:
            invite.on_cancel(request, now)

    def _outside(self, request: Request, flow: Flow, key: tuple[object, ...], now: float) -> None:
        """A request outside any dialog, in the order of §8.2."""
        method = request.method
        layer = self.layer
        agent = request.get("User-Agent")
        if agent is not None and self.unwanted(flow, agent):
            return
        busy = not self.serving or (self.overloaded and not self.preferred(flow.remote[0]))
        if method not in _OUTSIDE:
            status = _INSIDE.get(method) or (405 if method in METHODS else 501)
            self._refuse(request, flow, status, self.allow_line)
            return
        if request.uri.scheme not in SCHEMES:
            self._refuse(request, flow, 416)
            return
        merge_key = (request.call_id, request.from_.tag, request.cseq, method)
        if merge_key in layer.merged:
            self._refuse(request, flow, 482)
            return
        if unsupported := request.unsupported(self._options):
            self._refuse(request, flow, 420, f"Unsupported: {', '.join(unsupported)}\r\n")
            return
        if method == "OPTIONS":
            status = 503 if busy else 200
            self.on_bad(flow, "probe")
            self._refuse(request, flow, status, layer.names(flow).contact + self.options_lines)
            return
        if self._full() or (busy and method == "INVITE"):
            self._refuse(request, flow, 503, self._retry_after)
            return
        if method == "INVITE":
            self._invited(request, flow, key, merge_key, now)
        else:
            transaction = layer.create_server(request, flow, key, merge_key)
            request.stamp_source(*flow.remote)
            self.events.append(IncomingRequest(transaction, request, flow))

    def _invited(self, request: Request, flow: Flow, key: tuple[object, ...], merge_key: object, now: float) -> None:
        contacts = request.contacts
        # A peer of RFC 2543 (no magic cookie) may leave Contact out; its From is then where requests go.
        old = not contacts and not (request.top_via.branch or "").startswith(MAGIC_COOKIE)
        if not old and (len(contacts) != 1 or not contacts[0].uri.is_sip):
            self._refuse(request, flow, 400, reason="One SIP Contact Needed")
            return
        accept = request.get("Accept")
        if accept is not None and not any(
            kind in accept.lower() for kind in ("application/sdp", "application/*", "*/*")
        ):
            self._refuse(request, flow, 406, self.accept_lines)
            return
        try:
            sdp = sdp_of(request)
        except SdpError as error:
            self._refuse(request, flow, error.status, self.accept_lines if error.status == 415 else "")
            return
        policy = self.config.session_timer
        if request.get("Session-Expires") is not None and too_brief(request, policy):
            self._refuse(request, flow, 422, f"Min-SE: {policy.minimum}\r\n")
            return
        replaced = self._replaced(request) if request.get("Replaces") is not None else None
        if isinstance(replaced, int):
            self._refuse(request, flow, replaced)
            return
        layer = self.layer
        if request.uri.scheme == "sips" or (contacts and contacts[0].uri.scheme == "sips"):
            flow = flow._replace(secure=True)
        transaction = layer.create_server(request, flow, key, merge_key)
        session = InboundSession(self, request, transaction, layer.tokens.take(), flow, sdp)
        self._sessions += 1
        expires = request.expires
        if expires is not None and 0 < expires <= MAX_EXPIRES:
            session.expire(expires, now)
        self._unanswered.append((transaction, session.local_tag))
        self.events.append(IncomingCall(session, request, flow, replaced))

    def _replaced(self, request: Request) -> Session | int:
        """The session whose place an INVITE is to take, or the status to refuse it with (RFC 3891 §3)."""
        values = request.get_all("Replaces")
        if len(values) != 1 or request.get("Join") is not None:
            return 400
        named = Replaces.parse(values[0])
        dialog = self.dialogs.get((named.call_id, named.to_tag, named.from_tag))
        session = dialog.session if dialog is not None else None
        if session is None or dialog is not session.dialog:
            return 481
        if session.ended:
            return 603
        if session.state is SessionState.EARLY:
            # Only who has begun a call may be asked to take another answer to it.
            return session if session.direction == "outbound" else 481
        return 486 if named.early_only else session

    def _full(self) -> bool:
        return self._sessions >= self.config.max_sessions or len(self.layer) >= self.config.max_transactions

    # Answers without memory

    def _stateless_tag(self, request: Request) -> str:
        seed = (self._secret, request.get("Call-ID"), request.get("From"), request.get("CSeq"), request.get("Via"))
        return f"{hash(seed) & 0xFFFFFFFFFFFFFFFF:016x}"

    def _refuse(self, request: Request, flow: Flow, status: int, headers: str = "", reason: str | None = None) -> None:
        """Answer without a transaction: 200 for OPTIONS and CANCEL too."""
        tag = self._stateless_tag(request)
        target = reply_flow(request, flow)
        transaction = ServerTransaction(self.layer, request, target, (), None, stamped_via(request, flow))
        data = transaction.encode(status, reason, tag, headers + self.server_line, b"", None)
        self.layer.send(data, target)

    def _answer_broken(self, error: ParseError, flow: Flow) -> None:
        """A malformed request gets its answer at the packet's source: its Via cannot be relied upon."""
        request = error.request
        if error.status is None or request is None or request.method == "ACK":
            return
        response = make_response(
            request,
            error.status,
            f"Bad Request ({error.text})" if error.status == 400 else None,
            to_tag=self._stateless_tag(request),
        )
        response.add("Server", self.server_line[8:-2])
        self.layer.send(response.encode(), flow)


_OUTSIDE: Final = frozenset(("INVITE", "OPTIONS", "REGISTER"))
"""Methods that are served outside a dialog."""

_INSIDE: Final = {**dict.fromkeys(("BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"), 481), "SUBSCRIBE": 489, "REFER": 403}
"""Methods that make no sense outside of one, with their answers; whom we call nobody says from outside."""
