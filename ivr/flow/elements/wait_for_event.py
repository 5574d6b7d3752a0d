"""wait_for_event: wait until something happens outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.holding import HoldMusic, hold, silence
from ivr.flow.elements.properties import EventConditions, SavedProperties, constants, holds, save_properties
from ivr.flow.ports import Event, EventArrived
from ivr.flow.values import DurationTemplate, TextTemplate
from ivr.units import DURATION_SCHEMA, parse_duration

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["WaitForEventElement"]

LONGEST = 100 * 366 * 86400.0
"""Seconds of a time limit that are still added to a date."""


PAST_SCHEMA = {"anyOf": [{"type": "boolean"}, *DURATION_SCHEMA["anyOf"]]}


def _past(value: object) -> bool | float:
    return value if isinstance(value, bool) else parse_duration(value)


@element("wait_for_event")
class WaitForEventElement(Element):
    """Waits for an event: one that is posted by HTTP, `call.ended` or `profile.changed`. All `conditions` on its
    properties must hold; other events are passed over. While a caller is there, more than 10 s only with `hold_music`;
    without a caller the flow is kept in the store meanwhile. Results: `status`, `event`, `properties`, `at`."""

    BRANCHES = (
        BranchSpec("received", "The event came.", success=True),
        BranchSpec("timeout", "It did not come in time."),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    DORMANT = True
    RESULTS = ("status", "event", "properties", "at")

    type: Literal["wait_for_event"] = "wait_for_event"
    event: TextTemplate
    """Name of the event."""
    conditions: EventConditions = ()
    """What must hold of its properties."""
    include_past: Annotated[
        bool | float,
        BeforeValidator(_past),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, *DURATION_SCHEMA["anyOf"]]}),
    ] = False
    """Events that came before count too: `true` since the call began, or so long ago (`1h`)."""
    timeout: DurationTemplate | None = None
    """Wait no longer than that."""
    save: SavedProperties = Field(default_factory=dict)
    """Variable to the property that it gets; null where the event has none."""
    hold_music: HoldMusic = False
    """What the caller hears meanwhile: `true` for music, or a prompt that is repeated."""

    def sets(self) -> tuple[str, ...]:
        return tuple(self.save)

    def silent_wait(self) -> float:
        return silence(self.hold_music, self.timeout.constant if self.timeout is not None else None)

    def checks(self, ctx: Session) -> list[tuple[str, str, Any]]:
        return constants(ctx, self.conditions)

    def run(self, ctx: Session) -> Run:
        name, _ = ctx.text(self.event, "event")
        name = name.strip()
        again = "began" in ctx.kept
        began: Any = ctx.once("began", ctx.wall_time)
        until: Any = ctx.once("until", lambda: self._until(ctx))
        since: Any = ctx.once("since", lambda: self._since(ctx))
        # One that is taken up again must not miss what came while it was not there.
        number = ctx.wait_for(name, since or (began if again else None))

        def wanted(event: Event) -> bool:
            return type(event) is EventArrived and event.id == number and holds(ctx, self.conditions, event.properties)

        try:
            event: Any = yield from hold(ctx, "wait_for_event", until, self.hold_music, wanted)
        finally:
            ctx.stop_waiting(number)
        if event is None:
            ctx.set_result({"status": "timeout", "event": name, "properties": {}, "at": None})
            return "timeout"
        ctx.take_event(event.at)
        properties = save_properties(ctx, self.save, event.properties)
        ctx.set_result({"status": "received", "event": event.name, "properties": properties, "at": event.at})
        return "received"

    def _until(self, ctx: Session) -> datetime | None:
        if self.timeout is None:
            return None
        seconds, _ = ctx.value(self.timeout, "timeout")
        return None if seconds is None else ctx.wall_time().astimezone(UTC) + timedelta(seconds=min(seconds, LONGEST))

    def _since(self, ctx: Session) -> datetime | None:
        if self.include_past is False:
            return None
        if self.include_past is True:
            return ctx.call.started_at
        return ctx.wall_time().astimezone(UTC) - timedelta(seconds=min(self.include_past, LONGEST))
