"""wait_for_date: wait until a date, or a time before or after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.holding import HoldMusic, hold, moment_on, silence, zone_of
from ivr.flow.expressions import ExpressionError
from ivr.flow.values import Duration, TimeOfDay, ValueTemplate
from ivr.settings import ZoneName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["WaitForDateElement"]

NO_DATE = "no_date"
YEAR = 366 * 86400.0


@element("wait_for_date")
class WaitForDateElement(Element):
    """Waits for a date that a value holds, or so long `before` or `after` it; with `every_year` for its next
    anniversary. While a caller is there, more than 10 s only with `hold_music`; without a caller the flow is kept in
    the store meanwhile. Results: `status`, `date` (the moment waited for)."""

    BRANCHES = (
        BranchSpec("reached", "The moment has come.", success=True),
        BranchSpec("past", "It was over when the element began."),
        BranchSpec(NO_DATE, "The value is no date.", "past"),
        BranchSpec("timeout", "The moment is further away than `timeout`, which is over."),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    DORMANT = True
    RESULTS = ("status", "date")

    type: Literal["wait_for_date"] = "wait_for_date"
    date: ValueTemplate
    """A date, with or without a time of day: `"{{ profile.appointment }}"`."""
    at: TimeOfDay | None = None
    """Time of day, where the date has none; default: midnight."""
    before: Duration | None = None
    """So long before it; days are those of the calendar."""
    after: Duration | None = None
    """So long after it."""
    every_year: bool = False
    """The next time that this day of the year comes; 29 February is the 28th where there is none."""
    timeout: Duration | None = None
    """Wait no longer than that."""
    time_zone: ZoneName | None = None
    """Zone of a date that has none; default: that of the call."""
    hold_music: HoldMusic = False
    """What the caller hears meanwhile: `true` for music, or a prompt that is repeated."""

    @model_validator(mode="after")
    def _one_side(self) -> WaitForDateElement:
        if self.before is not None and self.after is not None:
            raise ValueError("either before or after")
        if self.every_year and max(self.before or 0.0, self.after or 0.0) > YEAR:
            raise ValueError("before and after are at most 366d with every_year")
        return self

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        left_out = {"timeout"} if self.timeout is None else set()
        if self.every_year:
            left_out.add("past")
        return tuple(
            BranchSpec(NO_DATE, spec.text) if spec.name == NO_DATE and self.every_year else spec
            for spec in self.BRANCHES
            if spec.name not in left_out
        )

    def silent_wait(self) -> float:
        return silence(self.hold_music, self.timeout)

    def run(self, ctx: Session) -> Run:
        try:
            wanted: Any = ctx.once("date", lambda: self._moment(ctx))
        except ExpressionError as error:
            ctx.note(f"date: {error}")
            return self._result(ctx, NO_DATE, None)
        if not ctx.once("ahead", lambda: wanted > ctx.wall_time().astimezone(UTC)):
            return self._result(ctx, "past", wanted)
        until: Any = ctx.once("until", lambda: self._until(ctx, wanted))
        yield from hold(ctx, "wait_for_date", until, self.hold_music)
        return self._result(ctx, "reached" if ctx.wall_time().astimezone(UTC) >= wanted else "timeout", wanted)

    def _result(self, ctx: Session, status: str, wanted: datetime | None) -> str:
        if status == "timeout" and self.timeout is None:
            status = "reached"
        ctx.set_result({"status": status, "date": wanted})
        return status

    def _until(self, ctx: Session, wanted: datetime) -> datetime:
        if self.timeout is None:
            return wanted
        try:
            return min(wanted, ctx.wall_time().astimezone(UTC) + timedelta(seconds=self.timeout))
        except OverflowError:
            return wanted

    def _moment(self, ctx: Session) -> datetime:
        zone = zone_of(ctx, self.time_zone)
        value = self.date.render(ctx).value
        ago = self.before if self.before is not None else -(self.after or 0.0)
        if not self.every_year:
            return moment_on(value, self.at, zone, ago)
        day = moment_on(value, self.at, zone)
        now = ctx.wall_time().astimezone(UTC)
        for year in range(now.year - 2, now.year + 4):
            found = moment_on(_in_year(day, year), None, zone, ago)
            if found > now:
                return found
        raise ExpressionError("no such day comes")


def _in_year(day: datetime, year: int) -> datetime:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
