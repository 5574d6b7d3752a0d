"""Names that Twilio's formats know things by: two letters and 32 hexadecimal digits, the same each time."""

from __future__ import annotations

import hashlib
import hmac
import uuid

__all__ = ["call_id", "call_sid", "named_sid", "recording_id", "recording_sid"]

ROUNDS = 4
"""Of the cipher that hides ids of recordings: with four no one who sees some names tells others (Luby and Rackoff)."""
HALF = 8
"""Octets of half an id."""


def call_sid(call_id: str) -> str:
    """CallSid of a call: its id, a UUID, without hyphens; any other text gets one of its own."""
    return _uuid_sid("CA", call_id)


def call_id(sid: str) -> str | None:
    """The id of the call that :func:`call_sid` made this of; None where it cannot be one."""
    try:
        return str(uuid.UUID(sid[2:])) if len(sid) == 34 and sid.startswith("CA") else None
    except ValueError:
        return None


def named_sid(kind: str, *parts: object) -> str:
    """A name of a kind (`CA`, `RE`, `QU`…) for something that belongs to a call."""
    return kind + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def _uuid_sid(kind: str, name: str) -> str:
    try:
        return f"{kind}{uuid.UUID(name).hex}"
    except ValueError:
        return f"{kind}{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def recording_sid(key: str, secret: str) -> str:
    """RecordingSid of a recording by its id in the store, for the account with a secret. Who knows the RecordingSid may
    hear the recording, while its id is no secret: so the one does not follow from the other."""
    try:
        number = uuid.UUID(key).bytes
    except ValueError:
        return _uuid_sid("RE", key)
    left, right = number[:HALF], number[HALF:]
    for turn in range(ROUNDS):
        left, right = right, _mixed(left, right, turn, secret)
    return f"RE{(left + right).hex()}"


def recording_id(sid: str, secret: str) -> str:
    """The id of the recording that :func:`recording_sid` made this of; some other one where the secret is another."""
    number = bytes.fromhex(sid[2:])
    left, right = number[:HALF], number[HALF:]
    for turn in reversed(range(ROUNDS)):
        left, right = _mixed(right, left, turn, secret), left
    return str(uuid.UUID(bytes=left + right))


def _mixed(half: bytes, other: bytes, turn: int, secret: str) -> bytes:
    mask = hmac.digest(secret.encode(), b"recording %d " % turn + other, "sha256")
    return bytes(one ^ two for one, two in zip(half, mask, strict=False))
