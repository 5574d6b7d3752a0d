"""SIP in WebSocket frames, the server's side (RFC 7118, RFC 6455): each message is one text or binary message."""

from __future__ import annotations

from collections import deque
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError, RemoteProtocolError

from ivr.sip.framing import FramingError, Sign
from ivr.sip.parser import MAX_MESSAGE

__all__ = ["WebSocketWire"]

SUBPROTOCOL: Final = "sip"
"""RFC 7118 §4."""
MAX_PARTS: Final = 256
"""Fragments of one message: a browser sends one; thousands of empty ones cost work and bring nothing."""
_CRLF: Final = b"\r\n"


class WebSocketWire:
    """Frames of one connection. No extension is agreed on: compressed messages would hide their size."""

    def __init__(self) -> None:
        self._connection = WSConnection(ConnectionType.SERVER)
        self._found: deque[bytes | Sign] = deque()
        self._parts: list[bytes] = []
        self._size = 0
        self._out = bytearray()
        self._fault: FramingError | None = None
        self._begun = False
        self.ready = False

    @property
    def partial(self) -> bool:
        return bool(self._parts) or (self._begun and not self.ready)

    def feed(self, data: bytes) -> None:
        self._begun = True
        if self._fault is not None:
            return
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._on_event(event)
        except FramingError as error:
            self._fault = error
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                self._out += self._connection.send(error.event_hint)
            self._fault = FramingError(f"WebSocket: {error}")
        except (ProtocolError, UnicodeError) as error:
            self._fault = FramingError(f"WebSocket: {error}")

    def _on_event(self, event: object) -> None:
        if isinstance(event, TextMessage | BytesMessage):
            self._on_part(event)
        elif isinstance(event, Ping):
            self._out += self._connection.send(event.response())
        elif isinstance(event, Pong):
            self._found.append(Sign.PONG)
        elif isinstance(event, Request):
            self._on_request(event)
        elif isinstance(event, CloseConnection):
            self._out += self._connection.send(event.response())
            raise FramingError("closed by the peer")

    def _on_request(self, request: Request) -> None:
        if SUBPROTOCOL not in request.subprotocols:
            # RFC 7118 §4.2: without the subprotocol there is nothing to talk about.
            self._out += self._connection.send(RejectConnection(status_code=400))
            raise FramingError("a WebSocket without the subprotocol sip")
        self._out += self._connection.send(AcceptConnection(subprotocol=SUBPROTOCOL))
        self.ready = True

    def _on_part(self, event: TextMessage | BytesMessage) -> None:
        data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
        self._size += len(data)
        self._parts.append(data)
        if self._size > MAX_MESSAGE or len(self._parts) > MAX_PARTS:
            self._out += self._connection.send(CloseConnection(code=1009))
            raise FramingError("message too large", 513)
        if not event.message_finished:
            return
        message = b"".join(self._parts)
        self._parts, self._size = [], 0
        if message == _CRLF + _CRLF:
            self._found.append(Sign.PING)
        elif message.strip(_CRLF):
            self._found.append(message)

    def next(self) -> bytes | Sign | None:
        if self._found:
            return self._found.popleft()
        if self._fault is not None:
            raise self._fault
        return None

    def wrap(self, message: bytes) -> bytes:
        try:
            return self._connection.send(TextMessage(data=message.decode()))
        except UnicodeDecodeError:
            return self._connection.send(BytesMessage(data=message))

    def ping(self) -> bytes:
        return self._connection.send(Ping())

    def pong(self) -> bytes:
        return self.wrap(_CRLF)

    def take(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data
