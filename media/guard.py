"""Which addresses may be connected to over HTTP: who writes a flow or answers a request is not lent our place in the
network.

All addresses but public ones are closed unless allowed. A name is resolved once, and the connection is made to the very
addresses that were checked: a name that resolves differently the next time gains nothing. Redirects are to be checked
like the first URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from media.errors import AddressError

__all__ = ["AddressPolicy", "CheckedResolver", "allow_listed", "check_literal", "checked_session"]

AddressPolicy = Callable[[str, int, str], bool]
"""(host as written in the URL, port, address it resolved to) -> whether it may be connected to."""

MAX_PER_HOST = 100
"""Sockets of one session to one host: one that hangs must not take them all."""

MAX_LINE = 8_190
"""Bytes of a header's value and of the status line."""

MAX_HEADERS = 100
"""Headers of an answer."""

KEEP_ALIVE = 30.0
"""Seconds an idle connection is kept: the next request needs no handshake."""

CONNECT_TIMEOUT = 5.0
"""Seconds for one connection: a host that is off says nothing."""

RESOLVER_THREADS = 4
"""Of their own: the system's resolver may block for half a minute, and other work in threads must not wait for it."""

MAX_REASON = 80

CLOSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # the platform's own service on Azure, though the address is public
        "192.0.0.0/24",  # protocol assignments (RFC 6890); 192.0.0.192 is the metadata service on Oracle's cloud
        "fec0::/10",  # site-local, deprecated (RFC 3879) and still routed inside
    )
)
"""Inner addresses that the ipaddress module takes for public ones."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]/]+)):(?P<port>\d{1,5})")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def allow_listed(entries: Iterable[str]) -> AddressPolicy:
    """Public addresses, and what `entries` name: host names, addresses, networks, each of the first two also with a
    port (`http.allow`)."""
    hosts: set[tuple[str, int | None]] = set()
    networks: list[tuple[Network, int | None]] = []
    for entry in entries:
        match = _WITH_PORT.fullmatch(entry)
        name, port = ((match["v6"] or match["host"]), int(match["port"])) if match else (entry, None)
        try:
            networks.append((ipaddress.ip_network(name, strict=False), port))
        except ValueError:
            hosts.add((_plain(name), port))

    def allowed(host: str, port: int, address: str) -> bool:
        if not hosts.isdisjoint({(_plain(host), None), (_plain(host), port)}):
            return True
        ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
        return _is_public(ip) or any(
            ip.version == network.version and ip in network for network, only in networks if only in (None, port)
        )

    return allowed


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _inner(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip.sixtofour is not None:
            return ip.sixtofour
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def _is_public(ip: Address) -> bool:
    usable = ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified
    return usable and not any(ip.version == network.version and ip in network for network in CLOSED)


class CheckedResolver(AbstractResolver):
    """Resolves with the system's resolver, and gives a connector permitted addresses alone."""

    def __init__(self, policy: AddressPolicy, name: str) -> None:
        """`name` is that of its threads."""
        self._policy = policy
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, name)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses that may be connected to; AddressError where there are others alone."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        results = [
            ResolveResult(
                hostname=host, host=str(to[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, to in found
            if kind in (socket.AF_INET, socket.AF_INET6) and self._policy(host, port, str(to[0]))
        ]
        if not results:
            raise _forbidden(host)
        return results

    async def close(self) -> None:
        """Nothing is held for a connector."""

    def shutdown(self) -> None:
        """Wait for no name server any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def check_literal(policy: AddressPolicy, url: URL) -> None:
    """AddressError where a URL names an address, and one that is closed: connectors ask no resolver for these."""
    host = url.host or ""
    if ":" not in host and not host.replace(".", "").isdigit():
        return
    try:
        permitted = policy(host, url.port or 0, host)
    except ValueError:  # 127.1 and 2130706433: the system's calls take them for addresses all the same
        permitted = False
    if not permitted:
        raise _forbidden(host)


def _forbidden(host: str) -> AddressError:
    return AddressError(f"{host[:MAX_REASON]} is not a public address (private ones are to be named in http.allow)")


def checked_session(
    resolver: CheckedResolver, trust: ssl.SSLContext, connections: int, read_buffer: int
) -> aiohttp.ClientSession:
    """A session that asks for what others have written: it connects to what `resolver` permits alone, keeps no cookies,
    heeds no proxies of the environment, and unpacks nothing by itself. At most `connections` sockets to all hosts
    together, each with a buffer of `read_buffer` bytes; how long a request takes is for who asks to bound."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            ssl=trust,
            limit=connections,
            limit_per_host=MAX_PER_HOST,
            keepalive_timeout=KEEP_ALIVE,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_HEADERS,
        read_bufsize=read_buffer,
    )
