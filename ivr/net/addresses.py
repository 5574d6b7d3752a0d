"""What peers are told to reach us by: an address of ours, or the public one of the NAT before us."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from ivr.net.udp import local_address_towards
from ivr.sip import Flow
from ivr.sip.hosts import is_near

__all__ = ["Bound", "OwnAddresses", "is_loopback", "nearest"]

log = logging.getLogger("ivr.net")

ADDRESSES_KNOWN: Final = 4096
"""Peers of which it is remembered by which of our addresses they are reached, and addresses of ours."""

Advertise = Callable[[tuple[str, int], tuple[str, int]], None]
"""Has the stack call a socket of ours by another address; port 0 stands for all and for the same."""


class Bound(Protocol):
    """What is needed of a listener."""

    local: tuple[str, int]
    wildcard: bool


_B = TypeVar("_B", bound=Bound)


class OwnAddresses:
    """Our addresses. The public one is told to peers beyond the NAT alone: who is near, by `ivr.sip.hosts.is_near`, may
    not get back in by it."""

    def __init__(self, public: str | None, advertise: Advertise) -> None:
        self.public = public
        """As configured, or as a STUN server told last."""
        self._advertise = advertise
        self._known: set[str] = set()
        self._ways: dict[str, str] = {}

    def host_for(self, flow: Flow) -> str:
        """What the peer of a flow calls our host."""
        own = flow.local[0]
        return self.public if self.public is not None and self._replaces(own, flow.remote[0]) else own

    def _replaces(self, own: str, peer: str) -> bool:
        public = self.public
        return public is not None and (":" in public) == (":" in own) and not is_loopback(own) and not is_near(peer)

    def media(self, peer: str, bound: Sequence[Bound]) -> str:
        """What SDP for a peer says."""
        found = self._ways.get(peer)
        if found is None:
            if len(self._ways) >= ADDRESSES_KNOWN:
                self._ways.clear()
            found = self._ways[peer] = self._media(peer, bound)
        return found

    def _media(self, peer: str, bound: Sequence[Bound]) -> str:
        if self.public is not None and (":" in self.public) == (":" in peer) and not is_near(peer):
            return self.public
        own = [one.local[0] for one in bound if not one.wildcard and (":" in one.local[0]) == (":" in peer)]
        try:
            way = local_address_towards(peer)
        except OSError:
            way = own[0] if own else "127.0.0.1"
        return way if way in own or any(one.wildcard for one in bound) or not own else own[0]

    def introduce(self, flow: Flow) -> None:
        """Have the stack call a host of ours by its public name, from the first packet on."""
        host, public = flow.local[0], self.public
        if public is None or host in self._known:
            return
        if len(self._known) >= ADDRESSES_KNOWN:
            self._known.clear()
        self._known.add(host)
        if (":" in public) == (":" in host) and not is_loopback(host):
            self._advertise((host, 0), (public, 0))

    def learned(self, flow: Flow, address: str, port: int) -> None:
        """A STUN server told how the socket of a flow is seen from outside."""
        if self.public != address:
            log.info("our public address is %s", address)
            self.public = address
            self._known.clear()
            self._ways.clear()
        self._advertise(flow.local, (address, port))


def is_loopback(host: str) -> bool:
    """Whether an IP address is of this machine alone."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def nearest(bound: Sequence[_B], address: str) -> _B | None:
    """The listener that reaches an address best: bound to its side of the loopback, else to all interfaces."""
    target = ipaddress.ip_address(address.partition("%")[0])
    best: tuple[int, _B] | None = None
    for one in bound:
        local = ipaddress.ip_address(one.local[0].partition("%")[0])
        if local.version == target.version:
            fit = 1 if one.wildcard else 2 if local.is_loopback == target.is_loopback else 0
            if best is None or fit > best[0]:
                best = fit, one
    return None if best is None else best[1]
