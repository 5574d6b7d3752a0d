"""Captures that somebody asked for: which call, what was caught of it, and where its sound is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ivr.capture.message import Captured

__all__ = ["Capture", "CaptureState", "Party"]

CaptureState = Literal["waiting", "running", "done", "expired"]


@dataclass(frozen=True, slots=True)
class Party:
    """One leg of a call, as far as captures know it."""

    call_id: str
    """SIP Call-ID."""
    tap: Callable[[Path | None], None]
    """Begins a copy of its packets in a file; None ends it."""
    local: tuple[str, int]
    """Address and port of our RTP as its peer knows it."""
    id: str = ""
    """Id of the call, of the leg that the call began with."""
    short_id: int = 0
    caller: str = ""
    called: str = ""


@dataclass(slots=True)
class Capture:
    """One request."""

    id: int
    until: float
    """Seconds since the epoch; a call that begins later is not meant."""
    to: str | None = None
    """Number called; None: any."""
    from_: str | None = None
    """Number of the caller; None: any."""
    state: CaptureState = "waiting"
    call: str = ""
    """Id of the call that is captured."""
    short_id: int = 0
    parties: list[Party] = field(default_factory=list)
    call_ids: set[str] = field(default_factory=set)
    """SIP Call-IDs of its legs."""
    messages: list[Captured] = field(default_factory=list)
    spools: list[tuple[Path, tuple[str, int]]] = field(default_factory=list)
    """Copies of packets, each with our address."""

    def wants(self, party: Party, now: float) -> bool:
        """Whether this call is the one."""
        if now > self.until:
            self.state = "expired"
            return False
        return self.to in (None, party.called) and self.from_ in (None, party.caller)

    def shown(self) -> dict[str, object]:
        """For people."""
        return {
            "id": self.id,
            "state": self.state,
            "to": self.to,
            "from": self.from_,
            "call": self.call or None,
            "short_id": self.short_id or None,
            "messages": len(self.messages),
            "streams": len(self.spools),
        }
