"""How long a connection may take for what it has to do, and when it is pinged. Pure: the time is given."""

from __future__ import annotations

from typing import Final

__all__ = ["OPEN_SECONDS", "Deadlines"]

OPEN_SECONDS: Final = 5.0
"""To a peer: for TCP, TLS and all. A caller waits meanwhile, and the next trunk could have answered."""

HANDSHAKE_SECONDS: Final = 10.0
"""From a peer: TLS and WebSocket handshakes. A phone on a poor mobile network needs some three."""

FIRST_SECONDS: Final = 10.0
"""Until the first complete message or keep-alive: who connects has something to say at once."""

MESSAGE_SECONDS: Final = 10.0
"""From the first octet of a message to its last, however they drip in."""

IDLE_SECONDS: Final = 3605.0
"""Without anything from the peer: a phone that sends no keep-alives registers once an hour."""

PING_SECONDS: Final = 95.0
"""Without anything from the peer of a connection that we opened until it gets a ping (RFC 5626 §4.4.1: 95 to 120)."""

WEBSOCKET_PING_SECONDS: Final = 25.0
"""The same for a WebSocket from a peer: proxies in between cut what is silent for 60 s, phones cannot send pings."""

PONG_SECONDS: Final = 10.0
"""For the answer to a ping (RFC 5626 §4.4.1), from a peer that is known to give any."""


class Deadlines:
    """Those of one connection."""

    def __init__(self, now: float, *, incoming: bool, websocket: bool) -> None:
        self.heard = now
        """When something complete came last."""
        self.open = False
        """Whether messages can be sent: the handshakes are over."""
        self._incoming = incoming
        self._websocket = websocket
        self._created = now
        self._greeted = False
        self._partial_since: float | None = None
        self._pinged_at: float | None = None
        self._last_ping = now
        self._answers_pings = websocket  # RFC 6455 §5.5.3 leaves no choice; of other peers we have to see it

    def took(self, now: float) -> None:
        """Something complete came."""
        self.heard = now
        self._greeted = True
        self._pinged_at = None

    def ponged(self) -> None:
        """It answered a ping: from now on it has to."""
        self._answers_pings = True

    def pinged(self, now: float) -> None:
        """A ping was sent."""
        self._last_ping = now
        if self._pinged_at is None:
            self._pinged_at = now

    def follow(self, partial: bool, now: float) -> float | None:
        """Whether a message has begun that is not complete; where that is news, when it has to be."""
        if not partial:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = now
            return now + MESSAGE_SECONDS
        return None

    def over(self) -> tuple[float, str]:
        """When the connection is to be closed, and why."""
        found = [(self.heard + IDLE_SECONDS, "idle")]
        if not self.open:
            found.append((self._created + (HANDSHAKE_SECONDS if self._incoming else OPEN_SECONDS), "no handshake"))
        elif self._incoming and not self._greeted:
            found.append((self._created + HANDSHAKE_SECONDS + FIRST_SECONDS, "it says nothing"))
        if self._partial_since is not None:
            found.append((self._partial_since + MESSAGE_SECONDS, "a message takes too long"))
        if self._pinged_at is not None and self._answers_pings:
            found.append((self._pinged_at + PONG_SECONDS, "no pong"))
        return min(found)

    def ping(self) -> float | None:
        """When a ping is due, of connections that we keep up."""
        if not self.open or (self._incoming and not self._websocket):
            return None
        return max(self.heard, self._last_ping) + (WEBSOCKET_PING_SECONDS if self._websocket else PING_SECONDS)

    def next(self) -> float:
        """When to look again."""
        when, ping = self.over()[0], self.ping()
        return when if ping is None else min(when, ping)
