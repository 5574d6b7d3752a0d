"""Who a source is: an IPv4 address, or the /64 of an IPv6 address, which one host has whole to choose from."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

__all__ = ["MAX_KEYS", "Network", "Networks", "Sources", "network_of"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_KEYS = 8192
"""IPv6 addresses whose /64 is kept ready; more, and the table starts anew: it only saves work."""

V6_PREFIX = 64
"""RFC 6177: a site never gets less, and a host there takes new addresses in it as it likes."""


def network_of(source: str) -> Network:
    """The addresses that count as one source with this address, or that a network names. Raises ValueError."""
    if "/" in source:
        return ipaddress.ip_network(source, strict=False)
    address = ipaddress.ip_address(source.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return ipaddress.ip_network((address, V6_PREFIX), strict=False)
        address = mapped
    return ipaddress.ip_network(address)


class Sources:
    """Names of sources by address: the address itself for IPv4, `prefix::/64` for IPv6. An address that `alone` picks
    stands for itself, whatever is in its /64."""

    def __init__(self, alone: Callable[[str], bool] = lambda host: False) -> None:
        self._alone = alone
        self._keys: dict[str, str] = {}

    def key(self, host: str) -> str:
        """The source that an address belongs to; what is no address stands for itself."""
        if ":" not in host:
            return host
        key = self._keys.get(host)
        if key is None:
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
            key = self._keys[host] = host if self._alone(host) else _key(host)
        return key

    def renew(self) -> None:
        """Who stands alone may have changed."""
        self._keys.clear()


def _key(host: str) -> str:
    try:
        network = network_of(host)
    except ValueError:
        return host
    return str(network.network_address) if network.version == 4 else str(network)


class Networks:
    """Some networks, asked whether an address is in one of them."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks: dict[tuple[int, int], set[int]] = {}
        for network in networks:
            shift = network.max_prefixlen - network.prefixlen
            known = self._networks.setdefault((network.version, shift), set())
            known.add(int(network.network_address) >> shift)

    def __contains__(self, host: str) -> bool:
        if not self._networks:
            return False
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number = int(address)
        return any(
            version == address.version and number >> shift in known
            for (version, shift), known in self._networks.items()
        )
