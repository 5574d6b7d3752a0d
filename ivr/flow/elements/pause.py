"""pause: wait for a time, until a weekday and time of day, or until a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from ivr.flow.calendar import moment_of
from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.conditions import Weekdays
from ivr.flow.elements.holding import HoldMusic, hold, moment_on, silence, zone_of
from ivr.flow.expressions import ExpressionError
from ivr.flow.values import Duration, TimeOfDay, ValueTemplate
from ivr.settings import ZoneName
from ivr.units import WEEKDAYS

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["PauseElement", "PauseUntil"]

WEEK_AND_A_DAY = 8
"""Days in which every weekday and time of day comes, also when today's is over."""

LONGEST = 100 * 366 * 86400.0
"""Seconds of a pause that are still added to a date."""


class PauseUntil(BaseModel):
    """A moment to wait for: the next time of day on some weekdays, or a date."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    weekday: Weekdays | None = None
    """Weekdays: `mon`, `mon-fri`, or a list; default, with `at`: any."""
    date: ValueTemplate | None = None
    """A date, with or without a time of day."""
    at: TimeOfDay | None = None
    """Time of day."""
    time_zone: ZoneName | None = None
    """IANA name; default: that of the call."""

    @model_validator(mode="after")
    def _one_kind(self) -> PauseUntil:
        if self.weekday is not None and self.date is not None:
            raise ValueError("either weekday or date")
        if self.date is None and self.at is None:
            raise ValueError("at is missing: the time of day")
        return self

    def moment(self, ctx: Session) -> datetime:
        """The moment; ExpressionError where the date is none."""
        zone = zone_of(ctx, self.time_zone)
        if self.date is not None:
            return moment_on(self.date.render(ctx).value, self.at, zone)
        assert self.at is not None
        now = ctx.wall_time().astimezone(zone)
        for ahead in range(WEEK_AND_A_DAY + 1):
            day = now.date() + timedelta(days=ahead)
            found = moment_of(day, self.at.minutes, zone)
            if found > now and (self.weekday is None or WEEKDAYS[day.weekday()] in self.weekday):
                return found
        raise ExpressionError("no such day comes")


@element("pause")
class PauseElement(Element):
    """Waits: for a time, until the next such weekday and time of day, or until a date (one that is over, or cannot be
    worked out, is no wait). While a caller is there, more than 10 s only with `hold_music`; without it the pause is
    cut to 10 s. Without a caller the flow is kept in the store meanwhile, and goes on after a restart."""

    BRANCHES = (BranchSpec("next", "The time is over.", success=True), USER_HUNG_UP, CALL_ENDED)
    NEEDS_CALL = False
    DORMANT = True

    type: Literal["pause"] = "pause"
    duration: Duration | None = None
    """How long."""
    until: PauseUntil | None = None
    """Until when: `{weekday: mon, at: "09:00"}`, `{at: "09:00"}`, `{date: "2026-12-24", at: "09:00"}`."""
    hold_music: HoldMusic = False
    """What the caller hears meanwhile: `true` for music, or a prompt that is repeated."""

    @model_validator(mode="after")
    def _one_kind(self) -> PauseElement:
        if (self.duration is None) is (self.until is None):
            raise ValueError("either duration or until")
        return self

    def silent_wait(self) -> float:
        return silence(self.hold_music, self.duration)

    def run(self, ctx: Session) -> Run:
        until: Any = ctx.once("until", lambda: self._moment(ctx))
        yield from hold(ctx, "pause", until, self.hold_music)
        return "next"

    def _moment(self, ctx: Session) -> datetime:
        if self.until is None:
            return ctx.wall_time().astimezone(UTC) + timedelta(seconds=min(self.duration or 0.0, LONGEST))
        try:
            return self.until.moment(ctx)
        except ExpressionError as error:
            ctx.note(f"until: {error}")
            return ctx.wall_time()
