"""One connection: its records and frames, its deadlines, and what may wait to be sent on it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Final, Protocol

from ivr.net.deadlines import Deadlines
from ivr.net.tls import TlsRecords
from ivr.net.turns import MESSAGES_PER_VISIT
from ivr.net.websocket import WebSocketWire
from ivr.net.wires import StreamWire, Wire
from ivr.sip import Flow
from ivr.sip.framing import FramingError, Sign

if TYPE_CHECKING:
    from ivr.net.tls import TlsContexts
    from ivr.net.turns import Turns

__all__ = ["Connection", "Owner", "RequestKey"]

log = logging.getLogger("ivr.net")

RequestKey = tuple[str, str]
"""Branch and method of a request of ours."""

CLOSE_SECONDS: Final = 2.0
"""For a peer to take what was sent last, before the connection is cut."""

MAX_UNSENT: Final = 256 * 1024
"""Octets that a peer leaves unread before it is cut off, and that wait for a connection to open: some hundred messages,
a second of a busy trunk."""

MAX_HANDSHAKE: Final = 64 * 1024
"""Octets of a peer's side of a TLS handshake, its chain of certificates included, that wait for their turn."""

MAX_REQUESTS: Final = 256
"""Requests remembered to be told of the connection's end before those that are answered are sorted out."""


class Owner(Protocol):
    """Whose connection it is."""

    turns: Turns
    """How much is read at once."""

    def received(self, connection: Connection, data: bytes) -> bool:
        """A message; False: the peer is not welcome, the connection is to be closed."""

    def broken(self, connection: Connection, error: FramingError) -> None:
        """The peer sent what cannot be read on; it may be told before the connection is closed."""

    def turned(self) -> None:
        """A message is dealt with: what was queued may be sent."""

    def joined(self, connection: Connection) -> None:
        """It has a socket."""

    def opened(self, connection: Connection) -> None:
        """Messages can be sent."""

    def active(self, connection: Connection) -> None:
        """Something complete came."""

    def closed(self, connection: Connection, unsent: list[bytes], reason: str) -> None:
        """It is over; `unsent` waited for it to open."""

    def parted(self, connection: Connection) -> None:
        """What was sent last has left, or never will: the socket is closed."""

    def pending(self, key: RequestKey) -> bool:
        """Whether a request of ours still waits for its answer."""


class Connection(asyncio.BufferedProtocol):
    """A stream to one peer, of any transport but UDP. Made before it is open."""

    def __init__(
        self,
        owner: Owner,
        flow: Flow,
        *,
        incoming: bool,
        contexts: TlsContexts | None,
    ) -> None:
        """`flow.connection` is its number; `contexts` are given where the transport has TLS."""
        self._owner = owner
        self.flow = flow
        self.incoming = incoming
        self._tls: TlsRecords | None = None
        if contexts is not None:
            self._tls = TlsRecords(contexts, server=incoming, name=flow.name or flow.remote[0])
        websocket = flow.transport in ("ws", "wss")
        self._wire: Wire = WebSocketWire() if websocket else StreamWire()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._early = b""
        self._queued: list[bytes] = []
        self._waiting = 0
        self._requests: dict[RequestKey, None] = {}
        self._deadlines = Deadlines(self._loop.time(), incoming=incoming, websocket=websocket)
        self.over = False
        self._paused = False
        self._check: asyncio.TimerHandle | None = None
        self._cut: asyncio.TimerHandle | None = None

    @property
    def heard(self) -> float:
        """When something complete came last."""
        return self._deadlines.heard

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._owner.joined(self)
        if self.over:
            transport.abort()
            return
        transport.set_write_buffer_limits(MAX_UNSENT)
        self._look_again(self._loop.time())
        try:
            if self._tls is not None and not self.incoming:
                self._tls.begin()
        except (ssl.SSLError, ValueError) as error:
            self.close(_reason(error))
            return
        self._progress()

    def get_buffer(self, sizehint: int) -> memoryview:
        """One for all connections: octets are taken out of it at once, and a flood is read in pieces of its size."""
        return self._owner.turns.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.over:
            return
        data = bytes(self._owner.turns.buffer[:nbytes])
        if self._tls is None or self._tls.ready or not self.incoming:
            self._feed(data)
            return
        self._early += data
        if len(self._early) > MAX_HANDSHAKE:
            self.close("TLS: a handshake too large", at_once=True)
        else:
            self._owner.turns.shakes(self)

    def shake(self) -> None:
        """Go on with the handshake, when it is its turn."""
        data, self._early = self._early, b""
        if data and not self.over:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            if self._tls is None:
                self._wire.feed(data)
            else:
                for plain in self._tls.feed(data):
                    self._wire.feed(plain)
        except ssl.SSLZeroReturnError:
            self._read()  # what came before the farewell
            self.close("closed by the peer")
            return
        except (ssl.SSLError, ValueError) as error:
            self._write(b"")  # the alert that says why
            self.close(_reason(error))
            return
        self._progress()
        self._read()

    def eof_received(self) -> None:
        """The transport closes itself after what was written."""

    def connection_lost(self, error: Exception | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
        self._end("closed by the peer" if error is None else str(error))
        self._owner.parted(self)

    # Reading

    def _progress(self) -> None:
        """Send what the handshakes need, and what waited for their end."""
        if self._tls is not None and not self._tls.ready:
            self._write(b"")
            return
        self._write(self._wire.take())
        if not self._deadlines.open and self._wire.ready and not self.over:
            self._deadlines.open = True
            self._look_again(self._loop.time())
            self._owner.opened(self)
            queued, self._queued = self._queued, []
            for message in queued:
                self.send(message)

    def _read(self) -> None:
        """Hand over messages as long as it is our turn; the rest waits for the next one."""
        now = self._loop.time()
        owner, turns = self._owner, self._owner.turns
        try:
            for _ in range(MESSAGES_PER_VISIT):
                if turns.exhausted:
                    break
                found = self._wire.next()
                if found is None:
                    self._listen(now)
                    return
                turns.spend()
                self._take(found, now)
                if self.over:
                    return
        except FramingError as error:
            owner.broken(self, error)
            owner.turned()
            self.close(str(error))
            return
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        turns.waits(self)

    def read_on(self) -> None:
        """Hand over more of what came, when it is our turn again."""
        if not self.over:
            self._read()

    def _take(self, found: bytes | Sign, now: float) -> None:
        self._deadlines.took(now)
        owner = self._owner
        if isinstance(found, bytes):
            if not owner.received(self, found):
                self.close("not welcome")
            owner.turned()  # what comes first is answered first
        elif found is Sign.PING:
            self._write(self._wire.pong())
        else:
            self._deadlines.ponged()
        if not self.over:
            owner.active(self)

    def _listen(self, now: float) -> None:
        """All that came is dealt with."""
        if self._paused and self._transport is not None:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        nearer = self._deadlines.follow(self._wire.partial, now)
        if nearer is not None and self._check is not None and self._check.when() > nearer:
            self._look_again(now)

    # Writing

    def send(self, message: bytes, key: RequestKey | None = None) -> bool:
        """Send a message, or keep it until the connection is open; False when that cannot be. `key` is that of a
        request of ours, which is told when the connection ends."""
        if self.over:
            return False
        if key is not None:
            if len(self._requests) >= MAX_REQUESTS:
                self._requests = {one: None for one in self._requests if self._owner.pending(one)}
            self._requests[key] = None
        if not self._deadlines.open:
            self._waiting += len(message)
            if self._waiting > MAX_UNSENT:
                return False
            self._queued.append(message)
            return True
        return self._write(self._wire.wrap(message))

    def _write(self, data: bytes) -> bool:
        """Write octets, and what TLS has to say; False when the connection is over."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self._tls is not None:
            try:
                if data:
                    self._tls.wrap(data)
                data = self._tls.take()
            except ssl.SSLError as error:
                self.close(_reason(error), at_once=True)
                return False
        if not data:
            return True
        if transport.get_write_buffer_size() + len(data) > MAX_UNSENT:
            self.close("it reads too slowly", at_once=True)
            return False
        transport.write(data)
        return True

    # Time

    def _look_again(self, now: float) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check = self._loop.call_at(max(now, self._deadlines.next()), self._on_check)

    def _on_check(self) -> None:
        self._check = None
        now = self._loop.time()
        when, reason = self._deadlines.over()
        if when <= now:
            self.close(reason)
            return
        ping = self._deadlines.ping()
        if ping is not None and ping <= now:
            self._deadlines.pinged(now)
            self._write(self._wire.ping())
        if not self.over:
            self._look_again(now)

    # The end

    def close(self, reason: str, *, at_once: bool = False) -> None:
        """Close it; what was written still leaves, unless `at_once`."""
        if self.over:
            return
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if at_once:
                transport.abort()
            else:
                if not self._write(self._wire.take()):
                    return
                if self._tls is not None:
                    self._tls.farewell()
                    self._write(b"")
                transport.close()
                self._cut = self._loop.call_later(CLOSE_SECONDS, transport.abort)
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self.over:
            return
        self.over = True
        self._deadlines.open = False
        if self._check is not None:
            self._check.cancel()
            self._check = None
        flow = self.flow
        log.debug("%s connection %d with %s:%d: %s", flow.transport, flow.connection, *flow.remote, reason)
        unsent, self._queued = self._queued, []
        self._owner.closed(self, unsent, reason)

    def cut(self) -> None:
        """Let go of the socket, whatever has not left."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def requests(self) -> list[RequestKey]:
        """Requests of ours that may wait for an answer on it."""
        return list(self._requests)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    detail = getattr(error, "verify_message", None)
    return f"TLS: {reason} ({detail})" if detail else f"TLS: {reason}"
