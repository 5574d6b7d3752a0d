"""Hosts as numbers: an IPv4 address is its own number, IPv6 addresses get theirs from a table.

The plane computes with addresses as ``host number << 16 | port`` in 64 bits; 0 is "none". The table must neither grow
with the sources that somebody makes up nor forget those that a call depends on: hosts that rows hold are kept until
the row is released, of all others only the latest.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import OrderedDict
from typing import Any, Final

__all__ = ["FIRST_V6", "Addresses", "SocketAddress"]

FIRST_V6: Final = 1 << 32
"""The least number of an IPv6 host; those below are IPv4 addresses."""
MOST_STRANGERS: Final = 4096
"""IPv6 hosts that no row holds and that are still remembered: a source must be known for some ticks to be learnt."""
_LAST: Final = 1 << 48

SocketAddress = tuple[str, int] | tuple[str, int, int, int]

_PRIVATE_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # shared by carriers, RFC 6598
        "169.254.0.0/16",
    )
)
_PRIVATE_V6: Final = (ipaddress.IPv6Network("fc00::/7"), ipaddress.IPv6Network("fe80::/10"))


class Addresses:
    """The table of one worker."""

    def __init__(self) -> None:
        self._next = FIRST_V6
        self._numbers: dict[tuple[str, int], int] = {}
        self._hosts: dict[int, tuple[str, int]] = {}
        """Host and scope (of link-local addresses, else 0)."""
        self._strangers: OrderedDict[int, None] = OrderedDict()
        self._held: dict[int, set[int]] = {}
        self._holders: dict[int, int] = {}

    def of_packed(self, packed: bytes) -> int:
        """Number of an address of 4 or 16 octets; 0 for none."""
        if len(packed) == 16:
            return self.of_v6(str(ipaddress.IPv6Address(packed)), 0)
        return int.from_bytes(packed, "big") if len(packed) == 4 else 0

    def of_source(self, address: Any) -> int:
        """``host number << 16 | port`` of what ``recvfrom`` gives."""
        host, port = address[0], address[1]
        if len(address) > 2:
            return self.of_v6(host, address[3]) << 16 | int(port)
        return int.from_bytes(socket.inet_aton(host), "big") << 16 | int(port)

    def of_v6(self, host: str, scope: int) -> int:
        """Number of an IPv6 host, written as ``recvfrom`` writes it. A link-local one that was named without its scope
        is the one that is heard with it."""
        known = self._numbers.get((host, scope))
        if known is None:
            host = host.partition("%")[0]
            known = self._numbers.get((host, scope)) or self._numbers.get((host, 0))
            if known is not None:
                self._hosts[known] = (host, scope)
            else:
                known = self._add(host, scope)
        if known in self._strangers:
            self._strangers.move_to_end(known)
        return known

    def _add(self, host: str, scope: int) -> int:
        number = self._next
        self._next = number + 1 if number + 1 < _LAST else FIRST_V6
        self._numbers[host, scope] = number
        self._hosts[number] = (host, scope)
        self._estrange(number)
        return number

    def _estrange(self, number: int) -> None:
        self._strangers[number] = None
        if len(self._strangers) > MOST_STRANGERS:
            self._forget(self._strangers.popitem(last=False)[0])

    def _forget(self, number: int) -> None:
        host, scope = self._hosts.pop(number)
        for key in ((host, scope), (host, 0)):
            if self._numbers.get(key) == number:
                del self._numbers[key]

    def hold(self, row: int, *numbers: int) -> None:
        """Keep the hosts of these numbers until ``row`` is released."""
        held = self._held.setdefault(row, set())
        for number in numbers:
            if number >= FIRST_V6 and number not in held and number in self._hosts:
                held.add(number)
                self._holders[number] = self._holders.get(number, 0) + 1
                self._strangers.pop(number, None)

    def release(self, row: int) -> None:
        """``row`` is over."""
        for number in self._held.pop(row, ()):
            self._holders[number] -= 1
            if not self._holders[number]:
                del self._holders[number]
                self._estrange(number)

    def private(self, number: int) -> bool:
        """Whether only a router that translates explains packets from elsewhere for a peer that names this host."""
        if number < FIRST_V6:
            address = ipaddress.IPv4Address(number)
            return any(address in network for network in _PRIVATE_V4)
        known = self._hosts.get(number)
        return known is not None and any(ipaddress.IPv6Address(known[0]) in network for network in _PRIVATE_V6)

    def packed(self, number: int) -> bytes:
        """The address of a host, 4 or 16 octets; none where there is none, or it was forgotten."""
        if number < FIRST_V6:
            return number.to_bytes(4, "big") if number else b""
        known = self._hosts.get(number)
        return ipaddress.IPv6Address(known[0]).packed if known is not None else b""

    def socket_address(self, target: int) -> SocketAddress:
        """What ``sendto`` takes. Raises OSError for a host that was forgotten."""
        number, port = target >> 16, target & 0xFFFF
        if number < FIRST_V6:
            return socket.inet_ntoa(number.to_bytes(4, "big")), port
        known = self._hosts.get(number)
        if known is None:
            raise OSError("an address that is not known")
        return known[0], port, 0, known[1]
