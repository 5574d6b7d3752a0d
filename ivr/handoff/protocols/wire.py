"""What goes over one connection, cut into messages: what WebSockets and AudioSocket have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from ivr.handoff.protocols.talk import Message

__all__ = ["ABNORMAL", "EVENTS", "NORMAL", "NO_CODE", "Closed", "Happened", "Opened", "Received", "Wire"]

EVENTS: Final = 64
"""That are taken at once: a millisecond of work."""
NORMAL: Final = 1000
"""The endpoint is done (RFC 6455 section 7.4.1)."""
NO_CODE: Final = 1005
"""The endpoint is done, too: it has closed in order, and says no code, as `close()` of JavaScript does."""
ABNORMAL: Final = 1006
"""The connection broke off, or had to be."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Messages can be sent."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over."""

    code: int
    """Of RFC 6455 section 7.4; 1006 where there was none."""
    text: str = ""
    """Why, for the log: no content."""


Happened = Opened | Received | Closed


class Wire(Protocol):
    """One connection, without its socket."""

    frames: int
    """Frames of the last :meth:`take`, those too that mean nothing."""

    def outgoing(self) -> bytes:
        """What is to be sent now."""

    def feed(self, data: bytes) -> None:
        """Octets of the socket; empty: its end. What they mean comes from :meth:`take`."""

    def take(self) -> tuple[list[Happened], bool]:
        """Some of what has come, :data:`EVENTS` frames at most, and whether there may be more."""

    def message(self, message: Message) -> bytes:
        """A message as it is sent; empty where the connection is not open."""

    def ping(self) -> bytes:
        """What every endpoint answers; empty where there is no such thing."""

    def close(self, code: int = NORMAL) -> bytes:
        """What ends the connection."""
