"""How the daemon signs what it sends, so that who receives it knows who sent it, and when.

    Ivr-Signature: t=1772000000,v1=5257a869e7…

`t` is when it was sent, in seconds since the epoch; `v1` the HMAC-SHA256, in hexadecimal, of `t`, a dot and the body as
it came, with the shared secret as the key. A request that is sent again is signed again.
"""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["SIGNATURE_HEADER", "TOLERANCE", "sign", "verify"]

SIGNATURE_HEADER = "Ivr-Signature"
TOLERANCE = 300.0
"""Seconds that a signature may be old, or ahead of our clock: who has caught a request cannot send it for ever."""


def sign(secret: str, body: bytes, at: int) -> str:
    """Value of the header for a body that is sent at a time (seconds since the epoch)."""
    return f"t={at},v1={_digest(secret, body, at)}"


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
