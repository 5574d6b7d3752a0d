"""Names that Twilio's formats know things by: two letters and 32 hexadecimal digits, the same each time."""

from __future__ import annotations

import hashlib
import uuid

__all__ = ["call_id", "call_sid", "named_sid", "recording_sid"]


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


def recording_sid(key: str) -> str:
    """RecordingSid of a recording by its id in the store: who does not know it cannot guess it."""
    return _uuid_sid("RE", key)
