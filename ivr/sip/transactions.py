"""Transactions: what the tables say, done (RFC 3261 §17)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from ivr.sip.errors import BuildError
from ivr.sip.message import Request, Response
from ivr.sip.names import REASONS
from ivr.sip.tables import CLIENT, INVITE_CLIENT, INVITE_SERVER, SERVER, Action, Input, State, Table
from ivr.sip.timers import T4, Timer, Timers
from ivr.sip.traffic import Traffic

if TYPE_CHECKING:
    from ivr.sip.events import Flow
    from ivr.sip.outgoing import OutgoingRequest

__all__ = ["ClientTransaction", "ServerTransaction", "TransactionUser"]

# By the first digit of the status.
_SEND_INPUT: Final = (Input.SEND_1XX, Input.SEND_1XX, Input.SEND_2XX) + (Input.SEND_3_6XX,) * 4
_RECEIVE_INPUT: Final = (Input.R1XX, Input.R1XX, Input.R2XX) + (Input.R3_6XX,) * 4


class TransactionLayer(Protocol):
    """What a transaction needs around it."""

    timers: Timers
    traffic: Traffic
    t1: float
    t2: float

    def send(self, data: bytes, flow: Flow) -> None:
        """Queue octets."""

    def fall_back(self, transaction: ClientTransaction, flow: Flow, now: float) -> None:
        """Send a request by a flow of datagrams whose peer takes no stream."""

    def remove_client(self, transaction: ClientTransaction) -> None:
        """Forget a terminated transaction."""

    def remove_server(self, transaction: ServerTransaction) -> None:
        """Forget a terminated transaction."""


class TransactionUser(Protocol):
    """Who sent the request of a client transaction."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response; a 2xx to INVITE comes as often as it is received."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """No final response: 408 in time, 503 could not be sent."""


class _Transaction:
    __slots__ = ("_interval", "flow", "last", "layer", "lifetime", "retransmit", "state")

    table: Table

    def __init__(self, layer: TransactionLayer, flow: Flow, state: State) -> None:
        self.layer = layer
        self.flow = flow
        self.state = state
        self.last = b""
        """What was sent last."""
        self.retransmit: Timer | None = None
        self.lifetime: Timer | None = None
        self._interval = 0.0

    def _on_retransmit(self, now: float) -> None:
        self.retransmit = None
        self.fire(Input.RETRANSMIT, now)

    def _on_expire(self, now: float) -> None:
        self.lifetime = None
        self.fire(Input.EXPIRE, now)

    def fire(self, happened: Input, now: float, message: Response | bytes | None = None) -> None:
        """One input."""
        raise NotImplementedError

    def _stop(self) -> None:
        if self.retransmit is not None:
            self.layer.timers.cancel(self.retransmit)
            self.retransmit = None

    def _live(self, seconds: float, now: float) -> None:
        timers = self.layer.timers
        if self.retransmit is not None:
            timers.cancel(self.retransmit)
            self.retransmit = None
        if self.lifetime is not None:
            timers.cancel(self.lifetime)
        self.lifetime = timers.arm(now + seconds, self._on_expire)

    def _again(self, interval: float, now: float) -> None:
        if self.flow.reliable:
            return
        if self.retransmit is not None:
            self.layer.timers.cancel(self.retransmit)
        self._interval = interval
        self.retransmit = self.layer.timers.arm(now + interval, self._on_retransmit)

    def _common(self, action: Action, now: float) -> None:
        # Actions that both sides share; the sides handle the frequent ones themselves.
        layer = self.layer
        if action is Action.RESEND:
            if self.last:
                layer.traffic.repeats_out += 1
                layer.send(self.last, self.flow)
        elif action is Action.STOP:
            self._stop()
            layer.timers.cancel(self.lifetime)
            self.lifetime = None
        elif action is Action.DOUBLE:
            self._again(self._interval * 2, now)
        elif action is Action.DOUBLE_TO_T2:
            self._again(min(self._interval * 2, layer.t2), now)
        elif action is Action.AT_T2:
            self._again(layer.t2, now)
        elif action is Action.HOLD:
            self._live(64 * layer.t1, now)
        elif action is Action.HOLD_UNLESS_RELIABLE:
            self._live(0.0 if self.flow.reliable else 64 * layer.t1, now)
        elif action is Action.LINGER:
            self._live(0.0 if self.flow.reliable else T4, now)

    def _finish(self) -> None:
        timers = self.layer.timers
        timers.cancel(self.retransmit)
        timers.cancel(self.lifetime)
        self.retransmit = self.lifetime = None


class _Nobody:
    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Nothing comes after the end."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Nothing comes after the end."""


_NOBODY: Final = _Nobody()


class ClientTransaction(_Transaction):
    """A request of ours, sent until it is answered."""

    __slots__ = ("branch", "fallback", "key", "request", "table", "user", "via")

    def __init__(
        self,
        layer: TransactionLayer,
        request: OutgoingRequest,
        flow: Flow,
        branch: str,
        via: str,
        user: TransactionUser,
    ) -> None:
        invite = request.method == "INVITE"
        super().__init__(layer, flow, State.CALLING if invite else State.TRYING)
        self.table = INVITE_CLIENT if invite else CLIENT
        self.request = request
        self.branch = branch
        self.via = via
        self.user: TransactionUser = user
        self.key = (branch, request.method)
        """§17.1.3."""
        self.fallback: Flow | None = None
        """The flow of datagrams that a request would have gone by, were it not too large (§18.1.1)."""

    @property
    def path(self) -> Flow:
        """The way to the peer that was asked for."""
        return self.fallback or self.flow

    def start(self, data: bytes, now: float) -> None:
        """Send the request and arm timers A and B, or E and F."""
        layer = self.layer
        self.last = data
        layer.send(data, self.flow)
        self._again(layer.t1, now)
        self.lifetime = layer.timers.arm(now + 64 * layer.t1, self._on_expire)

    def receive(self, response: Response, now: float) -> None:
        """A response with this branch and method."""
        self.fire(_RECEIVE_INPUT[response.status // 100], now, response)

    def give_up(self, now: float) -> None:
        """Wait 64*T1 for the final response of an INVITE that was cancelled (§9.1), or whose dialog is over."""
        if self.state is State.PROCEEDING and self.lifetime is None:
            self._live(64 * self.layer.t1, now)

    def fire(self, happened: Input, now: float, message: Response | bytes | None = None) -> None:
        if happened is Input.TRANSPORT_ERROR and self.fallback is not None and self.state < State.PROCEEDING:
            self._finish()
            flow, self.fallback = self.fallback, None
            self.layer.fall_back(self, flow, now)
            return
        entry = self.table.get((self.state, happened))
        if entry is None:
            return
        actions, state = entry
        self.state = state
        if state is State.TERMINATED:
            self._finish()
            self.layer.remove_client(self)
        for action in actions:
            if action is Action.PASS:
                assert isinstance(message, Response)
                self.user.on_response(self, message, now)
            elif action is Action.SEND_ACK:
                assert isinstance(message, Response)
                self.last = self.request.ack(self.via, message)
                self.layer.send(self.last, self.flow)
            elif action is Action.TIMEOUT:
                self.layer.traffic.timeouts += 1
                self.user.on_failure(self, 408, now)
            elif action is Action.FAIL:
                self.user.on_failure(self, 503, now)
            else:
                self._common(action, now)
        if state is State.TERMINATED:
            # No cycle is left for the garbage collector.
            self.user = _NOBODY


class ServerTransaction(_Transaction):
    """A request of a peer, answered once however often it comes."""

    __slots__ = (
        "_head",
        "_routes",
        "_to",
        "_to_tagged",
        "_via",
        "key",
        "merge_key",
        "method",
        "on_cancel",
        "request",
        "table",
    )

    def __init__(
        self,
        layer: TransactionLayer,
        request: Request,
        flow: Flow,
        key: tuple[object, ...],
        merge_key: object,
        via: str | None = None,
    ) -> None:
        """`via` replaces the first Via header in responses: the source is written into it."""
        invite = request.method == "INVITE"
        super().__init__(layer, flow, State.PROCEEDING if invite else State.TRYING)
        self.table = INVITE_SERVER if invite else SERVER
        self.method = request.method
        self.request: Request | None = request
        """Kept until the final response is sent."""
        self.key = key
        """§17.2.3."""
        self.merge_key = merge_key
        """§8.2.2.2; None inside a dialog."""
        self.on_cancel: Callable[[Request, float], None] | None = None
        """Called for a CANCEL while no final response was sent."""
        self._via = via
        self._head = ""
        self._routes = ""
        self._to = ""
        self._to_tagged = True

    @property
    def answered(self) -> bool:
        """Whether a final response was sent."""
        return self.state >= State.COMPLETED

    def _copy(self, request: Request) -> None:
        # What every response repeats (§8.2.6.2), written once.
        vias, routes, stamped = "", "", self._via
        for name, value in request.headers:
            if name == "Via":
                if stamped is not None:
                    value, stamped = stamped, None
                vias += f"Via: {value}\r\n"
            elif name == "Record-Route":
                routes += f"Record-Route: {value}\r\n"
        self._routes = routes
        self._to = request.get("To") or ""
        self._to_tagged = request.to.tag is not None
        self._head = (
            f"{vias}From: {request.get('From')}\r\nCall-ID: {request.call_id}\r\nCSeq: {request.get('CSeq')}\r\n"
        )

    def encode(
        self, status: int, reason: str | None, to_tag: str, headers: str, body: bytes, content_type: str | None
    ) -> bytes:
        """A response to the request; `headers` are lines."""
        request = self.request
        assert request is not None
        if not self._head:
            self._copy(request)
        to = self._to if self._to_tagged or status == 100 else f"{self._to};tag={to_tag}"
        routes = self._routes if 100 < status < 300 else ""
        if status == 100 and (timestamp := request.get("Timestamp")) is not None:
            headers = f"Timestamp: {timestamp}\r\n{headers}"
        if reason is not None and ("\r" in reason or "\n" in reason):
            raise BuildError("a reason phrase with a line break cannot be sent")
        content = f"Content-Type: {content_type}\r\n" if body else ""
        text = (
            f"SIP/2.0 {status} {REASONS.get(status, '') if reason is None else reason}\r\n{self._head}To: {to}\r\n"
            f"{routes}{headers}{content}Content-Length: {len(body)}\r\n\r\n"
        )
        return text.encode("utf-8", "surrogateescape") + body

    def respond(
        self,
        status: int,
        now: float,
        *,
        to_tag: str,
        reason: str | None = None,
        headers: str = "",
        body: bytes = b"",
        content_type: str | None = "application/sdp",
    ) -> bytes:
        """Send a response; nothing happens after a final one. Returns what was sent, empty when nothing was."""
        if self.request is None:
            return b""
        data = self.encode(status, reason, to_tag, headers, body, content_type)
        self.send(status, data, now)
        return data

    def send(self, status: int, data: bytes, now: float) -> None:
        """Send a response that was encoded elsewhere."""
        self.fire(_SEND_INPUT[status // 100], now, data)
        if status >= 200:
            self.request = self.on_cancel = None
            self._head = self._routes = self._to = ""
            if self.state is State.ACCEPTED:
                self.last = b""

    def fire(self, happened: Input, now: float, message: Response | bytes | None = None) -> None:
        entry = self.table.get((self.state, happened))
        if entry is None:
            return
        actions, state = entry
        self.state = state
        for action in actions:
            if action is Action.SEND:
                assert isinstance(message, bytes)
                self.last = message
                self.layer.send(message, self.flow)
            elif action is Action.START_G:
                self._again(self.layer.t1, now)
            else:
                self._common(action, now)
        if state is State.TERMINATED:
            self._finish()
            self.layer.remove_server(self)
