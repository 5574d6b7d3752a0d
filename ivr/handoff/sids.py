"""Names that bots know calls by: `CA`, `MZ` or `AC` and 32 hexadecimal digits."""

from __future__ import annotations

import hashlib
import uuid

__all__ = ["call_sid", "new_stream_sid"]


def call_sid(call_id: str) -> str:
    """CallSid of a call: its id, a UUID, without hyphens; any other text gets one of its own."""
    try:
        return f"CA{uuid.UUID(call_id).hex}"
    except ValueError:
        return f"CA{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"


def new_stream_sid() -> str:
    """StreamSid of one connection."""
    return f"MZ{uuid.uuid4().hex}"
