"""Calendars: hours of the week in a time zone, and holidays.

calendars:
  office:
    time_zone: Europe/Berlin
    hours: {mon-thu: ["09:00-12:00", "13:00-17:00"], fri: "09:00-15:00"}
    holidays: [{from: "2026-12-24", to: "2027-01-01", name: Christmas}]
    country: DE
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, model_validator

from ivr.settings.values import Section
from ivr.settings.zones import ZoneName
from ivr.units import parse_weekdays

if TYPE_CHECKING:
    from holidays import HolidayBase

__all__ = ["Calendar", "Holiday", "OpenRange"]

DAY = 24 * 60
MAX_RANGES = 10
"""Ranges of one day."""
MAX_HOLIDAYS = 1000
"""Of one calendar."""
LEAP_YEAR = 2000
"""Holidays of every year are compared in a year that has all days."""

RANGE_FORMS = '"09:00-17:00"; several as a list; over midnight "22:00-02:00"'

_RANGE = re.compile(r"\s*([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class OpenRange:
    """Open from one time of day to another."""

    start: int
    """Minutes since midnight."""
    stop: int
    """Minutes since that midnight; more than 1440 where it runs over the next one."""

    def __str__(self) -> str:
        start, stop = self.start, self.stop if self.stop <= DAY else self.stop - DAY
        return f"{start // 60:02}:{start % 60:02}-{stop // 60:02}:{stop % 60:02}"


def _open_range(value: object) -> OpenRange:
    if isinstance(value, OpenRange):
        return value
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not hours: {RANGE_FORMS}")
    start, stop = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start >= DAY or stop > DAY or start == stop:
        raise ValueError(f"not hours: {RANGE_FORMS}")
    return OpenRange(start, stop if stop > start else stop + DAY)


def _ranges(value: object) -> tuple[OpenRange, ...]:
    found = sorted(
        map(_open_range, value if isinstance(value, (list, tuple)) else [value]), key=lambda each: each.start
    )
    if len(found) > MAX_RANGES:
        raise ValueError(f"too many hours in one day: at most {MAX_RANGES}")
    for before, after in itertools.pairwise(found):
        if before.stop > after.start:
            raise ValueError(f"the hours {before} and {after} overlap")
    return tuple(found)


def _weekdays(text: object) -> str:
    if len(parse_weekdays(text)) < len(str(text).split(",")):
        raise ValueError("a weekday stands twice")
    return str(text)


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    elif isinstance(value, date):
        return value
    raise ValueError('not a date: "2026-12-24"')


Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


class Holiday(Section):
    """Closed from the start of one day to the end of another."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[Date, Field(alias="from")]
    """First day."""
    to: Date | None = None
    """Last day; default: the first one."""
    name: str = ""
    """For `result.holiday`."""
    every_year: bool = False
    """On the same days of every year."""

    @model_validator(mode="after")
    def _in_order(self) -> Holiday:
        if self.to is not None and self.to < self.from_:
            raise ValueError("to is before from")
        if self.every_year and self.to is not None and (self.to - self.from_).days > 364:
            raise ValueError("a holiday of every year cannot last a whole year")
        return self

    def holds(self, day: date) -> bool:
        """Whether a day is one of its days."""
        last = self.to or self.from_
        if not self.every_year:
            return self.from_ <= day <= last
        start, stop, at = _in_year(self.from_), _in_year(last), _in_year(day)
        return start <= at <= stop if start <= stop else at >= start or at <= stop


def _in_year(day: date) -> date:
    return day.replace(year=LEAP_YEAR)


class Calendar(Section):
    """When somebody is there: hours of each weekday, and holidays."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    time_zone: ZoneName
    """IANA name, like Europe/Berlin."""
    hours: dict[
        Annotated[str, BeforeValidator(_weekdays)],
        Annotated[tuple[OpenRange, ...], BeforeValidator(_ranges, json_schema_input_type=str | list[str])],
    ] = Field(default_factory=dict)
    """Weekdays (`mon`, `mon-fri`, `mon,wed`) to hours (`"09:00-17:00"`, or a list); days not named are closed."""
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=MAX_HOLIDAYS)] = ()
    """Days on which nobody is there whatever the hours say."""
    country: str | None = None
    """Public holidays of this country (ISO 3166, like DE) are holidays too."""
    region: str | None = None
    """Part of the country (like BY), for those that it has of its own."""
    language: str | None = None
    """Of the names of public holidays; default: that of the country."""

    _public: HolidayBase | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _whole(self) -> Calendar:
        days = [day for key in self.hours for day in parse_weekdays(key)]
        if len(set(days)) != len(days):
            raise ValueError("a weekday stands twice in hours")
        if self.country is None and (self.region is not None or self.language is not None):
            raise ValueError("region and language need a country")
        if self.country is not None:
            self._public = _public_holidays(self.country, self.region, self.language)
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def week(self) -> tuple[tuple[OpenRange, ...], ...]:
        """Hours of each weekday, Monday first."""
        found: list[tuple[OpenRange, ...]] = [()] * 7
        for key, ranges in self.hours.items():
            for day in parse_weekdays(key):
                found[day] = ranges
        return tuple(found)

    def holiday(self, day: date) -> str | None:
        """Name of the holiday that a day is; None: it is none."""
        for holiday in self.holidays:
            if holiday.holds(day):
                return holiday.name
        if self._public is not None:
            name: Any = self._public.get(day)
            return None if name is None else str(name)
        return None


def _public_holidays(country: str, region: str | None, language: str | None) -> HolidayBase:
    """The library's calendar of a country. It is imported here, when the configuration is loaded: that takes half a
    second, which no call may wait for. Days of a year are worked out at the first question about it (0.2 ms)."""
    from holidays import country_holidays

    try:
        found = country_holidays(country, subdiv=region)
        spoken = language or found.default_language
        if spoken is not None:
            if spoken not in found.supported_languages:
                known = ", ".join(found.supported_languages)
                raise ValueError(f"the public holidays of {country} have no names in {spoken}: {known}")
            found = country_holidays(country, subdiv=region, language=spoken)
    except NotImplementedError:
        what = f"{country} {region}" if region is not None else country
        raise ValueError(f"the public holidays of {what} are not known: a code like DE, region BY") from None
    return found
