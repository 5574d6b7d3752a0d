"""Where a SIP host is: names to hops by NAPTR, SRV and addresses (RFC 3263 §4).

Answers are kept as long as they say, within bounds. When the DNS does not answer, what it said before is used on: the
trunk that worked a minute ago is the best guess there is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from ivr.net.hops import (
    DEFAULT_PORTS,
    Hop,
    Naptr,
    Srv,
    choose_services,
    default_transport,
    merge_hops,
    order_srv,
    srv_name,
)

__all__ = ["Resolver", "is_address"]

log = logging.getLogger("ivr.net.dns")

ANSWER_WAIT: Final = 1.5
"""Seconds for one server's answer; then the next server is asked, or the same again."""

LOOKUP_WAIT: Final = 3.0
"""Seconds for one record, all servers together."""

TOTAL_WAIT: Final = 5.0
"""Seconds for one name with all that it leads to: a caller waits meanwhile."""

MIN_TTL: Final = 5.0
"""Seconds that any answer is kept: with TTL 0 each call would wait for the DNS."""

MAX_TTL: Final = 3600.0
"""Seconds after which any answer is asked for again."""

NEGATIVE_TTL: Final = 30.0
"""Seconds that it is remembered that there is no such record: short, since it may be about to be made."""

FAILURE_TTL: Final = 5.0
"""Seconds in which a record is not asked for again after the servers did not answer."""

STALE_FOR: Final = 86400.0
"""Seconds beyond its TTL that an answer is used while the servers do not answer: an outage of a day."""

MAX_RECORDS: Final = 2048
"""Answers kept at once; the one used longest ago goes."""

MAX_TARGETS: Final = 8
"""SRV targets of one name whose addresses are asked for."""


def is_address(host: str) -> bool:
    """Whether `host` is an IPv4 or IPv6 address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _NoAnswerError(Exception):
    """The servers said nothing that can be relied upon."""


@dataclass(slots=True)
class _Kept:
    """An answer."""

    records: tuple[Any, ...]
    fresh_until: float
    usable_until: float
    """Later than `fresh_until` while the servers do not answer."""
    stale: bool = False
    """Whether they did not, since."""


System = Callable[[str], Awaitable[Sequence[str]]]
"""Addresses of a name by what the machine has besides the DNS."""


class Resolver:
    """Looks SIP hosts up; one for the daemon, used in its loop alone."""

    def __init__(
        self,
        transports: Sequence[str] = ("udp", "tcp", "tls"),
        *,
        nameservers: Sequence[str] = (),
        nameserver_port: int = 53,
        hosts_file: Path = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
        system: System | None = None,
        clock: Callable[[], float] = time.monotonic,
        fraction: Callable[[], float] = random.random,
    ) -> None:
        """`transports` are those that can be spoken, the preferred first; `nameservers` stand instead of those of
        `resolv_conf`; `system` looks up names without a dot, in .local, and what the DNS does not know; `fraction` is
        chance from 0 to 1."""
        self._transports = tuple(transports)
        self._nameservers = tuple(nameservers)
        self._nameserver_port = nameserver_port
        self._hosts = _HostsFile(hosts_file)
        self._resolv_conf = resolv_conf
        self._system = system or _system_addresses
        self._clock = clock
        self._fraction = fraction
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._running: dict[tuple[str, str], asyncio.Task[tuple[Any, ...]]] = {}
        self._client: dns.asyncresolver.Resolver | None = None
        self._client_of: float | None = None

    async def hops(
        self, host: str, port: int | None = None, transport: str | None = None, sips: bool = False
    ) -> list[Hop]:
        """Places of `host` in the order to be tried; empty when there are none within :data:`TOTAL_WAIT`.

        A given `port` or `transport` is kept to; `sips` allows nothing but TLS.
        """
        host = host.rstrip(".").lower()
        if sips:
            if transport not in (None, "tcp", "tls"):
                return []
            transport = "tls"
        if is_address(host):
            way = transport or default_transport(sips)
            return [Hop(way, host, port or DEFAULT_PORTS[way], host)]
        try:
            async with asyncio.timeout(TOTAL_WAIT):
                return merge_hops(await self._hops(host, port, transport, sips))
        except TimeoutError:
            return []

    async def close(self) -> None:
        """Give up what is being asked."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _hops(self, host: str, port: int | None, transport: str | None, sips: bool) -> list[Hop]:
        way = transport or default_transport(sips)
        if port is not None or "." not in host or self._hosts.find(host):
            return self._at(await self._addresses(host), way, port, host)
        services: list[tuple[str, str]] = []
        if transport is None:
            services = choose_services(await self._records(host, "NAPTR"), self._transports, sips)
        if not services:
            wanted = (transport,) if transport is not None else self._transports
            services = [(one, name) for one in wanted if (name := srv_name(host, one)) is not None]
        answers = await self._all((name, "SRV") for _, name in services)
        if not any(answers):
            return self._at(await self._addresses(host), way, None, host)
        places = [
            (service, record)
            for (service, _), records in zip(services, answers, strict=True)
            for record in order_srv(records, self._fraction)
            if record.target
        ][:MAX_TARGETS]
        targets = dict.fromkeys(record.target for _, record in places)
        # Asked for together, so that what follows finds the answers in memory.
        await self._all((target, kind) for target in targets if "." in target for kind in ("A", "AAAA"))
        found = {target: await self._addresses(target) for target in targets}
        return [hop for service, record in places for hop in self._at(found[record.target], service, record.port, host)]

    @staticmethod
    def _at(addresses: Sequence[str], transport: str, port: int | None, name: str) -> list[Hop]:
        return [Hop(transport, address, port or DEFAULT_PORTS[transport], name) for address in addresses]

    async def _addresses(self, host: str) -> Sequence[str]:
        """IPv4 addresses, then IPv6 addresses."""
        if is_address(host):
            return (host,)
        if known := self._hosts.find(host):
            return known
        if "." not in host or host.endswith(".local"):
            return await self._records(host, "system")
        four, six = await self._all(((host, "A"), (host, "AAAA")))
        # Names of a search domain, or of another service of the machine, are not in the DNS as they stand.
        return (*four, *six) or await self._records(host, "system")

    # Records

    async def _all(self, wanted: Iterable[tuple[str, str]]) -> Sequence[tuple[Any, ...]]:
        """Records of several names and kinds, asked for at the same time."""
        keys, now = tuple(wanted), self._clock()
        kept = [self._kept.get(key) for key in keys]
        if all(one is not None and one.fresh_until > now for one in kept):
            return [one.records for one in kept if one is not None]
        return await asyncio.gather(*(self._records(*key) for key in keys))

    async def _records(self, name: str, kind: str) -> tuple[Any, ...]:
        """Records of a name, from memory where they hold; empty where there are none, or no server answers."""
        key = name, kind
        kept = self._kept.get(key)
        if kept is not None and kept.fresh_until > self._clock():
            return kept.records
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(self._refresh(name, kind))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # Who gives up waiting leaves the question to the others, and the answer to memory.
        return await asyncio.shield(task)

    async def _refresh(self, name: str, kind: str) -> tuple[Any, ...]:
        key = name, kind
        try:
            records, ttl = await self._ask(name, kind)
        except _NoAnswerError as error:
            now = self._clock()
            kept = self._kept.get(key)
            if kept is not None and kept.records and kept.usable_until > now:
                kept.fresh_until = now + FAILURE_TTL
                if not kept.stale:
                    log.warning(
                        "the DNS does not answer for %s %s (%s): what it said before is used", name, kind, error
                    )
                kept.stale = True
                return kept.records
            self._keep(key, _Kept((), now + FAILURE_TTL, now + FAILURE_TTL))
            return ()
        now = self._clock()
        self._keep(key, _Kept(records, now + ttl, now + ttl + STALE_FOR))
        return records

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > MAX_RECORDS:
            del self._kept[next(iter(self._kept))]

    async def _ask(self, name: str, kind: str) -> tuple[tuple[Any, ...], float]:
        """Records and for how many seconds they hold; raises _NoAnswerError."""
        if kind == "system":
            try:
                async with asyncio.timeout(LOOKUP_WAIT):
                    return tuple(await self._system(name)), NEGATIVE_TTL
            except (OSError, UnicodeError) as error:  # a time-out is an OSError
                raise _NoAnswerError(type(error).__name__) from None
        try:
            answer = await self._resolver().resolve(
                dns.name.from_text(name), kind, raise_on_no_answer=False, lifetime=LOOKUP_WAIT, search=False
            )
        except dns.resolver.NXDOMAIN:
            return (), NEGATIVE_TTL
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise _NoAnswerError(type(error).__name__) from None
        if answer.rrset is None:
            return (), NEGATIVE_TTL
        ttl = min(max(float(answer.chaining_result.minimum_ttl), MIN_TTL), MAX_TTL)
        return tuple(_read(kind, record) for record in answer.rrset), ttl

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """The DNS client; made anew when the machine's configuration has changed (another network)."""
        changed = _changed(self._resolv_conf) if not self._nameservers else 0.0
        if self._client is None or changed != self._client_of:
            client = dns.asyncresolver.Resolver(configure=False)
            if self._nameservers:
                client.nameservers = list(self._nameservers)
                client.port = self._nameserver_port
            else:
                client.read_resolv_conf(str(self._resolv_conf))
            client.timeout = ANSWER_WAIT
            self._client, self._client_of = client, changed
        return self._client


def _read(kind: str, record: Any) -> Any:
    if kind == "SRV":
        return Srv(record.priority, record.weight, record.port, _text(record.target))
    if kind == "NAPTR":
        return Naptr(
            record.order,
            record.preference,
            record.flags.decode("ascii", "replace"),
            record.service.decode("ascii", "replace"),
            _text(record.replacement),
        )
    return str(record.address)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


async def _system_addresses(name: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    addresses = dict.fromkeys(str(info[4][0]) for info in found)
    return sorted(addresses, key=lambda address: ":" in address)


class _HostsFile:
    """/etc/hosts, read anew when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed: float | None = None
        self._names: dict[str, tuple[str, ...]] = {}

    def find(self, name: str) -> tuple[str, ...]:
        """Addresses of a name, as they stand there; empty where it does not stand there."""
        changed = _changed(self._path)
        if changed != self._changed:
            self._changed = changed
            self._names = self._read() if changed is not None else {}
        return self._names.get(name, ())

    def _read(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        try:
            text = self._path.read_text(errors="replace")
        except OSError:
            return names
        for line in text.splitlines():
            address, *called = line.partition("#")[0].split()[:32] or [""]
            if is_address(address):
                for name in called:
                    names[name.lower()] = (*names.get(name.lower(), ()), address)
        return names
