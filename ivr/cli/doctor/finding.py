"""What a check of `ivr doctor` came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Status"]

Status = Literal["ok", "warning", "fault", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    area: str
    """host, store, audio, ports, certificates, lines, nat, clock or loop."""
    what: str
    """What was looked at."""
    status: Status
    """A fault costs calls; a warning may."""
    found: str
    """What was found, measured or answered."""
    advice: str = ""
    """What to do about it; empty where all is well."""
