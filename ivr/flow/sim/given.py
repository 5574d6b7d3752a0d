"""What a simulated call begins with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.ports import CallInfo
from ivr.settings import Calendar

if TYPE_CHECKING:
    from ivr.flow.model import Flow

__all__ = ["MONDAY_NOON", "Given", "PastEvent", "call_info", "first_entry"]

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When calls begin unless somebody says otherwise: always the same, so that runs can be compared."""


@dataclass(frozen=True, slots=True)
class PastEvent:
    """An event from outside that came before the call began."""

    name: str
    """Of the event."""
    at: datetime
    """When it came, with a time zone."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """JSON values that came with it."""


@dataclass(frozen=True, slots=True)
class Given:
    """The call, the caller and what is known of him."""

    caller: str = "+15550199"
    """The caller's number, or that of the contact where the flow begins outside a call."""
    called: str | None = None
    """The number called; None: the first one of the entry."""
    line: str | None = None
    """Line of the call; None: the one that the entry asks for, else none."""
    time: datetime = MONDAY_NOON
    """When it begins, with a time zone."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Other defaults for variables that the flow declares."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the caller."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What flows see as `settings.*`, over what is configured."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers of the call, by lower-case name with `-` written as `_`."""
    tags: tuple[str, ...] = ()
    """Tags that the call, or the contact, has already."""
    events: tuple[PastEvent, ...] = ()
    """Events that came before, the oldest first."""
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    """Calendars, over those that are configured."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """What comes with the event or the contact that begins a flow outside a call; the caller's number is there."""
    entry: str | None = None
    """Element to begin at; None: the first entry for a call, else the first one."""
    audience: bool = False
    """A contact begins the flow: where no element is named, at its first `start_from_audience`."""
    seed: int = 0
    """Makes the id of the call, and with it everything that is drawn by it."""
    id: str | None = None
    """Id of the call where it is known; None: the seed makes it."""


def first_entry(flow: Flow, audience: bool = False) -> str:
    """The first element that a call begins at (`audience`: that a contact begins it at), else the first that a flow
    begins at."""
    if audience and flow.audience_entry is not None:
        return flow.audience_entry
    found = [name for name in flow.entries if flow.elements[name].type == "start_incoming_call"] or [*flow.entries]
    return found[0] if found else next(iter(flow.elements))


def call_info(flow: Flow, entry: str, given: Given) -> CallInfo:
    """The call as its flow sees it."""
    element: Any = flow.elements.get(entry)
    numbers = getattr(element, "numbers", None)
    called = given.called if given.called is not None else numbers[0] if numbers else ""
    line = given.line if given.line is not None else getattr(element, "line", None) or ""
    return CallInfo(
        id=given.id or f"sim-{given.seed}",
        from_=given.caller,
        to=called,
        started_at=given.time,
        line=line,
        short_id=given.seed + 1,
        headers=given.headers,
        key=str(uuid.UUID(int=given.seed, version=4)),
    )
