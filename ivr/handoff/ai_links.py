"""One connection to an AI agent's endpoint: a socket, what is read from it and when, and what is not written to it.

An endpoint is trusted in nothing. What it sends is read no faster than :class:`Budget` allows, a few messages in one
turn of the loop; what it does not read is not queued for it: sound of the caller is left out, and one that reads
nothing for :data:`STALL` seconds, or answers no ping, is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

from yarl import URL

from ivr.handoff.protocols import ABNORMAL, NORMAL, Budget, Closed, Message, Opened, Received, Wire
from media import AddressPolicy, CheckedResolver, check_literal

__all__ = ["Link", "LinkHost", "Network"]

log = logging.getLogger("ivr.handoff")

HIGH_WATER: Final = 32 * 1024
"""Octets that may wait to be sent: two seconds of sound."""
MOST_WAITING: Final = 512 * 1024
"""Octets of answers that may wait for one that reads nothing, and asks for more of them."""
STALL: Final = 10.0
"""Seconds without a sign that it reads."""
PING_AFTER: Final = 15.0
"""Seconds of its silence after which it is asked for a sign of life."""
PONG_WITHIN: Final = 10.0
"""Seconds for that."""
LINGER: Final = 2.0
"""Seconds for its goodbye."""
MAX_ADDRESSES: Final = 4
"""Of one name that are tried."""


class LinkHost(Protocol):
    """Whose connection it is."""

    def opened(self, link: Link) -> None:
        """The connection stands, and messages may be sent."""

    def received(self, link: Link, message: Message) -> None:
        """A message has come."""

    def closed(self, link: Link, code: int, text: str) -> None:
        """The connection is over: told once, and not where we close it."""


class Link(asyncio.Protocol):
    """One connection. The loop's time is the time of everything here."""

    def __init__(self, host: LinkHost, wire: Wire) -> None:
        self.host = host
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        now = self._loop.time()
        self._budget = Budget(now)
        self._heard_at = now
        self._pinged_at: float | None = None
        self._full_since: float | None = None
        self._paused = False
        self._timer: asyncio.Handle | None = None
        self._over = False
        self.octets_in = 0
        self.octets_out = 0
        self.messages_in = 0
        self.messages_out = 0

    @property
    def peer(self) -> str:
        """Address of the other side; empty where it is not known."""
        found = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(found[0]) if isinstance(found, tuple) and found else ""

    # Of the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        if self._over:
            transport.abort()
            return
        self._flush()
        self._work()

    def data_received(self, data: bytes) -> None:
        self.octets_in += len(data)
        self._heard_at = self._loop.time()
        self._pinged_at = None
        if self._over:
            return
        self._wire.feed(data)
        self._work(len(data))

    def eof_received(self) -> bool:
        if not self._over:
            self._wire.feed(b"")
            self._work()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._fail(ABNORMAL, type(exc).__name__ if exc is not None else "the connection was closed")
        self._stop()

    def pause_writing(self) -> None:
        self._full_since = self._loop.time()

    def resume_writing(self) -> None:
        self._full_since = None

    # Reading

    def _work(self, octets: int = 0) -> None:
        """Take some of what has come; the rest in a later turn, and not before the budget allows it."""
        self._timer = None
        try:
            self._take(octets)
        except Exception:
            log.exception("what an AI agent sent could not be handled")
            self._fail(ABNORMAL, "a fault of ours")

    def _take(self, octets: int) -> None:
        found, more = self._wire.take()
        self._flush()
        for one in found:
            if self._over:
                return
            match one:
                case Opened():
                    self.host.opened(self)
                case Received(message=message):
                    self.messages_in += 1
                    self.host.received(self, message)
                case Closed(code=code, text=text):
                    self._fail(code, text)
                    return
        if self._over:
            return
        now = self._loop.time()
        wait = self._budget.spend(self._wire.frames, octets, now)
        if self._budget.floods(now):
            self._fail(ABNORMAL, "it floods")
        elif more or wait > 0:
            self._pause()
            self._timer = self._loop.call_later(wait, self._work) if wait > 0 else self._loop.call_soon(self._work)
        else:
            self._resume()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # Writing

    def _flush(self) -> None:
        self._write(self._wire.outgoing())

    def _write(self, data: bytes) -> None:
        if not data or self._transport is None or self._transport.is_closing():
            return
        self.octets_out += len(data)
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MOST_WAITING:
            self._fail(ABNORMAL, "it reads nothing")

    def send(self, message: Message) -> None:
        """Send a message, behind those that wait."""
        if not self._over:
            self.messages_out += 1
            self._write(self._wire.message(message))

    def send_sound(self, message: Message) -> bool:
        """Send sound; False where it is left out, because the endpoint does not keep up with it."""
        if self._over or self._full_since is not None:
            return False
        self.send(message)
        return True

    def look(self) -> None:
        """To be called about once a second: give up who shows no sign of life."""
        now = self._loop.time()
        if self._over or self._transport is None:
            return
        if self._full_since is not None and now - self._full_since > STALL:
            self._fail(ABNORMAL, "it reads nothing")
        elif self._pinged_at is not None and now - self._pinged_at > PONG_WITHIN:
            self._fail(ABNORMAL, "it answers no ping")
        elif self._pinged_at is None and not self._paused and now - self._heard_at > PING_AFTER:
            ping = self._wire.ping()
            if ping:
                self._pinged_at = now
                self._write(ping)

    # The end

    def close(self, code: int = NORMAL) -> None:
        """End the connection; nothing is told of it any more."""
        if self._over:
            return
        self._write(self._wire.close(code))
        self._over = True
        self._stop()
        self._leave()

    def _leave(self) -> None:
        """Let what waits be sent, and go, if need be without."""
        transport = self._transport
        if transport is None:
            return
        transport.close()
        if transport.get_write_buffer_size():
            self._timer = self._loop.call_later(LINGER, transport.abort)

    def _fail(self, code: int, text: str) -> None:
        if self._over:
            return
        self._over = True
        self._stop()
        if code == ABNORMAL and self._transport is not None:
            self._flush()
            self._transport.abort()
        else:
            self._leave()
        self.host.closed(self, code, text)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Network:
    """Makes connections, to permitted addresses alone. One for all agents."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._resolver = CheckedResolver(policy, "ai-resolver")
        self._trust = ssl.create_default_context()

    async def connect(self, url: URL, make: Callable[[], Link]) -> None:
        """Connect to the host of a URL of `ws`, `wss` or `tcp`. AddressError where it may not be; OSError, with what
        TLS has to say among it, where it cannot. The time it takes is bounded by who calls."""
        host, port = url.host or "", url.port or 0
        check_literal(self._policy, url)
        found = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
        trust = self._trust if url.scheme == "wss" else None
        loop = asyncio.get_running_loop()
        fault: OSError | None = None
        for one in found[:MAX_ADDRESSES]:
            try:
                await loop.create_connection(
                    make, one["host"], one["port"], ssl=trust, server_hostname=host if trust is not None else None
                )
            except OSError as error:
                fault = error
            else:
                return
        raise fault or OSError("no address")

    def close(self) -> None:
        """Wait for no name server any more."""
        with contextlib.suppress(RuntimeError):
            self._resolver.shutdown()
