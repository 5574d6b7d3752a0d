"""One SIP message as it was captured, and what of it nobody is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ivr.sip import Flow

__all__ = ["Captured", "call_id_of", "masked"]

_CALL_ID: Final = re.compile(rb"\r?\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.IGNORECASE)

_SECRETS: Final = (
    # The answer of a digest: passwords are guessed from it.
    re.compile(rb'(?<=response=")[^"\r\n]{1,512}(?=")', re.IGNORECASE),
    # Keys of encrypted sound (RFC 4568 section 9.1).
    re.compile(rb"(?<=inline:)[A-Za-z0-9+/=]{1,512}", re.IGNORECASE),
)
# Keys that a caller presses, by INFO.
_DTMF: Final = re.compile(rb"\n(?:content-type|c)[ \t]*:[ \t]*application/dtmf[^\r\n]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Captured:
    """One message."""

    at: float
    """Seconds since the epoch."""
    incoming: bool
    """Whether it came; else it was sent."""
    flow: Flow
    """Its path, `local` being our end."""
    data: bytes
    """The octets, as they were."""

    @property
    def source(self) -> tuple[str, int]:
        """Who sent it."""
        return self.flow.remote if self.incoming else self.flow.local

    @property
    def destination(self) -> tuple[str, int]:
        """Whom it was sent to."""
        return self.flow.local if self.incoming else self.flow.remote

    @property
    def call_id(self) -> str | None:
        """Its Call-ID."""
        return call_id_of(self.data)


def call_id_of(data: bytes) -> str | None:
    """Call-ID of a message; None where it has none."""
    match = _CALL_ID.search(data)
    return match[1].decode("utf-8", "replace") if match is not None else None


def masked(data: bytes) -> bytes:
    """A message of the same length without digest answers, keys of encrypted sound, and digits by INFO."""
    for pattern in _SECRETS:
        data = pattern.sub(lambda match: b"x" * len(match[0]), data)
    if _DTMF.search(data) is not None:
        head, blank, body = data.partition(b"\r\n\r\n")
        data = head + blank + re.sub(rb"[^\r\n]", b"x", body)
    return data
