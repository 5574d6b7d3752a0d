"""Hours in which somebody may be called: zones of numbers, windows over midnight, changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.flow.callhours import CallHours, CallWindow, callee_zones, open_in
from ivr.units import WEEKDAYS

BERLIN, NEW_YORK, LISBON = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Lisbon")


def window(**fields: object) -> CallWindow:
    return CallWindow.model_validate(fields)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def inside(of: CallWindow, zone: ZoneInfo, moment: datetime) -> bool:
    """The same, said in another way: what the clock on the wall shows."""
    local = moment.astimezone(zone)
    minutes = local.hour * 60 + local.minute
    start, stop = of.from_.minutes, of.to.minutes
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if start < stop:
        return today in of.days and start <= minutes < stop
    return (today in of.days and minutes >= start) or (yesterday in of.days and minutes < stop)


OFFICE = window(days="mon-fri", **{"from": "09:00", "to": "17:00"})


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02T12:00:00+01:00", "2026-03-02T12:00:00+01:00"),
        ("2026-03-02T08:59:59+01:00", "2026-03-02T09:00:00+01:00"),
        ("2026-03-02T16:59:59+01:00", "2026-03-02T16:59:59+01:00"),
        ("2026-03-02T17:00:00+01:00", "2026-03-03T09:00:00+01:00"),
        ("2026-03-06T17:00:00+01:00", "2026-03-09T09:00:00+01:00"),
        ("2026-03-28T12:00:00+01:00", "2026-03-30T09:00:00+02:00"),
    ],
)
def test_office_hours(now: str, opens: str) -> None:
    assert open_in(OFFICE, [BERLIN], at(now)) == at(opens)


def test_a_window_over_midnight_belongs_to_the_day_it_began_on() -> None:
    night = window(days=["fri"], **{"from": "22:00", "to": "06:00"})
    assert open_in(night, [BERLIN], at("2026-03-06T12:00:00+01:00")) == at("2026-03-06T22:00:00+01:00")
    assert open_in(night, [BERLIN], at("2026-03-07T05:59:00+01:00")) == at("2026-03-07T05:59:00+01:00")
    assert open_in(night, [BERLIN], at("2026-03-07T06:00:00+01:00")) == at("2026-03-13T22:00:00+01:00")


def test_a_night_in_which_the_clocks_change() -> None:
    night = window(days=["sat"], **{"from": "23:00", "to": "03:30"})
    # 03:00 follows 02:00 on 29 March, so that the night is an hour shorter.
    opens = open_in(night, [BERLIN], at("2026-03-28T23:00:00+01:00"))
    assert opens == at("2026-03-28T23:00:00+01:00")
    assert open_in(night, [BERLIN], at("2026-03-29T03:29:00+02:00")) == at("2026-03-29T03:29:00+02:00")
    assert open_in(night, [BERLIN], at("2026-03-29T03:30:00+02:00")) == at("2026-04-04T23:00:00+02:00")


def test_a_time_that_is_left_out_is_the_moment_of_the_change() -> None:
    early = window(days=["sun"], **{"from": "02:30", "to": "04:00"})
    opens = open_in(early, [BERLIN], at("2026-03-28T12:00:00+01:00"))
    assert opens is not None
    assert opens.astimezone(BERLIN).hour == 3


def test_a_number_with_several_zones_is_called_when_it_is_open_in_all() -> None:
    now = at("2026-03-02T12:00:00+01:00")  # 11:00 in Lisbon, 06:00 in New York
    assert open_in(OFFICE, [BERLIN, LISBON], now) == now
    assert open_in(OFFICE, [BERLIN, NEW_YORK], now) == at("2026-03-02T09:00:00-05:00")
    far = [ZoneInfo("Pacific/Auckland"), BERLIN]
    assert open_in(OFFICE, far, now) is None


@pytest.mark.parametrize(
    ("target", "zones"),
    [
        ("+4930123456", {"Europe/Berlin"}),
        ("tel:+442079460000", {"Europe/London"}),
        ("sip:+14155550100@example.com", {"America/Los_Angeles"}),
        ("030123456", set()),
        ("phone:200", set()),
        ("+15550100", set()),
        ("+999", set()),
        ("sip:anna@example.com", set()),
    ],
)
def test_zones_of_numbers(target: str, zones: set[str]) -> None:
    assert {zone.key for zone in callee_zones(target)} == zones


def test_a_number_may_be_anywhere_in_a_large_country() -> None:
    assert len(callee_zones("+79161234567")) > 5


def test_whose_zone_counts() -> None:
    now = at("2026-03-02T12:00:00+01:00")
    assert CallHours.of(OFFICE, "+442079460000", BERLIN, now).zones == (ZoneInfo("Europe/London"),)
    assert CallHours.of(OFFICE, "100", BERLIN, now).zones == (BERLIN,)
    named = window(days="mon-fri", time_zone="America/New_York", **{"from": "09:00", "to": "17:00"})
    assert CallHours.of(named, "+442079460000", BERLIN, now).zones == (NEW_YORK,)
    assert CallHours.of(None, "+442079460000", BERLIN, now).opening(now) == now
    everywhere = CallHours.of(OFFICE, "+18005550100", BERLIN, now)
    assert everywhere.guessed
    assert everywhere.zones == (BERLIN,)


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "09:00", "to": "09:00"},
        {"days": []},
        {"days": ["noday"]},
        {"time_zone": "Mars/Base"},
        {"until": "1"},
        {"from": 540},
    ],
)
def test_bad_window(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CallWindow.model_validate(fields)


CLOCKS = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")


@settings(max_examples=150, deadline=None)
@given(
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    CLOCKS,
    CLOCKS,
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_it_opens_at_the_first_moment_that_is_inside(
    days: set[str], start: str, stop: str, name: str, now: datetime
) -> None:
    if start == stop:
        return
    zone, now = ZoneInfo(name), now.replace(second=0, microsecond=0)
    hours = window(days=sorted(days), **{"from": start, "to": stop})
    opens = open_in(hours, [zone], now)
    assert opens is not None
    assert now <= opens <= now + timedelta(days=15)
    offsets = {(opens + timedelta(hours=ahead)).astimezone(zone).utcoffset() for ahead in (-3, 0, 3)}
    if len(offsets) == 1:  # times that come twice, or not at all, are a matter of choice
        assert inside(hours, zone, opens)
    for minutes in range(0, int((opens - now).total_seconds() // 60), 37):
        before = now + timedelta(minutes=minutes)
        near = {(before + timedelta(hours=ahead)).astimezone(zone).utcoffset() for ahead in (-3, 0, 3)}
        assert len(near) > 1 or not inside(hours, zone, before)
