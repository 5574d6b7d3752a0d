"""How messages stand in the octets of a connection: one after the other, or in WebSocket frames."""

from __future__ import annotations

from typing import Protocol

from ivr.sip.framing import Framer, Sign

__all__ = ["StreamWire", "Wire"]


class Wire(Protocol):
    """One connection's framing; without clock and socket."""

    ready: bool
    """Whether messages can be sent: a WebSocket has to be agreed on first."""

    @property
    def partial(self) -> bool:
        """Whether something has begun that is not complete."""

    def feed(self, data: bytes) -> None:
        """Octets as they came."""

    def next(self) -> bytes | Sign | None:
        """The next message or sign; None until more comes. Raises FramingError, after which all is over."""

    def wrap(self, message: bytes) -> bytes:
        """A message as it is sent."""

    def ping(self) -> bytes:
        """What a peer that is there answers."""

    def pong(self) -> bytes:
        """The answer to Sign.PING."""

    def take(self) -> bytes:
        """What the wire itself has to send: its handshake, its answers, its farewell."""


class StreamWire:
    """TCP and TLS (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

    ready = True

    def __init__(self) -> None:
        self._framer = Framer()
        self.feed = self._framer.feed
        self.next = self._framer.next

    @property
    def partial(self) -> bool:
        return self._framer.partial

    def wrap(self, message: bytes) -> bytes:
        return message

    def ping(self) -> bytes:
        self._framer.awaits_pong = True
        return b"\r\n\r\n"

    def pong(self) -> bytes:
        return b"\r\n"

    def take(self) -> bytes:
        return b""
