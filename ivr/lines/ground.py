"""What lines stand on: the loop's time and tasks, the stack with its sockets, names."""

from __future__ import annotations

import logging
import random
import socket
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ivr.net import Hop
from ivr.settings import SipLine
from ivr.sip import Flow, Stack

__all__ = ["Ground", "Names", "Sockets", "instance_of", "line_hops", "routes_of"]


log = logging.getLogger("ivr.lines")


class Names(Protocol):
    """Looks hosts up (:class:`ivr.net.Resolver`)."""

    async def hops(
        self, host: str, port: int | None = None, transport: str | None = None, sips: bool = False
    ) -> list[Hop]:
        """Places of a host in the order to be tried; empty when there are none."""


class Sockets(Protocol):
    """What carries messages (:class:`ivr.net.SipShell`)."""

    def flow_to(self, address: str, port: int, transport: str = "udp", name: str = "") -> Flow:
        """The path to a peer; raises UnreachableError where there is none."""

    def host_for(self, flow: Flow) -> str:
        """What the peer of a flow calls our host."""

    def keep_alive(self, flow: Flow) -> None:
        """Keep the way of datagrams to a peer open."""

    def flush(self) -> None:
        """Send what the stack has queued."""


class Timing(Protocol):
    """The part of an event loop that is used."""

    def time(self) -> float:
        """Monotonic seconds."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        """Call later; what is returned has `cancel`."""


@dataclass(slots=True)
class Ground:
    """Handed to everything of a line."""

    loop: Timing
    sockets: Sockets
    stack: Stack
    names: Names
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    """Runs a coroutine in a task of its own."""
    instance: Callable[[str], str | None] = lambda name: None
    """`urn:uuid:…` of a line of this installation (RFC 5626 §4.1)."""
    wall: Callable[[], float] = time.time
    """Seconds since the epoch."""
    fraction: Callable[[], float] = random.random
    """Chance from 0 to 1."""


def instance_of(source: Path | None, machine: Path = Path("/etc/machine-id")) -> Callable[[str], str]:
    """`urn:uuid:…` by line (RFC 5626 §4.1): the same after a restart, another one on another machine or with another
    configuration, so that two installations with one account do not take each other's place."""
    try:
        seed = machine.read_text().strip()
    except OSError:
        seed = socket.gethostname()
    return lambda name: uuid.uuid5(uuid.NAMESPACE_URL, f"ivr:{seed}:{source}:{name}").urn


async def line_hops(names: Names, line: SipLine, hosts: Sequence[str] | None = None) -> list[Hop]:
    """Where the requests of a line go: its outbound proxy, else `hosts`, else its host; empty where nobody knows."""
    transport = None if line.transport == "auto" else line.transport
    proxy = line.outbound_proxy
    places = [(proxy.host, proxy.port or None)] if proxy else [(host, line.port) for host in hosts or (line.host,)]
    found: list[Hop] = []
    for host, port in places:
        try:
            found += await names.hops(host, port, transport)
        except Exception:
            # A fault in a look-up must not leave a line unregistered for ever: it is tried again like any failure.
            log.exception("%s cannot be looked up", host)
    return list(dict.fromkeys(found))


def routes_of(line: SipLine) -> tuple[str, ...]:
    """Route set that a request of a line begins with (RFC 3261 §8.1.2): its outbound proxy, as a loose router."""
    proxy = line.outbound_proxy
    if proxy is None:
        return ()
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    port = f":{proxy.port}" if proxy.port else ""
    transport = f";transport={line.transport}" if line.transport in ("tcp", "tls") else ""
    return (f"<sip:{host}{port}{transport};lr>",)
