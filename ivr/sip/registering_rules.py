"""What a registration reads from responses, and how long it waits (RFC 3261 §10.2.4, RFC 5626 §4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ivr.sip.digest import DigestError, parse_challenge
from ivr.sip.errors import ParseError
from ivr.sip.headers import parse_number, quote
from ivr.sip.message import STAR, Response
from ivr.sip.uri import Uri

__all__ = [
    "BASE",
    "CAP",
    "MAX_RETRY_AFTER",
    "any_stale",
    "back_off",
    "challenge_answered",
    "granted_by",
    "refresh_after",
    "retry_after",
]

BASE: Final = 5.0
"""Seconds of RFC 5626 §4.5's base-time. Its 30 are for networks of a million phones; a trunk that stands still is
nobody's call."""
CAP: Final = 300.0
"""Seconds of its max-time."""
MAX_RETRY_AFTER: Final = 1800.0
"""Seconds of a Retry-After that are waited."""
MIN_GRANTED: Final = 10.0
"""Seconds between two refreshes, however little is granted."""


def back_off(failures: int, fraction: float, base: float = BASE, cap: float = CAP) -> float:
    """Seconds to wait after so many failures in a row: W = min(cap, base * 2^failures), half of it up to all of it by
    chance (RFC 5626 §4.5)."""
    most = min(cap, base * 2.0 ** min(failures, 30))
    return most * (0.5 + 0.5 * fraction)


def refresh_after(granted: float, fraction: float) -> float:
    """Seconds after which a registration is renewed: 75 to 90 % of what was granted, so that a try that gets no answer
    in 10 % of the time can be repeated."""
    return max(granted * (0.75 + 0.15 * fraction), min(MIN_GRANTED, granted * 0.9))


def retry_after(response: Response) -> float:
    """Seconds of Retry-After that are waited; 0 where there is none."""
    text = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return min(float(parse_number(text) or 0), MAX_RETRY_AFTER)


def any_stale(challenges: Sequence[str]) -> bool:
    """Whether a challenge says that the password was right and the nonce too old."""
    for text in challenges:
        try:
            if parse_challenge(text).stale:
                return True
        except (ParseError, DigestError):
            continue
    return False


def challenge_answered(challenges: Sequence[str], value: str) -> str | None:
    """The challenge that these credentials answer, where its nonce can be used again: it counts uses by `nc`."""
    for text in challenges:
        try:
            challenge = parse_challenge(text)
        except (ParseError, DigestError):
            continue
        algorithm = challenge.algorithm.replace("-SESS", "-sess")
        if challenge.qop and f"algorithm={algorithm}," in value and f"nonce={quote(challenge.nonce)}" in value:
            return text
    return None


def granted_by(response: Response, contact: str, asked: int) -> int:
    """Seconds granted: what our contact says, else the header, else what was asked for (RFC 3261 §10.2.4)."""
    own = Uri.parse(contact)
    header = response.expires
    contacts = response.contacts
    if contacts is not STAR and contacts:
        ours = [one for one in contacts if (one.uri.user, one.uri.host, one.uri.port) == (own.user, own.host, own.port)]
        # Behind a NAT some registrars write the contact anew: a single one is ours.
        found = ours[0] if ours else contacts[0] if len(contacts) == 1 else None
        if found is not None:
            seconds = parse_number(found.params.get("expires") or "", 0xFFFFFFFF)
            if seconds is not None:
                return min(seconds, asked)
    return asked if header is None else min(header, asked)
