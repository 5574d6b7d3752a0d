"""All connections: those that peers open, within bounds, and those opened for what has to be sent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import itertools
import logging
import resource
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ivr.net.connection import Connection, RequestKey
from ivr.net.deadlines import OPEN_SECONDS
from ivr.net.doorkeeper import Doorkeeper
from ivr.net.listener import StreamListener, bound_socket, keep_alive
from ivr.net.tls import TlsContexts
from ivr.net.turns import Turns
from ivr.net.udp import local_address_towards
from ivr.sip import Flow
from ivr.sip.framing import FramingError

__all__ = ["ConnectionLimits", "ConnectionTable", "StreamHandler"]

log = logging.getLogger("ivr.net")

ACCEPTS_PER_TURN: Final = 16
"""Taken from one listener before everything else of the loop gets its turn: some 5 ms of work with TLS."""

ACCEPT_AGAIN: Final = 1.0
"""Seconds until the next try when there is no file descriptor left."""

LAST_WORDS: Final = 0.5
"""Seconds for what was written before the end to leave."""

FILES_KEPT: Final = 512
"""File descriptors that are not for connections: sockets of media, files of recordings, the store, HTTP."""

EVICT_IDLE: Final = 60.0
"""Seconds of silence after which a connection of a peer may have to make room for a new one when all are taken. Phones
send keep-alives more often."""

MAX_OPENING: Final = 256
"""Connections of ours that are being opened: what a dead network of peers may hold."""

MAX_UNREACHED: Final = 1024
"""Peers of which it is remembered that they cannot be reached, for the log alone."""

TELL_EVERY: Final = 10.0
"""Seconds between two lines in the log about the same bound."""

TLS_TRANSPORTS: Final = frozenset(("tls", "wss"))
OPENED_BY_US: Final = frozenset(("tcp", "tls"))
"""Nobody can be reached by a WebSocket but on the one it has opened itself (RFC 7118 §5)."""

_NO_FILES: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_LINGER_NONE: Final = b"\1\0\0\0\0\0\0\0"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections peers may have."""

    total: int = 4000
    """In all; a third of a gigabyte where all have TLS."""
    per_source: int = 100
    """From one address outside `trusted`: an office behind one address."""
    trusted: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()
    """Networks that `per_source` does not hold for: a WebSocket proxy, a trunk of many connections."""


@dataclass(frozen=True, slots=True)
class StreamHandler:
    """What the table tells the shell."""

    received: Callable[[bytes, Flow], bool]
    """A message; False: its sender is not welcome."""
    broken: Callable[[FramingError, Flow], None]
    """What cannot be read on; an answer may be queued."""
    unsent: Callable[[bytes], None]
    """A message that could not leave."""
    lost: Callable[[list[RequestKey]], None]
    """Requests whose connection is gone."""
    gone: Callable[[Flow], None]
    """A connection that we had opened is gone, or could not be opened."""
    pending: Callable[[RequestKey], bool]
    """Whether a request still waits for its answer."""
    turned: Callable[[], None]
    """Send what is queued."""


class ConnectionTable:
    """Owns connections and listeners."""

    def __init__(
        self,
        handler: StreamHandler,
        limits: ConnectionLimits,
        contexts: TlsContexts,
        guard: Callable[[], Doorkeeper | None],
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._contexts = contexts
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._listeners: list[StreamListener] = []
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._by_peer: dict[tuple[str, tuple[str, int], str], Connection] = {}
        self._incoming: OrderedDict[int, Connection] = OrderedDict()
        """Those of peers, the one that was silent for longest first."""
        self._sources: Counter[str] = Counter()
        self._opening: set[asyncio.Task[None]] = set()
        self._connecting = 0
        self._reserved: dict[tuple[str, tuple[str, int], str], socket.socket] = {}
        self._total = _have_files(limits.total)
        self.turns = Turns()
        self._joined: set[Connection] = set()
        """Those that have a socket, closed ones that still send their last words included."""
        self._alone = asyncio.Event()
        self._tell_again: dict[str, float] = {}
        self._unreached: dict[tuple[str, tuple[str, int]], str] = {}
        """Peers that could not be reached last time, and why."""
        self.refused = 0
        """Connections that were not taken, because of a bound or of the doorkeeper."""

    # Listening

    def listen(self, listener: StreamListener) -> None:
        """Take connections from now on."""
        self._listeners.append(listener)
        self._loop.add_reader(listener.socket.fileno(), self._accept, listener)

    def _accept(self, listener: StreamListener) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, peer = listener.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    self._tell("files", f"no connection can be accepted: {error.strerror}")
                    self._loop.remove_reader(listener.socket.fileno())
                    self._loop.call_later(ACCEPT_AGAIN, self._accept_again, listener)
                return
            self._take(listener, sock, (peer[0], peer[1]))

    def _accept_again(self, listener: StreamListener) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener.socket.fileno(), self._accept, listener)

    def _take(self, listener: StreamListener, sock: socket.socket, remote: tuple[str, int]) -> None:
        host, now = remote[0], self._loop.time()
        guard = self._guard()
        if (guard is not None and not guard.connection(host, now)) or not self._room(host, now):
            self.refused += 1
            # Without the wait state: those who are refused must not cost more than those who are taken.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            sock.close()
            return
        try:
            sock.setblocking(False)
            keep_alive(sock)
            local = listener.local if not listener.wildcard else (sock.getsockname()[0], listener.local[1])
        except OSError:  # it is gone already
            sock.close()
            return
        flow = Flow(listener.transport, local, remote, next(self._numbers))
        connection = self._add(flow, incoming=True)
        self._sources[host] += 1
        self._incoming[flow.connection] = connection
        self._start(self._adopt(connection, sock))

    def _room(self, host: str, now: float) -> bool:
        if self._sources[host] >= self._limits.per_source and not self._trusted(host):
            self._tell(
                "source", f"more than {self._limits.per_source} connections from {host}: further ones are refused"
            )
            return False
        if len(self._connections) < self._total:
            return True
        oldest = next(iter(self._incoming.values()), None)
        if oldest is None or now - oldest.heard < EVICT_IDLE:
            self._tell("total", f"{self._total} connections stand: further ones are refused")
            return False
        oldest.close("it has to make room", at_once=True)
        return True

    def _trusted(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self._limits.trusted)

    async def _adopt(self, connection: Connection, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, sock)
        except OSError as error:
            sock.close()
            connection.close(str(error))
        except asyncio.CancelledError:
            sock.close()
            raise

    # Opening

    def find(self, flow: Flow) -> Connection | None:
        """The connection that a message on this flow goes by, where there is one."""
        if flow.connection and (found := self._connections.get(flow.connection)) is not None:
            return found
        return self._by_peer.get((flow.transport, flow.remote, flow.name))

    def way_to(self, transport: str, remote: tuple[str, int], name: str, local: tuple[str, int] | None) -> Flow:
        """The flow to a peer; `local` is that of a listener of ours where there is one, which the peer can reach us by.
        Else it is the connection's own end, whose port is taken now. Raises OSError where there is no way."""
        key = (transport, remote, name)
        standing = self._by_peer.get(key)
        if standing is not None:
            return standing.flow._replace(connection=0)
        if local is not None:
            return Flow(transport, local, remote, 0, name)
        sock = self._reserved.get(key)
        if sock is None:
            sock = bound_socket(local_address_towards(remote[0]))
            while len(self._reserved) >= MAX_OPENING:
                self._reserved.pop(next(iter(self._reserved))).close()
            self._reserved[key] = sock
        host, port = sock.getsockname()[:2]
        return Flow(transport, (host, port), remote, 0, name)

    def send(self, data: bytes, flow: Flow, key: RequestKey | None) -> bool:
        """Send on the connection of a flow, on another one to its peer, or on a new one; False where there is none."""
        connection = self.find(flow)
        if connection is None:
            connection = self._open(flow)
        return connection is not None and connection.send(data, key)

    def _open(self, flow: Flow) -> Connection | None:
        if flow.transport not in OPENED_BY_US or self._connecting >= MAX_OPENING or flow.remote[1] == 0:
            return None
        if len(self._connections) >= self._total:
            self._tell("total", f"{self._total} connections stand: none can be opened")
            return None
        key = (flow.transport, flow.remote, flow.name)
        try:
            sock = self._reserved.pop(key, None) or bound_socket(flow.local[0])
            keep_alive(sock)
        except OSError as error:
            log.warning("no connection to %s:%d: %s", *flow.remote, error)
            return None
        connection = self._add(flow._replace(connection=next(self._numbers)), incoming=False)
        self._connecting += 1
        self._start(self._connect(connection, sock))
        return connection

    async def _connect(self, connection: Connection, sock: socket.socket) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._loop.sock_connect(sock, connection.flow.remote)
                await self._loop.create_connection(lambda: connection, sock=sock)
        except (OSError, TimeoutError) as error:
            sock.close()
            connection.close(str(error) or "no answer")
        except asyncio.CancelledError:
            sock.close()
            raise
        finally:
            self._connecting -= 1

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    # Connections

    def _add(self, flow: Flow, *, incoming: bool) -> Connection:
        contexts = self._contexts if flow.transport in TLS_TRANSPORTS else None
        connection = Connection(self, flow, incoming=incoming, contexts=contexts)
        self._connections[flow.connection] = connection
        # Who connected by TLS did not prove to be who can be reached there (RFC 5923 §9.2).
        if not incoming or contexts is None:
            self._by_peer[(flow.transport, flow.remote, flow.name)] = connection
        return connection

    def received(self, connection: Connection, data: bytes) -> bool:
        return self._handler.received(data, connection.flow)

    def broken(self, connection: Connection, error: FramingError) -> None:
        self._handler.broken(error, connection.flow)

    def turned(self) -> None:
        self._handler.turned()

    def joined(self, connection: Connection) -> None:
        self._joined.add(connection)

    def parted(self, connection: Connection) -> None:
        self._joined.discard(connection)
        if not self._joined:
            self._alone.set()

    def opened(self, connection: Connection) -> None:
        flow = connection.flow
        self._unreached.pop((flow.transport, flow.remote), None)
        log.debug("%s connection %d with %s:%d stands", flow.transport, flow.connection, *flow.remote)

    def active(self, connection: Connection) -> None:
        if connection.incoming:
            self._incoming.move_to_end(connection.flow.connection)

    def pending(self, key: RequestKey) -> bool:
        return self._handler.pending(key)

    def closed(self, connection: Connection, unsent: list[bytes], reason: str) -> None:
        flow = connection.flow
        self._connections.pop(flow.connection, None)
        key = (flow.transport, flow.remote, flow.name)
        if self._by_peer.get(key) is connection:
            del self._by_peer[key]
        if self._incoming.pop(flow.connection, None) is not None:
            self._sources[flow.remote[0]] -= 1
            if not self._sources[flow.remote[0]]:
                del self._sources[flow.remote[0]]
        if connection.incoming and reason.startswith("TLS"):
            self._tell("TLS", f"no TLS with {flow.remote[0]}: {reason.removeprefix('TLS: ')}")
        if unsent and connection.requests:
            # Whom we wanted to reach is worth a line, who asked and hung up is not.
            self._unreached_peer(flow, reason)
        # Where something waited, it was never open: all its requests are among that, and each is told once.
        for data in unsent:
            self._handler.unsent(data)
        requests = [] if unsent else connection.requests
        if requests:
            self._handler.lost(requests)
        if not connection.incoming:
            self._handler.gone(flow)
        if unsent or requests:
            self._loop.call_soon(self._handler.turned)

    @property
    def counts(self) -> dict[str, int]:
        """Connections that stand, by transport."""
        return dict(Counter(one.flow.transport for one in self._connections.values()))

    def _unreached_peer(self, flow: Flow, reason: str) -> None:
        """A line when a peer is not reached, and no other until that changes: it is tried again and again."""
        key = (flow.transport, flow.remote)
        if self._unreached.get(key) != reason:
            if len(self._unreached) >= MAX_UNREACHED:
                self._unreached.clear()
            self._unreached[key] = reason
            log.warning("no %s connection to %s:%d: %s", flow.transport, *flow.remote, reason)

    def _tell(self, kind: str, sentence: str) -> None:
        """A line about something that peers may bring about as often as they like."""
        now = self._loop.time()
        if now >= self._tell_again.get(kind, now):
            self._tell_again[kind] = now + TELL_EVERY
            log.warning("%s", sentence)

    async def close(self) -> None:
        """Close everything; what was written leaves where the peers take it at once."""
        for listener in self._listeners:
            self._loop.remove_reader(listener.socket.fileno())
            listener.socket.close()
        self._listeners.clear()
        for connection in list(self._connections.values()):
            connection.close("we stop")
        for sock in self._reserved.values():
            sock.close()
        self._reserved.clear()
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        if self._joined:
            self._alone.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._alone.wait()
            for connection in list(self._joined):
                connection.cut()
            await asyncio.sleep(0)


def _have_files(total: int) -> int:
    """Have file descriptors for so many connections, as far as the hard limit goes; for how many there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = total + FILES_KEPT
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return total if soft == resource.RLIM_INFINITY else min(total, max(soft - FILES_KEPT, soft // 2))
