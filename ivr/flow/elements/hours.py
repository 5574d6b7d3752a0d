"""hours: ask a calendar whether somebody is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from ivr.flow.calendar import Hours, hours_at
from ivr.flow.elements.base import BranchSpec, Element, element
from ivr.flow.elements.conditions import moment
from ivr.flow.expressions import ExpressionError
from ivr.flow.values import TextTemplate, ValueTemplate
from ivr.settings import Calendar

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["HoursElement"]


@element("hours")
class HoursElement(Element):
    """Goes by the hours and holidays of a calendar of the configuration. Results: `status` (open, closed, holiday),
    `holiday` (its name), `opens` (next opening) and `closes`, as dates in the calendar's zone, null where not known. A
    calendar that does not exist is closed, with a note in the log."""

    BRANCHES = (
        BranchSpec("open", "It is open.", success=True),
        BranchSpec("closed", "It is closed."),
        BranchSpec("holiday", "It is a holiday.", "closed"),
    )
    NEEDS_CALL = False
    RESULTS = ("status", "holiday", "opens", "closes")
    TARGETS: ClassVar[Mapping[str, str]] = {"calendar": "calendars"}

    type: Literal["hours"] = "hours"
    calendar: TextTemplate
    """Name of the calendar."""
    at: ValueTemplate | None = None
    """Date and time asked about; default: now."""

    def run(self, ctx: Session) -> str:
        name, _ = ctx.text(self.calendar, "calendar")
        calendar = ctx.calendars.get(name.strip())
        if calendar is None:
            ctx.note("calendar: there is no such calendar", "error")
            ctx.set_result({"status": "closed", "holiday": "", "opens": None, "closes": None})
            return "closed"
        hours = self._asked(ctx, calendar) or hours_at(calendar, ctx.wall_time())
        ctx.details["hours"] = hours.status
        ctx.set_result({"status": hours.status, "holiday": hours.holiday, "opens": hours.opens, "closes": hours.closes})
        return hours.status

    def _asked(self, ctx: Session, calendar: Calendar) -> Hours | None:
        """What the calendar says of the time asked about; None where it is now, or no time."""
        if self.at is None:
            return None
        try:
            return hours_at(calendar, moment(self.at.render(ctx).value, ctx.wall_time().astimezone(calendar.zone)))
        except (ExpressionError, OverflowError) as error:
            ctx.note(f"at: {error}")
            return None
