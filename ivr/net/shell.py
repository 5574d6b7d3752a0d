"""Feeds the stack from its sockets and carries out what it wants: drain, send, arm one timer."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ivr.errors import ConfigError, Fault, NotBuiltError
from ivr.net.doorkeeper import Doorkeeper, Tap
from ivr.net.tls import TlsFiles
from ivr.net.udp import UdpSocket, local_address_towards
from ivr.sip import Event, Flow, Stack

__all__ = ["SipShell", "Transport"]

log = logging.getLogger("ivr.net")

DATAGRAMS_PER_TURN: Final = 64
"""Read from one socket before the others, and everything else of the loop, get their turn: some 10 ms of work."""

BEHIND_SECONDS: Final = 0.1
"""Packets wait in the socket without a break for so long: new calls are refused at once, which costs a tenth of taking
them, until the queue is empty. Callers notice from half a second on, when they repeat what they sent."""

TELL_EVERY: Final = 10.0
"""Seconds between two lines in the log about the same overload."""

ADDRESSES_KNOWN: Final = 4096
"""Peers of which it is remembered by which of our addresses they are reached."""


class Transport(Protocol):
    """What the shell needs of a listener; a stream transport hands over whole messages."""

    transport: str
    local: tuple[str, int]
    wildcard: bool

    def fileno(self) -> int:
        """Readable when something came."""

    def receive(self, handle: Callable[[bytes, Flow], None], limit: int) -> int:
        """Hand over what came."""

    def waiting(self) -> bool:
        """Whether something more has come."""

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send; False when that is not possible."""

    def flow_to(self, host: str, port: int) -> Flow:
        """The path to a peer."""

    def close(self) -> None:
        """Close."""


class SipShell:
    """The sockets of one stack.

    `listeners` are (transport, host, port); `on_event` gets every event of the stack, in the loop; it may call verbs of
    sessions at once. Elsewhere `flush` is to be called after verbs. `public_address` is what Via, Contact and SDP say
    instead of our own address, except on loopback.
    """

    def __init__(
        self,
        stack: Stack,
        listeners: Sequence[tuple[str, str, int]],
        on_event: Callable[[Event], None],
        *,
        public_address: str | None = None,
        guard: Doorkeeper | None = None,
        tap: Tap | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        self.guard = guard
        """Asked about every message and connection; may be changed at any time."""
        self.tap = tap
        """Shown every message; may be changed at any time."""
        self._tls = tls or TlsFiles()
        self._stack = stack
        self._listeners = listeners
        self._on_event = on_event
        self._public = public_address
        self._transports: list[Transport] = []
        self._by_port: dict[tuple[str, int], list[Transport]] = {}
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._behind_since: float | None = None
        self._tell_again = 0.0
        self._known: set[tuple[str, int]] = set()
        self._ways: dict[str, str] = {}

    async def start(self) -> None:
        """Bind all listeners and begin to receive. Raises ConfigError for an address that cannot be had."""
        self._loop = asyncio.get_running_loop()
        try:
            for kind, host, port in self._listeners:
                self._add(kind, host, port)
        except BaseException:
            await self.close()
            raise
        for transport in self._transports:
            self._loop.add_reader(transport.fileno(), self._on_readable, transport)

    def _add(self, kind: str, host: str, port: int) -> None:
        if kind != "udp":
            raise NotBuiltError(f"{kind}: listeners are not part of this version")
        try:
            transport = UdpSocket(host, port)
        except (OSError, ValueError) as error:
            fault = Fault(f"cannot listen: {error}", field="sip.listen", found=f"{kind}:{host}:{port}")
            raise ConfigError([fault]) from error
        self._transports.append(transport)
        self._by_port.setdefault((kind, transport.local[1]), []).append(transport)

    async def close(self) -> None:
        """Send what is queued, and close the sockets."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._send()
        for transport in self._transports:
            self._loop.remove_reader(transport.fileno())
            transport.close()
        self._transports.clear()
        self._by_port.clear()

    # Addresses

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """(transport, host, port) of the listeners as bound."""
        return [(one.transport, *one.local) for one in self._transports]

    def flow_to(self, address: str, port: int, transport: str = "udp", name: str = "") -> Flow:
        """The path by which calls to an address go out; raises NotBuiltError where no listener can reach it.

        Nothing is waited for: a connection is opened when something is sent on the flow, and a failure comes back as
        `Stack.unsent`. `name` is the domain that a TLS peer has to prove (RFC 5922); empty: its address.
        """
        if transport != "udp":
            raise NotBuiltError(f"{transport}: connections are not part of this version")
        target = ipaddress.ip_address(address.partition("%")[0])
        best: tuple[int, Transport] | None = None
        for one in self._transports:
            local = ipaddress.ip_address(one.local[0])
            if local.version == target.version:
                fit = 1 if one.wildcard else 2 if local.is_loopback == target.is_loopback else 0
                if best is None or fit > best[0]:
                    best = fit, one
        if best is None:
            raise NotBuiltError(f"no listener can reach {address}")
        try:
            flow = best[1].flow_to(address, port)
        except OSError as error:
            raise NotBuiltError(f"there is no way to {address}: {error}") from error
        self._introduce(flow)
        return flow

    def host_for(self, flow: Flow) -> str:
        """What the peer of a flow calls our host."""
        return self._public if self._public is not None and not _loopback(flow.local[0]) else flow.local[0]

    def media_address(self, peer: str) -> str:
        """What SDP for a peer says: the public address, or ours on the way to it."""
        found = self._ways.get(peer)
        if found is None:
            if len(self._ways) >= ADDRESSES_KNOWN:
                self._ways.clear()
            found = self._ways[peer] = self._media_address(peer)
        return found

    def _media_address(self, peer: str) -> str:
        if self._public is not None and not _loopback(peer):
            return self._public
        own = [one.local[0] for one in self._transports if not one.wildcard]
        try:
            way = local_address_towards(peer)
        except OSError:
            way = own[0] if own else "127.0.0.1"
        return way if way in own or len(own) < len(self._transports) or not own else own[0]

    def _introduce(self, flow: Flow) -> None:
        """Have the stack call a socket of ours by its public name, from the first packet on."""
        if self._public is not None and flow.local not in self._known:
            self._known.add(flow.local)
            if not _loopback(flow.local[0]):
                self._stack.advertise(flow.local, (self._public, flow.local[1]))

    # In and out

    def _on_readable(self, transport: Transport) -> None:
        read = transport.receive(self._receive, DATAGRAMS_PER_TURN)
        if read < DATAGRAMS_PER_TURN or not transport.waiting():
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
        if self.guard is not None and not self.guard.message(flow.remote[0], self._loop.time(), len(data)):
            return
        if self.tap is not None:
            self.tap("in", data, flow)
        if self._public is not None:
            self._introduce(flow)
        try:
            self._stack.receive(data, flow, self._loop.time())
        except Exception:
            # One packet must not stop the receiver, whatever is in it.
            log.exception("a packet from %s:%d could not be handled", *flow.remote)

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
            for transport in self._by_port.get((flow.transport, flow.local[1]), ()):
                if transport.wildcard or transport.local[0] == flow.local[0]:
                    if not transport.send(data, flow):
                        self._stack.unsent(data, self._loop.time())
                    break

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


def _loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
