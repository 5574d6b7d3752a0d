"""What comes of a verb: the next one, another document, or the end."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from ivr.flow.ports import Event
from ivr.flow.twiml.talk import Go

__all__ = ["OVER", "Doing", "HangsUp", "Leaves", "Outcome", "Over"]


@dataclass(frozen=True, slots=True)
class HangsUp:
    """The document ends the call."""

    sip_status: int = 480
    """Final response where the call is not answered."""
    reason: str | None = None
    """Header Reason of the BYE otherwise."""


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over: its caller has left, or somebody else has taken it."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """The caller leaves the queue that he waits in."""


OVER = Over()

Outcome = Go | HangsUp | Leaves | Over | None
"""None: the next verb follows."""

Doing = Generator[float | None, Event | None, Outcome]
"""A verb at work."""
