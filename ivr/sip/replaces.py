"""Replaces (RFC 3891): an INVITE that is to take the place of a dialog, named by its Call-ID and tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ivr.sip.errors import ParseError
from ivr.sip.headers import parse_params

__all__ = ["Replaces"]

MAX_CALL_ID: Final = 256
"""Characters of a Call-ID that are looked up; ours have 32."""

_CALL_ID: Final = re.compile(r"[^\s;,\"<>]++")


@dataclass(frozen=True, slots=True)
class Replaces:
    """Names a dialog as the one who receives it has it: `to_tag` is the receiver's own, `from_tag` its peer's."""

    call_id: str
    """Call-ID of the dialog."""
    to_tag: str
    """Local tag of whoever receives the INVITE."""
    from_tag: str
    """Tag of the party that is to be replaced."""
    early_only: bool = False
    """Refuse with 486 where the dialog was answered meanwhile (a pick-up)."""

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Read a header value; raises ParseError (400) unless it names one dialog with both tags."""
        call_id, _, rest = text.strip().partition(";")
        call_id = call_id.strip()
        if len(call_id) > MAX_CALL_ID or _CALL_ID.fullmatch(call_id) is None:
            raise ParseError("no Call-ID in Replaces")
        params = parse_params(rest, first_semicolon=False)
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not to_tag or not from_tag:
            raise ParseError("Replaces without both tags")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"
