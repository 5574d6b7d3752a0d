"""Which records of the DNS are tried, and in which order (RFC 3263, RFC 2782): no network in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "DEFAULT_PORTS",
    "MAX_HOPS",
    "Hop",
    "Naptr",
    "Srv",
    "choose_services",
    "default_transport",
    "merge_hops",
    "order_srv",
    "srv_name",
]

DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""RFC 3261 §19.1.2, RFC 7118 §3."""

MAX_HOPS: Final = 16
"""Hops of one name that are kept: nobody waits for the seventeenth."""

_SERVICES: Final = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
}
"""NAPTR services (RFC 3263 §4.1) and what is spoken there."""

_SRV_PREFIX: Final = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One place a request can be sent to."""

    transport: str
    """udp, tcp, tls, ws or wss."""
    address: str
    """IPv4 or IPv6 address."""
    port: int
    name: str
    """The domain that was asked for: what a certificate has to prove (RFC 5922 §4), not the SRV target."""


class Naptr(NamedTuple):
    """A NAPTR record, as far as SIP uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """An SRV record."""

    priority: int
    weight: int
    port: int
    target: str
    """Without the final dot; empty where the service is decidedly not there (RFC 2782)."""


def default_transport(sips: bool) -> str:
    """Where neither the URI nor the DNS says which (RFC 3263 §4.1)."""
    return "tls" if sips else "udp"


def srv_name(host: str, transport: str) -> str | None:
    """Where the SRV records of a host are; None for transports that have none."""
    prefix = _SRV_PREFIX.get(transport)
    return None if prefix is None else f"{prefix}.{host}"


def choose_services(records: Iterable[Naptr], transports: Sequence[str], sips: bool) -> list[tuple[str, str]]:
    """(transport, name of its SRV records) of the NAPTR records that can be used, the peer's most wanted first."""
    usable = [
        (record.order, record.preference, transport, record.replacement)
        for record in records
        if record.flags.lower() == "s"
        and (transport := _SERVICES.get(record.service.upper(), "")) in transports
        and (transport == "tls" or not sips)
        and record.replacement
    ]
    return [(transport, name) for _, _, transport, name in sorted(usable, key=lambda found: found[:2])]


def order_srv(records: Iterable[Srv], fraction: Callable[[], float]) -> list[Srv]:
    """Records in the order in which they are tried: the lowest priority first, within one by weight and chance.

    `fraction` gives chance from 0 to 1, 1 excluded. A record of weight 0 is chosen first only by a hair (RFC 2782).
    """
    ordered: list[Srv] = []
    groups: dict[int, list[Srv]] = {}
    for record in records:
        groups.setdefault(record.priority, []).append(record)
    for priority in sorted(groups):
        left = sorted(groups[priority], key=lambda record: record.weight > 0)
        while left:
            total = sum(record.weight for record in left)
            mark = int(fraction() * (total + 1))
            running = 0
            chosen = left[-1]
            for record in left:
                running += record.weight
                if running >= mark:
                    chosen = record
                    break
            left.remove(chosen)
            ordered.append(chosen)
    return ordered


def merge_hops(hops: Iterable[Hop]) -> list[Hop]:
    """Each hop once, as many as are ever tried."""
    return list(dict.fromkeys(hops))[:MAX_HOPS]
