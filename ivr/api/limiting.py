"""Who asks too much is told to wait; who guesses tokens, too."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from aiohttp import web

from ivr.api.guard import Guard, is_local
from ivr.api.problems import ProblemError
from ivr.api.rates import Allowance, Buckets
from ivr.store import Token

__all__ = ["Limiter"]

GUESSES_PER_SECOND, GUESSES = 1.0, 20
"""Tokens that are not good, from one address: someone with an old one is told so, a guesser gets nowhere."""


class Limiter:
    """A bucket for each token, and for each address that asks without one. Programs of this machine are not limited:
    neither without a token nor with the daemon's own."""

    def __init__(self, rate: float, burst: int, guard: Guard, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` requests a second in the long run, `burst` of them at once."""
        self._buckets = Buckets(rate, burst)
        self._guesses = Buckets(GUESSES_PER_SECOND, GUESSES)
        self._guard = guard
        self._clock = clock

    def guessed(self, request: web.Request) -> None:
        """A token was not good, or there was none; a problem (429) where that comes too often from an address. Good
        ones are taken from there all the same."""
        allowance = self._guesses.take(_address(request), self._clock())
        if not allowance.allowed:
            raise ProblemError(429, "too many tokens that are not good", allowance.headers)

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
    return f"address {passed_on if passed_on and _is_loopback(request.remote) else request.remote}"


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
