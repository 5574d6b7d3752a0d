"""What a calendar says of a moment, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.calendar import hours_at, moment_of
from ivr.settings import Calendar

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {"mon-thu": ["09:00-12:00", "13:00-17:00"], "fri": "09:00-15:00"}


def calendar(hours: dict[str, Any], zone: str = "Europe/Berlin", **fields: Any) -> Calendar:
    return Calendar.model_validate({"time_zone": zone, "hours": hours, **fields})


def asked(found: Calendar, at: str) -> tuple[str, str | None, str | None]:
    """Status, next opening and closing at a local time."""
    moment = datetime.fromisoformat(at)
    hours = hours_at(found, moment if moment.tzinfo else moment.replace(tzinfo=found.zone))
    return hours.status, *(each and each.strftime("%a %d %H:%M") for each in (hours.opens, hours.closes))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T09:00:00", ("open", None, "Mon 02 12:00")),
        ("2026-03-02T08:59:59", ("closed", "Mon 02 09:00", None)),
        ("2026-03-02T12:00:00", ("closed", "Mon 02 13:00", None)),
        ("2026-03-02T16:59:59", ("open", None, "Mon 02 17:00")),
        ("2026-03-06T15:00:00", ("closed", "Mon 09 09:00", None)),
        ("2026-03-02T08:30:00+00:00", ("open", None, "Mon 02 12:00")),
        ("2026-03-01T23:30:00-10:00", ("open", None, "Mon 02 12:00")),
    ],
)
def test_several_ranges_a_day(at: str, expected: tuple[str, str | None, str | None]) -> None:
    assert asked(calendar(OFFICE), at) == expected


def test_holidays_close_the_whole_day_and_name_themselves() -> None:
    holidays = [{"from": "2026-03-03", "to": "2026-03-04", "name": "Feast"}]
    found = calendar(OFFICE, holidays=holidays)
    hours = hours_at(found, datetime(2026, 3, 3, 0, 0, tzinfo=BERLIN))
    assert (hours.status, hours.holiday) == ("holiday", "Feast")
    assert hours.opens == datetime(2026, 3, 5, 9, 0, tzinfo=BERLIN)
    assert asked(found, "2026-03-04T23:59:59")[0] == "holiday"
    assert asked(found, "2026-03-05T00:00:00")[0] == "closed"


def test_a_range_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    found = calendar({"fri": "22:00-02:00"}, holidays=[{"from": "2026-03-14"}, {"from": "2026-03-20"}])
    assert asked(found, "2026-03-06T23:00:00") == ("open", None, "Sat 07 02:00")
    assert asked(found, "2026-03-07T01:59:00") == ("open", None, "Sat 07 02:00")
    assert asked(found, "2026-03-07T02:00:00") == ("closed", "Fri 13 22:00", None)
    assert asked(found, "2026-03-06T01:00:00")[0] == "closed"
    assert asked(found, "2026-03-13T23:00:00") == ("open", None, "Sat 14 00:00")
    assert asked(found, "2026-03-14T01:00:00") == ("holiday", "Fri 27 22:00", None)
    assert asked(found, "2026-03-21T01:00:00")[0] == "closed"


def test_ranges_without_a_gap_are_one_and_what_never_closes_says_so() -> None:
    assert asked(calendar({"mon-tue": "00:00-24:00"}), "2026-03-02T10:00:00") == ("open", None, "Wed 04 00:00")
    assert asked(calendar({"mon": ["09:00-12:00", "12:00-13:00"]}), "2026-03-02T10:00:00")[2] == "Mon 02 13:00"
    assert asked(calendar({"mon-sun": "00:00-24:00"}), "2026-03-02T10:00:00") == ("open", None, None)
    assert asked(calendar({}), "2026-03-02T10:00:00") == ("closed", None, None)
    always = [{"from": "2020-01-01", "to": "2040-01-01"}]
    assert asked(calendar(OFFICE, holidays=always), "2026-03-02T10:00:00") == ("holiday", None, None)


def test_when_the_clocks_go_forward() -> None:
    found = calendar({"sun": "02:30-05:00"})  # on 2026-03-29 there is no 02:30
    hours = hours_at(found, datetime(2026, 3, 29, 0, 0, tzinfo=UTC))
    assert hours.opens is not None and hours.opens.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert hours_at(found, datetime(2026, 3, 29, 2, 59, tzinfo=UTC)).status == "open"
    assert hours_at(found, datetime(2026, 3, 29, 3, 0, tzinfo=UTC)).status == "closed"


def test_when_the_clocks_go_back() -> None:
    found = calendar({"sun": "01:00-02:30"})  # on 2026-10-25 there are two 02:30
    assert hours_at(found, datetime(2026, 10, 25, 0, 45, tzinfo=UTC)).status == "open"  # the first
    assert hours_at(found, datetime(2026, 10, 25, 1, 29, tzinfo=UTC)).status == "open"
    assert hours_at(found, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)).status == "closed"


def test_a_time_that_comes_twice() -> None:
    first = moment_of(date(2026, 10, 25), 150, BERLIN)
    last = moment_of(date(2026, 10, 25), 150, BERLIN, last=True)
    assert last - first == timedelta(hours=1)


MINUTES = st.integers(0, 24 * 60 - 1)
CLOCK = "{:02}:{:02}".format


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours: dict[str, Any] = {}
    for day in draw(st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))):
        ends = sorted(draw(st.sets(MINUTES, min_size=2, max_size=6)))
        pairs = list(zip(ends[::2], ends[1::2], strict=False))
        hours[day] = [f"{CLOCK(*divmod(a, 60))}-{CLOCK(*divmod(b, 60))}" for a, b in pairs]
        if draw(st.booleans()):
            hours[day] = [f"{CLOCK(*divmod(ends[-1], 60))}-{CLOCK(*divmod(ends[0], 60))}"]
    holidays = [
        {"from": str(day), "to": str(day + timedelta(days=draw(st.integers(0, 3))))}
        for day in draw(st.lists(st.dates(date(2026, 3, 20), date(2026, 4, 10)), max_size=3))
    ]
    return calendar(hours, draw(st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"])), holidays=holidays)


@given(calendars(), st.integers(0, 14 * 24 * 60))
def test_opening_and_closing_are_where_the_answer_changes(found: Calendar, minutes: int) -> None:
    at = datetime(2026, 3, 22, tzinfo=UTC) + timedelta(minutes=minutes, seconds=30)
    hours = hours_at(found, at)
    change = hours.closes if hours.status == "open" else hours.opens
    assert (hours.opens if hours.status == "open" else hours.closes) is None
    if change is None:
        return
    change = change.astimezone(UTC)
    assert change > at
    before = hours_at(found, change - timedelta(seconds=1))
    after = hours_at(found, change)
    assert (before.status == "open") == (hours.status == "open")
    assert (after.status == "open") != (hours.status == "open")
    middle = at + (change - at) / 2
    assert (hours_at(found, middle).status == "open") == (hours.status == "open")
