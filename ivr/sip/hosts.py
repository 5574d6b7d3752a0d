"""What kind of place an address is."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

__all__ = ["is_near"]

ADDRESSES_KNOWN: Final = 4096
"""Addresses of which it is remembered what kind they are."""

_NEAR: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Loopback, private (RFC 1918, RFC 4193), link-local."""


@lru_cache(ADDRESSES_KNOWN)
def is_near(host: str) -> bool:
    """Whether an IP address is on our side of a NAT: of this machine, of this link, or private. A peer there reaches us
    by our own address, and not always by the public one."""
    address = ip_address(host.partition("%")[0])
    return any(address in network for network in _NEAR)
