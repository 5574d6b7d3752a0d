"""When somebody may be called: hours of weekdays, in the time zones that a number may be in.

A number tells where its owner is as far as its prefix does: a landline mostly one zone, a mobile number or a free one
often several, of which nobody knows the right one. Then it must be open in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ivr.flow.calendar import moment_of
from ivr.flow.elements.conditions import Weekdays
from ivr.flow.values import DAY_MINUTES, Clock, TimeOfDay
from ivr.units import WEEKDAYS

__all__ = ["CALLEE", "CallHours", "CallWindow", "callee_zones", "open_in"]

CALLEE = "callee"
"""In place of the name of a zone: that of the one called."""

SEARCH_DAYS = 16
"""Days ahead in which an opening is looked for: every weekday comes twice, in every zone."""

JUDGED = 256
"""Windows, sets of zones and days of which it is remembered whether there is an hour in common: for the many zones of a
mobile number in a large country that takes milliseconds to find out, and a campaign has thousands of them."""

UNKNOWN_ZONE = "Etc/Unknown"
"""What the library says of a number whose zone it does not know."""


def _zone(name: str) -> str:
    if name != CALLEE:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not a time zone: callee, or a name like Europe/Berlin") from None
    return name


class CallWindow(BaseModel):
    """Hours of some weekdays; `to` before `from` runs over midnight and belongs to the day it began on."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    days: Weekdays = tuple(WEEKDAYS)
    """Weekdays: `mon`, `mon-fri`, or a list; all by default."""
    from_: TimeOfDay = Field(default=Clock(0), alias="from")
    """Opens."""
    to: TimeOfDay = Clock(DAY_MINUTES)
    """Closes."""
    time_zone: Annotated[str, AfterValidator(_zone)] = CALLEE
    """`callee`: where the number called is, as far as it tells, else that of the configuration; or an IANA name."""

    @model_validator(mode="after")
    def _is_some_time(self) -> CallWindow:
        if self.from_ == self.to:
            raise ValueError("from and to are the same time")
        return self

    @property
    def minutes(self) -> int:
        """How long it is open, by the clock on the wall."""
        return (self.to.minutes - self.from_.minutes) % DAY_MINUTES or DAY_MINUTES


def callee_zones(target: str) -> tuple[ZoneInfo, ...]:
    """Zones that a number with its country code may be in; empty where it does not tell, or is none."""
    # Loading the tables of numbers takes longer than all else that a flow needs: only where a window asks.
    import phonenumbers
    from phonenumbers.timezone import time_zones_for_number

    number = target.removeprefix("tel:")
    if number.startswith(("sip:", "sips:")):
        number = number.partition(":")[2].partition("@")[0]
    if not number.startswith("+"):
        return ()
    try:
        names: Sequence[str] = time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    zones = []
    for name in names:
        if name != UNKNOWN_ZONE:
            try:
                zones.append(ZoneInfo(name))
            except (ZoneInfoNotFoundError, ValueError):
                return ()  # a zone of which the clock is not known might be any
    return tuple(zones)


def open_in(window: CallWindow, zones: Sequence[tzinfo], at: datetime) -> datetime | None:
    """The first moment, not before `at`, at which a window is open in all of these zones, in UTC; None: in no week."""
    at = at.astimezone(UTC)
    horizon = at + timedelta(days=SEARCH_DAYS)
    while at < horizon:
        later = at
        for zone in zones:
            opens = _opens(window, zone, later)
            if opens is None:
                return None
            later = opens
        if later == at:
            return at
        at = later
    return None


@dataclass(frozen=True, slots=True)
class CallHours:
    """When one number may be called."""

    window: CallWindow | None
    """None: at any time."""
    zones: tuple[tzinfo, ...]
    """In which the window must be open."""
    guessed: bool = False
    """The zones of the number are left out of account: the window is never open in all of them."""

    @classmethod
    def of(cls, window: CallWindow | None, target: str, own: Any, now: datetime) -> CallHours:
        """The hours for a target; `own` is the zone of the configuration, which counts where no other is known."""
        if window is None:
            return cls(None, ())
        if window.time_zone != CALLEE:
            return cls(window, (ZoneInfo(window.time_zone),))
        zones = callee_zones(target)
        if not zones:
            return cls(window, (own,))
        if not _ever_open(window, zones, now.astimezone(UTC).date()):
            return cls(window, (own,), guessed=True)
        return cls(window, zones)

    def opening(self, at: datetime) -> datetime:
        """The first moment, not before `at`, at which the call may go, in UTC."""
        at = at.astimezone(UTC)
        if self.window is None:
            return at
        # A change of the clocks may keep zones apart that met before: then the call goes rather than never.
        return open_in(self.window, self.zones, at) or at


@lru_cache(JUDGED)
def _ever_open(window: CallWindow, zones: tuple[tzinfo, ...], day: date) -> bool:
    """Whether there is a time, from that day on, at which a window is open in all of these zones."""
    return open_in(window, zones, datetime.combine(day, time(), UTC)) is not None


def _opens(window: CallWindow, zone: tzinfo, at: datetime) -> datetime | None:
    day = at.astimezone(zone).date() - timedelta(days=1)
    for ahead in range(SEARCH_DAYS):
        for start, stop in _hours(window, zone, day + timedelta(days=ahead)):
            if at < stop:
                return max(at, start)
    return None


def _hours(window: CallWindow, zone: Any, day: Any) -> Iterator[tuple[datetime, datetime]]:
    """The hours that begin on a day, as moments."""
    if WEEKDAYS[day.weekday()] not in window.days:
        return
    start = moment_of(day, window.from_.minutes, zone)
    stop = moment_of(day, window.from_.minutes + window.minutes, zone, last=True)
    if start < stop:
        yield start, stop
