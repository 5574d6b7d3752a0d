"""Waits that may be long: in a call the caller hears music, without a caller the flow is kept until they are over."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ivr.flow.calendar import moment_of
from ivr.flow.elements.conditions import is_date_alone, moment
from ivr.flow.elements.prompts import PromptField
from ivr.flow.elements.waiting import Meanwhile
from ivr.flow.expressions import ExpressionError
from ivr.flow.ports import Event, PromptSpec
from ivr.flow.values import Clock

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["HoldMusic", "hold", "moment_on", "silence", "zone_of"]

MAX_SILENT_WAIT = 10.0
"""Seconds that a caller may be left without a sound."""

LONG_WAIT = 60.0
"""Seconds outside a call after which a flow that comes back to an element is not taken to run in circles."""

DAY = 86400.0

SMALLEST_WAIT = 0.000_001
"""Seconds: what datetimes resolve."""

HoldMusic = bool | PromptField
"""What the caller hears meanwhile: `true` for music, or a prompt that is repeated."""


def _spec(ctx: Session, hold_music: Any) -> PromptSpec | None:
    if not ctx.up:
        return None
    if isinstance(hold_music, bool):
        return PromptSpec("tone", "music") if hold_music else None
    spec: PromptSpec | None = hold_music.spec(ctx)
    return spec


def silence(hold_music: Any, seconds: float | None) -> float:
    """Seconds of silence that a flow asks for which lets a caller wait so long (None: nobody knows beforehand); a call
    goes on after 10 s."""
    return 0.0 if hold_music is not False else math.inf if seconds is None else seconds


def hold(
    ctx: Session,
    what: str,
    until: datetime | None,
    hold_music: Any,
    wanted: Callable[[Event], bool] | None = None,
) -> Generator[float | None, Event | None, Event | None]:
    """The first event that is wanted; None when the moment has come (None: never), by the clock, without one.

    A caller who hears nothing waits 10 s at most.
    """
    spec = _spec(ctx, hold_music)
    # Two times of one zone are compared as the clock on the wall shows them, which goes back once a year.
    until = None if until is None else until.astimezone(UTC)
    deadline = None if until is None else ctx.time_of(until)
    silent = ctx.up and spec is None and (deadline is None or deadline > ctx.now + MAX_SILENT_WAIT)
    if silent:
        ctx.note(f"{what}: cut to 10 s, the caller hears nothing (hold_music)")
        deadline = ctx.now + MAX_SILENT_WAIT
    meanwhile = Meanwhile(ctx, spec, 0.0)
    event = yield from meanwhile.wait(deadline, wanted)
    while event is None and until is not None and not silent and ctx.wall_time() < until:
        event = yield from meanwhile.wait(max(ctx.time_of(until), ctx.now + SMALLEST_WAIT), wanted)
    meanwhile.stop()
    if not ctx.up and ctx.now - ctx.step_entered >= LONG_WAIT:
        ctx.rested = True
    return event


def zone_of(ctx: Session, name: str | None) -> Any:
    """The zone of a name; that of the call without one."""
    return ctx.call.started_at.tzinfo if name is None else ZoneInfo(name)


def moment_on(value: Any, at: Clock | None, zone: Any, ago: float = 0.0) -> datetime:
    """The moment of a date in a zone, at a time of day where the date has none, and so many seconds before it (after,
    where negative). Days are those of the calendar: a day before 09:00 is 09:00, also when the clocks change.
    ExpressionError where the value is no date."""
    try:
        found = moment(value, datetime(2000, 1, 1, tzinfo=zone)).astimezone(zone)
        if at is not None and is_date_alone(value):
            found = moment_of(found.date(), at.minutes, zone).astimezone(zone)
        days, rest = divmod(abs(ago), DAY)
        sign = -1 if ago >= 0 else 1
        # Days are added to what the clock on the wall shows, the rest to the time that passes.
        shifted = found + sign * timedelta(days=days)
        return (shifted.astimezone(UTC) + sign * timedelta(seconds=rest)).astimezone(zone)
    except (OverflowError, ValueError):
        raise ExpressionError("a date is too far away") from None
