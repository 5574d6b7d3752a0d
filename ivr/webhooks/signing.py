"""How the daemon signs what it sends, so that who receives it knows who sent it, and when.

    Ivr-Signature: t=1772000000,v1=5257a869e7…

`t` is when it was sent, in seconds since the epoch; `v1` the HMAC-SHA256, in hexadecimal, of `t`, a dot and the body as
it came, with the shared secret as the key. A request that is sent again is signed again. While a secret is exchanged
there are two `v1`, one of each: whoever receives it may know the one or the other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

__all__ = ["SIGNATURE_HEADER", "TOLERANCE", "sign", "verify"]

SIGNATURE_HEADER = "Ivr-Signature"
TOLERANCE = 300.0
"""Seconds that a signature may be old, or ahead of our clock: who has caught a request cannot send it for ever."""


def sign(secrets: str | Sequence[str], body: bytes, at: int) -> str:
    """Value of the header for a body that is sent at a time (seconds since the epoch), signed with one secret or with
    each of several."""
    each = (secrets,) if isinstance(secrets, str) else secrets
    return ",".join([f"t={at}", *(f"v1={_digest(secret, body, at)}" for secret in each)])


def verify(secret: str, body: bytes, header: str, now: float, tolerance: float = TOLERANCE) -> bool:
    """Whether the value of a header is the signature of a body, and not too old. Takes as long for any signature."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not (at.isascii() and at.isdecimal() and len(at) <= 15) or abs(now - int(at)) > tolerance:
        return False
    wanted = _digest(secret, body, int(at))
    return any([hmac.compare_digest(value.encode(), wanted.encode()) for name, _, value in parts if name == "v1"])


def _digest(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
