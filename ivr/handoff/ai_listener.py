"""Where Asterisk connects to us by `AudioSocket(uuid,host:port)`: its first frame says which call it is for.

The protocol knows no passwords: to know the UUID is all that lets somebody in. So it is one that only its call's flow
knows (`call.key`, or one that the flow was told), it lets one connection in, and only while the call waits for it. One
that comes a little early, before its flow hands the call over, is kept for a moment; whoever says anything else, or
nothing within :data:`NAMED_WITHIN`, is hung up at once, and that is logged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import uuid
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from ivr.errors import UnreachableError
from ivr.handoff.ai_links import Link
from ivr.handoff.protocols import UUID, AudioSocketWire, Message
from ivr.settings import HostPort, Network
from media import AddressError

if TYPE_CHECKING:
    from ivr.handoff.ai_call import AiCall

__all__ = ["Lobby"]

log = logging.getLogger("ivr.handoff")

NAMED_WITHIN: Final = 2.0
"""Seconds in which a connection must have said its UUID, from its first octet to its last; Asterisk says it at once."""
KEPT: Final = 10.0
"""Seconds that one is kept whose call is not handed over yet: its flow has just told the PBX to connect."""
MAX_UNNAMED: Final = 32
"""Connections that have said no UUID yet; a further one is hung up."""
MAX_KEPT: Final = 100
"""Connections that are kept; a further one is hung up."""
LOG_EVERY: Final = 10.0
"""Seconds between two lines of the log about connections that are hung up; who floods must not fill the disk."""
LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_HANG_UP: Final = b"\x00"


class Lobby:
    """One listener."""

    def __init__(
        self, address: HostPort, expected: Callable[[uuid.UUID], bool], peers: Collection[Network] = LOOPBACK
    ) -> None:
        """`expected` knows the UUIDs of calls that may be handed over; `peers` may connect."""
        self._address = address
        self._expected = expected
        self._peers = tuple(peers)
        self._server: asyncio.Server | None = None
        self._calls: dict[uuid.UUID, AiCall] = {}
        self._kept: dict[uuid.UUID, Link] = {}
        self._unnamed: set[Link] = set()
        self._timers: dict[Link, asyncio.TimerHandle] = {}
        self._logged_at = float("-inf")
        self._refused = 0

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
        for link in list(self._timers):
            self._forget(link)
            link.close()

    # Calls

    def wait(self, name: uuid.UUID, call: AiCall) -> None:
        """A call waits for the connection of this name; one that has come gets it. AddressError where another waits."""
        if name in self._calls:
            raise AddressError("another call waits for a connection with its UUID")
        self._calls[name] = call
        link = self._kept.pop(name, None)
        if link is not None:
            self._join(name, link)

    def leave(self, name: uuid.UUID, call: AiCall) -> None:
        """The call waits for it no more."""
        if self._calls.get(name) is call:
            del self._calls[name]

    # Connections (LinkHost)

    def _make(self) -> Link:
        link = Link(self, AudioSocketWire(named=True))
        self._unnamed.add(link)
        self._later(link, NAMED_WITHIN, "it says no UUID")
        return link

    def opened(self, link: Link) -> None:
        """Nothing is said first."""
        if not self._may_connect(link.peer):
            self._refuse(link, "it is none of peers")
        elif len(self._unnamed) > MAX_UNNAMED:
            self._refuse(link, "too many have said no UUID yet")

    def _may_connect(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        found = getattr(address, "ipv4_mapped", None) or address
        return any(found in network for network in self._peers)

    def received(self, link: Link, message: Message) -> None:
        """The first frame says which call it is for; those that follow, before there is one, are not heard."""
        if link not in self._unnamed or isinstance(message, str):
            return
        assert message[0] == UUID  # the wire reads nothing else first
        self._unnamed.discard(link)
        name = uuid.UUID(bytes=message[1:])
        if name in self._calls:
            self._join(name, link)
        elif name in self._kept:
            self._refuse(link, "another connection has its UUID")
        elif not self._expected(name):
            self._refuse(link, "no call waits for its UUID")
        elif len(self._kept) >= MAX_KEPT:
            self._refuse(link, "too many wait for their calls")
        else:
            self._kept[name] = link
            self._later(link, KEPT, "its call was not handed over")

    def closed(self, link: Link, code: int, text: str) -> None:
        if link in self._unnamed:
            self._log(link, text or "it says no UUID")
        self._forget(link)

    def _join(self, name: uuid.UUID, link: Link) -> None:
        call = self._calls.pop(name)
        self._forget(link)
        link.host = call
        call.attached(link)
        call.opened(link)

    def _refuse(self, link: Link, why: str) -> None:
        self._log(link, why)
        self._forget(link)
        link.send(_HANG_UP)
        link.close()

    def _log(self, link: Link, why: str) -> None:
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_EVERY:
            others = f" ({self._refused} since the last such line)" if self._refused > 1 else ""
            log.warning("a connection of AudioSocket from %s is hung up: %s%s", link.peer, why, others)
            self._logged_at, self._refused = now, 0

    def _forget(self, link: Link) -> None:
        self._unnamed.discard(link)
        timer = self._timers.pop(link, None)
        if timer is not None:
            timer.cancel()
        for name, kept in list(self._kept.items()):
            if kept is link:
                del self._kept[name]

    def _later(self, link: Link, seconds: float, why: str) -> None:
        timer = self._timers.pop(link, None)
        if timer is not None:
            timer.cancel()
        self._timers[link] = asyncio.get_running_loop().call_later(seconds, self._refuse, link, why)
