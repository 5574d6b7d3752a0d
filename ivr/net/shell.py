"""Feeds the stack from its sockets and carries out what it wants: drain, send, arm one timer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ivr.errors import ConfigError, Fault, UnreachableError
from ivr.net.addresses import OwnAddresses, is_loopback, nearest
from ivr.net.certificates import CertificateState
from ivr.net.connection import RequestKey
from ivr.net.connections import (
    OPENED_BY_US,
    TLS_TRANSPORTS,
    ConnectionLimits,
    ConnectionTable,
    StreamHandler,
)
from ivr.net.doorkeeper import Doorkeeper, Tap
from ivr.net.listener import StreamListener
from ivr.net.nat import BindingAnswers, PublicAddress
from ivr.net.tls import TlsContexts, TlsFiles
from ivr.net.udp import UdpSocket, local_address_towards
from ivr.sip import Event, Flow, Stack
from ivr.sip.framing import FramingError

__all__ = ["SipShell"]

log = logging.getLogger("ivr.net")

DATAGRAMS_PER_TURN: Final = 64
"""Read from one socket before the others, and everything else of the loop, get their turn: some 10 ms of work."""

BEHIND_SECONDS: Final = 0.1
"""Packets wait in the socket without a break for so long: new calls are refused at once, which costs a tenth of taking
them, until the queue is empty. Callers notice from half a second on, when they repeat what they sent."""

TELL_EVERY: Final = 10.0
"""Seconds between two lines in the log about the same overload."""

FILES_EVERY: Final = 60.0
"""Seconds between looks at the files of TLS: some stat calls."""

KEEP_ALIVE: Final = b"\r\n\r\n"

STUN_FIRST: Final = 4
"""SIP begins with a letter, STUN with an octet below this (RFC 7983)."""


class SipShell:
    """The sockets of one stack.

    `listeners` are (transport, host, port); `on_event` gets every event of the stack, in the loop; it may call verbs of
    sessions at once. Elsewhere `flush` is to be called after verbs. `public_address` is what Via, Contact and SDP say
    instead of our own address, except on loopback; `stun` (host, port) is asked for it instead.

    `inner` are peers on the loopback, each at an address that nobody else can have: they are spoken to, and heard, by a
    listener of their own, which hears nobody else and is not among :attr:`addresses`. It takes a free port, or is
    `inner_socket`, which is bound already.
    """

    def __init__(
        self,
        stack: Stack,
        listeners: Sequence[tuple[str, str, int]],
        on_event: Callable[[Event], None],
        *,
        public_address: str | None = None,
        stun: tuple[str, int] | None = None,
        guard: Doorkeeper | None = None,
        tap: Tap | None = None,
        tls: TlsFiles | None = None,
        limits: ConnectionLimits | None = None,
        inner: Collection[tuple[str, int]] = (),
        inner_socket: socket.socket | None = None,
    ) -> None:
        self.guard = guard
        """Asked about every message and connection; may be changed at any time."""
        self.tap = tap
        """Shown every message; may be changed at any time."""
        self.on_gone: Callable[[Flow], None] | None = None
        """Told of every connection of ours that is gone: who was registered by it is reached no more."""
        self._stack = stack
        self._listeners = listeners
        self._on_event = on_event
        self._own = OwnAddresses(public_address, stack.advertise)
        self._stun = stun
        self._tls = tls or TlsFiles()
        self._limits = limits or ConnectionLimits()
        self._udp: list[UdpSocket] = []
        self._by_port: dict[int, list[UdpSocket]] = {}
        self._inner = frozenset(inner)
        self._inner_udp: UdpSocket | None = None
        self._inner_socket = inner_socket
        self._streams: list[StreamListener] = []
        self._addresses: list[tuple[str, str, int]] = []
        self._contexts: TlsContexts
        self._table: ConnectionTable
        self._loop: asyncio.AbstractEventLoop
        self._bindings = BindingAnswers()
        self._asking: PublicAddress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._draining = False
        self._behind_since: float | None = None
        self._tell_again = 0.0

    async def start(self) -> None:
        """Bind all listeners and begin to receive. Raises ConfigError for an address that cannot be had, and for TLS
        files that do not hold."""
        self._loop = asyncio.get_running_loop()
        self._contexts = TlsContexts(self._tls, any(kind in TLS_TRANSPORTS for kind, _, _ in self._listeners))
        handler = StreamHandler(
            received=self._take,
            broken=self._broken,
            unsent=self._unsent,
            lost=self._lost,
            gone=self._gone,
            pending=self._stack.layer.clients.__contains__,
            turned=self.flush,
        )
        self._table = ConnectionTable(handler, self._limits, self._contexts, lambda: self.guard)
        try:
            for kind, host, port in self._listeners:
                self._add(kind, host, port)
            if self._inner:
                self._inner_udp = UdpSocket("127.0.0.1", 0, self._inner_socket)
                self._by_port.setdefault(self._inner_udp.local[1], []).append(self._inner_udp)
        except BaseException:
            await self.close()
            raise
        self._stack.layer.stream_for = self._stream_for
        for udp in self._udp:
            self._loop.add_reader(udp.fileno(), self._on_readable, udp)
        if self._inner_udp is not None:
            self._loop.add_reader(self._inner_udp.fileno(), self._on_readable, self._inner_udp)
        for stream in self._streams:
            self._table.listen(stream)
        self._look_at_files()
        if self._stun is not None:
            self._asking = PublicAddress(self._stun, self._ask, self._own.learned)
            await self._asking.start()

    def _add(self, kind: str, host: str, port: int) -> None:
        try:
            if kind == "udp":
                udp = UdpSocket(host, port)
                self._udp.append(udp)
                self._by_port.setdefault(udp.local[1], []).append(udp)
                self._addresses.append((kind, *udp.local))
            else:
                stream = StreamListener(kind, host, port)
                self._streams.append(stream)
                self._addresses.append((kind, *stream.local))
        except (OSError, ValueError) as error:
            fault = Fault(f"cannot listen: {error}", field="sip.listen", found=f"{kind}:{host}:{port}")
            raise ConfigError([fault]) from error

    async def close(self) -> None:
        """Send what is queued, and close the sockets."""
        for handle in (self._timer, self._look):
            if handle is not None:
                handle.cancel()
        self._timer = self._look = None
        if self._asking is not None:
            await self._asking.close()
        self._send()
        # What closing connections leave behind must not arm a timer again.
        self._draining = True
        await self._table.close()
        for udp in (*self._udp, *([self._inner_udp] if self._inner_udp is not None else ())):
            self._loop.remove_reader(udp.fileno())
            udp.close()
        self._inner_udp = None
        for stream in self._streams:
            stream.socket.close()
        self._udp.clear()
        self._by_port.clear()
        self._streams.clear()

    # TLS

    def certificates(self) -> list[CertificateState]:
        """Our certificates in force, with the time they end."""
        return self._contexts.certificates

    def reload_tls(self) -> bool:
        """Take certificate, key and authorities from their files anew; where they do not hold those in force stay.
        Connections that stand are not touched. Whether it worked; True where there is nothing to load."""
        return self._tls == TlsFiles() or self._contexts.reload()

    def _look_at_files(self) -> None:
        self._contexts.reload_if_changed()
        self._look = self._loop.call_later(FILES_EVERY, self._look_at_files)

    # Addresses

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """(transport, host, port) of the listeners as bound, in the order given."""
        return list(self._addresses)

    @property
    def inner_address(self) -> tuple[str, int] | None:
        """Where inner peers reach us; None where there are none."""
        return None if self._inner_udp is None else self._inner_udp.local

    @property
    def connections(self) -> dict[str, int]:
        """Connections that stand, by transport."""
        return self._table.counts

    @property
    def connections_refused(self) -> int:
        """Connections of peers that were not taken, because of a bound or of the doorkeeper."""
        return self._table.refused

    def flow_to(self, address: str, port: int, transport: str = "udp", name: str = "") -> Flow:
        """The path by which calls to an address go out; raises UnreachableError where no listener can reach it.

        Nothing is waited for: a connection is opened when something is sent on the flow, and a failure comes back as
        `Stack.unsent`. `name` is the domain that a TLS peer has to prove (RFC 5922); empty: its address.
        """
        try:
            if transport == "udp":
                flow = self._datagrams_to(address, port)
            else:
                flow = self._way_to(address, port, transport, name)
        except OSError as error:
            raise UnreachableError(f"there is no way to {address}: {error}") from error
        self._own.introduce(flow)
        return flow

    def _datagrams_to(self, address: str, port: int) -> Flow:
        found = self._inner_udp if (address, port) in self._inner else nearest(self._udp, address)
        if found is None:
            raise UnreachableError(f"no listener can reach {address}")
        return found.flow_to(address, port)

    def _way_to(self, address: str, port: int, transport: str, name: str) -> Flow:
        if transport not in OPENED_BY_US:
            raise UnreachableError(f"nobody can be called by {transport} but on the connection that he has opened")
        local = None
        found = nearest([one for one in self._streams if one.transport == transport], address)
        if found is not None and (found.wildcard or is_loopback(found.local[0]) == is_loopback(address)):
            local = (local_address_towards(address) if found.wildcard else found.local[0], found.local[1])
        return self._table.way_to(transport, (address, port), name, local)

    def keep_alive(self, flow: Flow) -> None:
        """Send what is no message on a flow of datagrams, so that the NAT before us goes on letting its peer in. CRLF,
        as on streams (RFC 5626 §3.5.1): not all who take SIP take STUN."""
        if flow.transport == "udp":
            self._send_datagram(KEEP_ALIVE, flow)

    def _stream_for(self, flow: Flow) -> Flow | None:
        """The TCP flow to the peer of a flow of datagrams, for what is too large for one."""
        try:
            return self.flow_to(*flow.remote, "tcp")
        except UnreachableError:
            return None

    def host_for(self, flow: Flow) -> str:
        """What the peer of a flow calls our host."""
        return self._own.host_for(flow)

    def media_address(self, peer: str) -> str:
        """What SDP for a peer says: the public address, or ours on the way to it."""
        return self._own.media(peer, [*self._udp, *self._streams])

    # The public address

    def _ask(self, data: bytes, server: tuple[str, int]) -> Flow | None:
        """Send a binding request by the socket that calls go by; the flow it took."""
        try:
            flow = self._datagrams_to(*server)
        except (OSError, UnreachableError) as error:
            log.debug("the STUN server %s cannot be reached: %s", server[0], error)
            return None
        return flow if self._send_datagram(data, flow) else None

    def _on_stun(self, data: bytes, flow: Flow) -> None:
        if self._asking is not None and self._asking.received(data, flow):
            return
        answer = self._bindings.answer(data, flow, self._loop.time())
        if answer is not None:
            self._send_datagram(answer, flow)

    # In and out

    def shut_out(self, sources: Sequence[str]) -> None:
        """Have the kernel drop datagrams from these IPv4 addresses, and from nobody else. Where it has no such filters
        the guard drops them."""
        for udp in self._udp:
            try:
                udp.shut_out(sources)
            except OSError as error:
                log.debug("no filter in the kernel: %s", error)

    def _on_readable(self, udp: UdpSocket) -> None:
        take = self._receive_inner if udp is self._inner_udp else self._receive
        read = udp.receive(take, DATAGRAMS_PER_TURN)
        if read < DATAGRAMS_PER_TURN or not udp.waiting():
            self._behind_since = None
            self._stack.overloaded = False
        elif self._behind_since is None:
            self._behind_since = self._loop.time()
        elif self._loop.time() - self._behind_since > BEHIND_SECONDS and not self._stack.overloaded:
            self._stack.overloaded = True
            if self._loop.time() >= self._tell_again:
                self._tell_again = self._loop.time() + TELL_EVERY
                log.warning("more calls come than can be handled: new ones are answered 503")
        self.flush()

    def _receive(self, data: bytes, flow: Flow) -> None:
        if data and data[0] < STUN_FIRST:
            if self.guard is None or self.guard.message(flow.remote[0], self._loop.time(), len(data)):
                self._on_stun(data, flow)
        else:
            self._take(data, flow)

    def _receive_inner(self, data: bytes, flow: Flow) -> None:
        """From an inner peer; whoever else sends here is not heard. The guard is not asked: it knows hosts alone, and
        would take whoever is on this one for the peer."""
        if flow.remote in self._inner:
            self._hear(data, flow)

    def _take(self, data: bytes, flow: Flow) -> bool:
        """One message; False where its sender is not welcome."""
        if self.guard is not None and not self.guard.message(flow.remote[0], self._loop.time(), len(data)):
            return False
        self._hear(data, flow)
        return True

    def _hear(self, data: bytes, flow: Flow) -> None:
        if self.tap is not None:
            self.tap("in", data, flow)
        if self._own.public is not None:
            self._own.introduce(flow)
        try:
            self._stack.receive(data, flow, self._loop.time())
        except Exception:
            # One packet must not stop the receiver, whatever is in it.
            log.exception("a packet from %s:%d could not be handled", *flow.remote)

    def _broken(self, error: FramingError, flow: Flow) -> None:
        """A stream that cannot be read on: its peer is told why, where it sent a request."""
        if error.head:
            if self.tap is not None:
                self.tap("in", error.head, flow)
            self._stack.refuse_unframed(error.head, str(error), error.status, flow)

    def _unsent(self, data: bytes) -> None:
        self._stack.unsent(data, self._loop.time())

    def _gone(self, flow: Flow) -> None:
        if self.on_gone is not None:
            self.on_gone(flow)

    def _lost(self, keys: Sequence[RequestKey]) -> None:
        self._stack.layer.lost(keys, self._loop.time())

    def peer_died(self, peer: tuple[str, int]) -> None:
        """Whoever had this address is gone with all its calls."""
        self._stack.peer_died(peer, self._loop.time())
        self.flush()

    def flush(self) -> None:
        """Hand over events, send what is queued, arm the timer. Within an event it only sends."""
        if self._draining:
            self._send()
            return
        self._draining = True
        try:
            # What cannot be sent makes events in its turn.
            while self._hand_over():
                self._send()
        finally:
            self._draining = False
        self._arm()

    def _hand_over(self) -> bool:
        """Hand over all events; whether there is anything to be sent then."""
        while (event := self._stack.next_event()) is not None:
            try:
                self._on_event(event)
            except Exception:
                log.exception("an event could not be handled")
        return bool(self._stack.outgoing)

    def _send(self) -> None:
        outgoing = self._stack.outgoing
        while outgoing:
            data, flow = outgoing.popleft()
            if self.tap is not None:
                self.tap("out", data, flow)
            if flow.transport == "udp":
                sent = self._send_datagram(data, flow)
            else:
                sent = self._table.send(data, flow, self._stack.layer.request_key(data))
            if not sent:
                self._stack.unsent(data, self._loop.time())

    def _send_datagram(self, data: bytes, flow: Flow) -> bool:
        for udp in self._by_port.get(flow.local[1], ()):
            if udp.wildcard or udp.local[0] == flow.local[0]:
                return udp.send(data, flow)
        return False

    def _arm(self) -> None:
        when = self._stack.next_timer()
        if when is None:
            return
        # A timer that fires too early costs less than moving it with every message.
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self._stack.handle_timer(self._loop.time())
        except Exception:
            log.exception("a timer could not be handled")
        self.flush()
