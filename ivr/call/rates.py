"""How many calls one source address may start: a bucket for each, so that one of them cannot take all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = ["SourceRates"]

SOURCES_COUNTED = 10_000
"""Addresses counted at once; more are an attack from forged sources, and the count starts anew."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SourceRates:
    """Admits `per_second` calls a second from each address, and as many at once; any number from `exempt` networks."""

    def __init__(self, per_second: int, exempt: Iterable[Network] = ()) -> None:
        self._per_second = per_second
        self._exempt = tuple(exempt)
        self._left: dict[str, tuple[float, float]] = {}
        self._free: set[str] = set()

    def admits(self, ip: str, now: float) -> bool:
        """Whether another call from `ip` may start at `now` (monotonic seconds); counts it."""
        if ip in self._free:
            return True
        known = self._left.get(ip)
        if known is None:
            if self._is_exempt(ip):
                if len(self._free) >= SOURCES_COUNTED:
                    self._free.clear()
                self._free.add(ip)
                return True
            if len(self._left) >= SOURCES_COUNTED:
                self._left.clear()
            left, at = float(self._per_second), now
        else:
            left, at = known
        left = min(float(self._per_second), left + (now - at) * self._per_second)
        admitted = left >= 1.0
        self._left[ip] = (left - 1.0 if admitted else left, now)
        return admitted

    def _is_exempt(self, ip: str) -> bool:
        if not self._exempt:
            return False
        address = ipaddress.ip_address(ip)
        return any(address in network for network in self._exempt if network.version == address.version)
