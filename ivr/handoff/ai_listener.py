"""Where Asterisk connects to us by `AudioSocket(uuid,host:port)`: its first frame says which call it is for.

A connection whose UUID nobody waits for is kept for a moment, for a call that is just being handed over; then it is
hung up. Only the loopback is listened on: the protocol knows no passwords, and a UUID is all that is to be known.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ivr.errors import UnreachableError
from ivr.handoff.ai_links import Link
from ivr.handoff.protocols import UUID, AudioSocketWire, Message
from ivr.settings import HostPort

if TYPE_CHECKING:
    from ivr.handoff.ai_call import AiCall

__all__ = ["Lobby"]

log = logging.getLogger("ivr.handoff")

NAMED_WITHIN: Final = 2.0
"""Seconds in which a connection must say its UUID; Asterisk says it at once."""
KEPT: Final = 10.0
"""Seconds that one is kept for which no call waits."""
MAX_KEPT: Final = 100
"""Connections that are kept; a further one is hung up."""
_HANG_UP: Final = b"\x00"


class Lobby:
    """One listener."""

    def __init__(self, address: HostPort) -> None:
        self._address = address
        self._server: asyncio.Server | None = None
        self._calls: dict[uuid.UUID, AiCall] = {}
        self._kept: dict[uuid.UUID, Link] = {}
        self._links: set[Link] = set()
        """Those that no call has."""
        self._timers: dict[Link, asyncio.TimerHandle] = {}

    async def open(self) -> None:
        """Listen; UnreachableError where that cannot be."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._make, self._address.host, self._address.port)
        except OSError as error:
            raise UnreachableError(f"AudioSocket cannot listen on {self._address}: {error.strerror}") from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more; connections that no call has are closed."""
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            self._forget(link)
            link.close()

    # Calls

    def wait(self, name: uuid.UUID, call: AiCall) -> None:
        """A call waits for the connection of this name; one that has come gets it."""
        self._calls[name] = call
        link = self._kept.pop(name, None)
        if link is not None:
            self._join(name, link)

    def leave(self, name: uuid.UUID) -> None:
        """No call waits for it any more."""
        self._calls.pop(name, None)

    # Connections (LinkHost)

    def _make(self) -> Link:
        link = Link(self, AudioSocketWire())
        self._links.add(link)
        self._later(link, NAMED_WITHIN)
        return link

    def opened(self, link: Link) -> None:
        """Nothing is said first."""

    def received(self, link: Link, message: Message) -> None:
        """The first frame says which call it is for; those that follow, before there is one, are not heard."""
        if isinstance(message, str) or message[:1] != bytes((UUID,)) or len(message) != 17:
            if link not in self._kept.values():
                self._refuse(link, "its first frame is no UUID")
            return
        name = uuid.UUID(bytes=message[1:])
        if name in self._kept:
            self._refuse(link, "another connection has its UUID")
        elif name in self._calls:
            self._join(name, link)
        elif len(self._kept) >= MAX_KEPT:
            self._refuse(link, "too many wait")
        else:
            self._kept[name] = link
            self._later(link, KEPT)

    def closed(self, link: Link, code: int, text: str) -> None:
        self._forget(link)

    def _join(self, name: uuid.UUID, link: Link) -> None:
        call = self._calls.pop(name)
        self._forget(link)
        link.host = call
        call.attached(link)
        call.opened(link)

    def _refuse(self, link: Link, why: str) -> None:
        log.info("a connection of AudioSocket is hung up: %s", why)
        self._forget(link)
        link.send(_HANG_UP)
        link.close()

    def _forget(self, link: Link) -> None:
        self._links.discard(link)
        timer = self._timers.pop(link, None)
        if timer is not None:
            timer.cancel()
        for name, kept in list(self._kept.items()):
            if kept is link:
                del self._kept[name]

    def _later(self, link: Link, seconds: float) -> None:
        timer = self._timers.pop(link, None)
        if timer is not None:
            timer.cancel()
        refuse: Callable[[], None] = lambda: self._refuse(link, "no call waits for it")  # noqa: E731
        self._timers[link] = asyncio.get_running_loop().call_later(seconds, refuse)
