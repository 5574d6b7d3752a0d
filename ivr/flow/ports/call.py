"""The call as a flow sees it, and the words for how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

__all__ = [
    "CAUSES",
    "CallInfo",
    "Cause",
    "DigitSource",
    "ForwardOutcome",
    "HandOffPacket",
    "HangUpCause",
    "PromptSpec",
    "Voice",
]

Cause = Literal[
    "user_hung_up",
    "ended_by_flow",
    "ended_by_api",
    "forwarded",
    "transferred",
    "network",
    "media_timeout",
    "max_duration",
    "system",
]
"""Why a session ended; every session has one."""

CAUSES: tuple[Cause, ...] = get_args(Cause)

DigitSource = Literal["rfc4733", "info", "inband", "api"]
HangUpCause = Literal["normal", "busy", "rejected"]
ForwardOutcome = Literal["forwarded", "returned", "no_answer", "busy", "declined", "failed"]

HandOffPacket = Mapping[str, Any]
"""What the other side of a hand-off is told of the call, as JSON; see :mod:`ivr.flow.packet`. Secret values are masked
in it."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """The call as a flow sees it: `call.*` in expressions."""

    id: str
    """Unique among all calls of all nodes."""
    from_: str
    """The caller's number or SIP user, normalised; empty when withheld. Expressions read it as `call.from`."""
    to: str
    """The number or SIP user called."""
    started_at: datetime
    """Wall-clock time, with a time zone, that the machine's `now` of `start` stands for."""
    direction: Literal["inbound", "outbound"] = "inbound"
    line: str = ""
    """Name of the line the call belongs to; `phones` for a registered phone, `guest` for an unknown source."""
    short_id: int = 0
    """Grows by one per call; can be spoken."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers that flows may read, by lower-case name with `-` written as `_`."""
    key: str = ""
    """A UUID that nobody knows but whom the flow tells it, sensitive in expressions: who says it gets this call's sound
    (AudioSocket). Empty where there is no call."""
    display: str = ""
    """The caller's name as his side tells it; empty when withheld."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Which voice speaks a text; what is None is left to the configuration."""

    gender: Literal["female", "male"] | None = None
    name: str | None = None
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One sound to be made or found."""

    kind: Literal["text", "file", "url", "recording", "tone"]
    """`text` is spoken; `file` from the prompts folder; `url` fetched; `recording` the `path` of a
    :class:`RecordDone`; `tone` one of `ringback`, `busy`, `congestion`, `beep`, `music`."""
    value: str
    """The text, path, URL or name of the tone."""
    language: str | None = None
    """BCP 47 tag of a text; None: the configured one."""
    voice: Voice | None = None
    """Voice of a text; None: the configured one."""
    rate: float = 1.0
    """Speech rate factor of a text."""
    sensitive: bool = False
    """The value holds something that must stand in no log, trace or file name."""
