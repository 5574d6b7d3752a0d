"""Who asks too much is told to wait; who guesses tokens, too.

Good tokens are taken whatever else comes from their address: who guesses behind a proxy of this machine, whose address
all who ask there share, shuts out nobody.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

from ivr.api.guard import Guard, is_local
from ivr.api.problems import ProblemError
from ivr.api.rates import Allowance, Buckets
from ivr.store import Token

__all__ = ["Limiter"]

log = logging.getLogger("ivr.api")

GUESSES_PER_SECOND, GUESSES = 1.0, 20
"""Tokens that are not good, from one address: someone with an old one is told so, a guesser gets nowhere."""

TELL_EVERY = 60.0
"""Seconds between two lines of the log about one address."""
TOLD = 1000
"""Addresses of which that is remembered."""


class Limiter:
    """A bucket for each token, and for each address that asks without one. Programs of this machine are not limited:
    neither without a token nor with the daemon's own."""

    def __init__(self, rate: float, burst: int, guard: Guard, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` requests a second in the long run, `burst` of them at once."""
        self._buckets = Buckets(rate, burst)
        self._guesses = Buckets(GUESSES_PER_SECOND, GUESSES)
        self._guard = guard
        self._clock = clock
        self._told: OrderedDict[str, float] = OrderedDict()

    def guessed(self, request: web.Request) -> None:
        """A token was not good, or there was none; a problem (429) where that comes too often from an address. Good
        ones are taken from there all the same."""
        address, now = _address(request), self._clock()
        if "Authorization" in request.headers:
            self._tell(address, now)
        allowance = self._guesses.take(address, now)
        if not allowance.allowed:
            raise ProblemError(429, "too many tokens that are not good", allowance.headers)

    def _tell(self, address: str, now: float) -> None:
        if now - self._told.get(address, float("-inf")) < TELL_EVERY:
            return
        log.warning("a token, or a password, that is not good was shown from the %s", address)
        self._told[address] = now
        self._told.move_to_end(address)
        if len(self._told) > TOLD:
            self._told.popitem(last=False)

    def take(self, request: web.Request, token: Token | None) -> Allowance | None:
        """What whoever asks may ask for after this; None: he is not limited. A problem (429) where it is too much."""
        if self._guard.is_own(token) if token is not None else is_local(request):
            return None
        client = token.id if token is not None else _address(request)
        allowance = self._buckets.take(client, self._clock())
        if not allowance.allowed:
            raise ProblemError(429, "too many requests: http.requests_per_second and http.burst", allowance.headers)
        return allowance


def _address(request: web.Request) -> str:
    """Of who asks; behind a proxy of this machine, as that has it."""
    passed_on = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()[:64]
    proxy, client = _parsed(request.remote), _parsed(passed_on)
    return f"address {client if client is not None and proxy is not None and proxy.is_loopback else request.remote}"


def _parsed(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address or "")
    except ValueError:
        return None
