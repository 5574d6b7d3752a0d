"""When what was not delivered is tried again, and what an answer means for that. Pure.

Whoever delivers something over HTTP asks here: webhooks, and events of voice applications.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Failure", "backoff", "verdict"]

SPREAD = 0.2
"""Share by which a wait is longer or shorter by chance: those that failed together do not come back together."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds for which an endpoint may ask to be left alone."""
NOT_TAKEN = frozenset({400, 406, 409, 411, 413, 414, 415, 422, 431})
"""Statuses that are about what was sent; by all others the endpoint says that it does not serve at all."""
AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 after which the same may succeed later."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that did not succeed."""

    problem: str
    """Why, as words without personal data."""
    refused: bool = False
    """This delivery is not taken, while the endpoint serves others."""
    unwanted: bool = False
    """Another try would be answered in the same way: 4XX, a redirect, an address that may not be connected to."""
    retry_after: float | None = None
    """Seconds for which the endpoint asks to be left alone, at most `LONGEST_RETRY_AFTER`."""


def backoff(failures: int, first: float, longest: float, rng: Callable[[], float]) -> float:
    """Seconds until the next try after so many failures (at least 1): `first`, doubled with each one, up to `longest`,
    and a fifth more or less by chance. `rng` gives numbers from 0 to below 1."""
    seconds = min(first * 2.0 ** min(failures - 1, 60), longest)
    return seconds * (1.0 + SPREAD * (2.0 * rng() - 1.0))


def verdict(status: int, retry_after: str = "") -> Failure | None:
    """What an answer means, by its status and its header `Retry-After` (seconds; dates are not looked at); None: it is
    delivered."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure(f"status {status}: redirects are not followed", unwanted=True)
    unwanted = status < 500 and status not in AGAIN
    return Failure(f"status {status}", status in NOT_TAKEN, unwanted, _seconds(retry_after))


def _seconds(text: str) -> float | None:
    known = text.isascii() and text.isdecimal() and len(text) <= 9
    return min(float(text), LONGEST_RETRY_AFTER) if known else None
