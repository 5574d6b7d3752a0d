"""What a calendar says of a moment: open, closed or a holiday, and when that changes.

Hours are times of day in the calendar's zone; what comes out are moments. A time that a change of the clocks leaves out
counts as the moment of the change; of a time that comes twice, the first opens and the second closes. A range over
midnight belongs to the day it begins on, and ends at midnight when the next day is a holiday.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.settings import Calendar

__all__ = ["Hours", "hours_at", "moment_of"]

SEARCH_DAYS = 2 * 366
"""Days ahead in which the next opening is looked for."""
ALWAYS_OPEN_DAYS = 60
"""Days without a break after which somebody counts as never closing."""

DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar at one moment."""

    status: Literal["open", "closed", "holiday"]
    """What it is."""
    holiday: str = ""
    """Name of the holiday; empty where there is none, or it has none."""
    opens: datetime | None = None
    """When it opens next, in the calendar's zone; None: it is open, or not in the next two years."""
    closes: datetime | None = None
    """When it closes; None: it is closed, or not within two months."""


def hours_at(calendar: Calendar, at: datetime) -> Hours:
    """What a calendar says of a moment (with a time zone)."""
    at = at.astimezone(UTC)
    day = at.astimezone(calendar.zone).date()
    holiday = calendar.holiday(day)
    if holiday is None:
        for start, stop in (*_ranges(calendar, day - timedelta(days=1)), *_ranges(calendar, day)):
            if start <= at < stop:
                return Hours("open", closes=_closing(calendar, day, stop))
    return Hours("closed" if holiday is None else "holiday", holiday or "", _opening(calendar, day, at))


def moment_of(day: date, minutes: int, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment, in UTC, of a time of day in a zone; of a time that comes twice the first, or the last."""
    day += timedelta(days=minutes // DAY)
    local = datetime.combine(day, time(minutes % DAY // 60, minutes % 60), zone)
    return local.replace(fold=int(last)).astimezone(UTC)


def _ranges(calendar: Calendar, day: date) -> Iterator[tuple[datetime, datetime]]:
    """When it is open, of the ranges that begin on a day, as moments."""
    ranges = calendar.week[day.weekday()]
    if not ranges or calendar.holiday(day) is not None:
        return
    for each in ranges:
        stop = each.stop
        if stop > DAY and calendar.holiday(day + timedelta(days=1)) is not None:
            stop = DAY
        start = moment_of(day, each.start, calendar.zone)
        end = moment_of(day, stop, calendar.zone, last=True)
        if start < end:
            yield start, end


def _opening(calendar: Calendar, day: date, at: datetime) -> datetime | None:
    if not any(calendar.week):
        return None
    for ahead in range(SEARCH_DAYS):
        for start, _ in _ranges(calendar, day + timedelta(days=ahead)):
            if start > at:
                return start.astimezone(calendar.zone)
    return None


def _closing(calendar: Calendar, day: date, stop: datetime) -> datetime | None:
    """The end of what is open until `stop`, with the ranges that follow without a gap."""
    for ahead in range(ALWAYS_OPEN_DAYS):
        for start, end in _ranges(calendar, day + timedelta(days=ahead)):
            if start <= stop < end:
                stop = end
        if stop < moment_of(day + timedelta(days=ahead + 1), 0, calendar.zone):
            return stop.astimezone(calendar.zone)
    return None
