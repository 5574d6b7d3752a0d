"""Whose turn it is: how much is read from all connections together before everything else of the loop gets its turn."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ivr.net.connection import Connection

__all__ = ["MESSAGES_PER_VISIT", "Turns"]

HANDSHAKES_PER_TURN: Final = 4
"""Steps of TLS handshakes before everything else gets its turn. One costs 1.5 ms, most of it for the key: a thousand
phones that connect at once, after a restart or with malice, would otherwise keep calls waiting for a second."""

MESSAGES_PER_TURN: Final = 64
"""Read from all connections together before everything else gets its turn, as from a socket of datagrams: whoever
floods by a thousand connections keeps datagrams waiting no longer than by one."""

MESSAGES_PER_VISIT: Final = 8
"""Read from one connection before the others get their turn."""

READ_OCTETS: Final = 65536
"""Read from a connection at once: what a peer that floods may have waiting here, besides one message."""


class Turns:
    """Those of the connections of one table."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ_OCTETS))
        """Where octets are received: one for all connections."""
        self.exhausted = False
        """Enough was read in this turn of the loop, from all connections together."""
        self._loop = asyncio.get_running_loop()
        self._left = MESSAGES_PER_TURN
        self._unread: dict[int, Connection] = {}
        self._shaking: dict[int, Connection] = {}

    def spend(self) -> None:
        """A message or sign was read."""
        if self._left == MESSAGES_PER_TURN:
            self._loop.call_soon(self._next)
        self._left -= 1
        self.exhausted = self._left <= 0

    def waits(self, connection: Connection) -> None:
        """More has come than was read: `connection.read_on()` is called when it is its turn."""
        if self._left == MESSAGES_PER_TURN and not self._unread:
            self._loop.call_soon(self._next)
        self._unread[connection.flow.connection] = connection

    def _next(self) -> None:
        self._left, self.exhausted = MESSAGES_PER_TURN, False
        for number in list(itertools.islice(self._unread, MESSAGES_PER_TURN // MESSAGES_PER_VISIT)):
            self._unread.pop(number).read_on()
        if self._unread and self._left == MESSAGES_PER_TURN:
            self._loop.call_soon(self._next)

    def shakes(self, connection: Connection) -> None:
        """A peer's handshake can go on: `connection.shake()` is called soon."""
        if not self._shaking:
            self._loop.call_soon(self._shake)
        self._shaking[connection.flow.connection] = connection

    def _shake(self) -> None:
        for number in list(itertools.islice(self._shaking, HANDSHAKES_PER_TURN)):
            self._shaking.pop(number).shake()
        if self._shaking:
            self._loop.call_soon(self._shake)
