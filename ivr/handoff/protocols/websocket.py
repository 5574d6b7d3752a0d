"""The client's side of a WebSocket (RFC 6455), without a socket.

No extension is offered, so a message cannot grow when it is unpacked; a redirect is an answer like any other, and no
connection. Events are taken a few at a time: thousands of empty frames fit into one packet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, ProtocolError

from ivr.handoff.protocols.talk import Message
from ivr.handoff.protocols.wire import ABNORMAL, EVENTS, NORMAL, Closed, Happened, Opened, Received

__all__ = ["MAX_MESSAGE", "WebSocketClient"]

MAX_MESSAGE: Final = 1024 * 1024
"""Octets: a minute and a half of µ-law in base64."""
MAX_PARTS: Final = 1_024
"""Fragments of one message: thousands of empty ones cost work and bring nothing."""
TOO_BIG: Final = 1009
"""A message that is too big (RFC 6455 section 7.4.1)."""


class WebSocketClient:
    """One connection. What is to be sent is returned, or waits in :meth:`outgoing`."""

    def __init__(self, host: str, target: str, headers: Sequence[tuple[str, str]]) -> None:
        """`host` as the header of that name has it; `target` is path and query."""
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._out = bytearray()
        self._parts: list[Message] = []
        self._size = 0
        self._count = 0
        self._events: Iterator[Event] | None = None
        self._over = False
        self.frames = 0
        """Frames of the last :meth:`take`, those too that mean nothing."""
        extra = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers]
        self._out += self._connection.send(Request(host=host, target=target, extra_headers=extra))

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        found = bytes(self._out)
        self._out.clear()
        return found

    def feed(self, data: bytes) -> None:
        """Octets of the socket; empty: its end. What they mean comes from :meth:`take`."""
        if self._over:
            return
        try:
            self._connection.receive_data(data or None)
        except (ProtocolError, ValueError):  # a header that is no ASCII is the latter
            self._events = iter((CloseConnection(ABNORMAL, "a frame that is none"),))
            return
        if self._events is None:
            self._events = self._connection.events()

    def take(self) -> tuple[list[Happened], bool]:
        """Some of what has come, and whether there is more."""
        found: list[Happened] = []
        if self._over or self._events is None:
            return found, False
        self.frames = 0
        while self.frames < EVENTS:
            try:
                event = next(self._events)
            except StopIteration:
                self._events = None
                return found, False
            except ProtocolError:
                self._end(found, ABNORMAL, "a frame that is none")
                return found, False
            except (ValueError, RecursionError):
                self._end(found, ABNORMAL, "a frame that cannot be read")
                return found, False
            self.frames += 1
            self._on_event(event, found)
            if found and isinstance(found[-1], Closed):
                return found, False
        return found, True

    def _on_event(self, event: Event, found: list[Happened]) -> None:
        match event:
            case TextMessage(data=str() as data):
                self._on_part(data, event.message_finished, found)
            case BytesMessage(data=data):
                self._on_part(bytes(data), event.message_finished, found)
            case Ping():
                self._out += self._connection.send(event.response())
            case AcceptConnection():
                found.append(Opened())
            case RejectConnection():
                self._end(found, ABNORMAL, f"the answer was HTTP {event.status_code}")
            case CloseConnection():
                if self._connection.state is ConnectionState.REMOTE_CLOSING:
                    self._out += self._connection.send(event.response())
                self._end(found, event.code, "" if event.code != ABNORMAL else event.reason or "")

    def _on_part(self, data: Message, last: bool, found: list[Happened]) -> None:
        self._size += len(data)
        self._count += 1
        if self._size > MAX_MESSAGE or self._count > MAX_PARTS:
            self._out += self.close(TOO_BIG)
            self._end(found, ABNORMAL, "a message that is too long")
            return
        self._parts.append(data)
        if not last:
            return
        whole: Message = b"".join(part for part in self._parts if isinstance(part, bytes))
        if isinstance(data, str):
            whole = "".join(part for part in self._parts if isinstance(part, str))
        found.append(Received(whole))
        self._parts, self._size, self._count = [], 0, 0

    def _end(self, found: list[Happened], code: int, text: str) -> None:
        self._over = True
        self._events = None
        self._parts = []
        found.append(Closed(code, text))

    def message(self, message: Message) -> bytes:
        """A message as frames; empty where the connection is not open."""
        try:
            if isinstance(message, str):
                return self._connection.send(TextMessage(message))
            return self._connection.send(BytesMessage(message))
        except LocalProtocolError:
            return b""

    def ping(self) -> bytes:
        """A ping, which every server answers."""
        try:
            return self._connection.send(Ping())
        except LocalProtocolError:
            return b""

    def close(self, code: int = NORMAL) -> bytes:
        """The frame that ends the connection."""
        try:
            return self._connection.send(CloseConnection(code))
        except LocalProtocolError:
            return b""
