"""Calendars of the configuration: hours, holidays, public holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from ivr.errors import ConfigError
from ivr.settings import Calendar, Settings

Make = Callable[[str], Settings]


def calendar(make_settings: Make, fields: str) -> Calendar:
    return make_settings(f"calendars:\n  office: {{time_zone: Europe/Berlin, {fields}}}").calendars["office"]


def week(found: Calendar) -> list[list[str]]:
    return [[str(each) for each in day] for day in found.week]


def test_hours_of_the_week(make_settings: Make) -> None:
    found = calendar(
        make_settings, 'hours: {mon-thu: ["13:00-17:00", 09:00-12:00], "fri,sun": "22:00-2:00", sat: "00:00-24:00"}'
    )
    assert week(found) == [["09:00-12:00", "13:00-17:00"]] * 4 + [["22:00-02:00"], ["00:00-24:00"], ["22:00-02:00"]]


def test_days_run_over_the_end_of_the_week_and_days_not_named_are_closed(make_settings: Make) -> None:
    assert week(calendar(make_settings, "hours: {sat-mon: 10:00-11:00}")) == [
        ["10:00-11:00"], [], [], [], [], ["10:00-11:00"], ["10:00-11:00"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ('hours: {mon: "9-17"}', "not hours"),
        ('hours: {mon: "09:00-09:00"}', "not hours"),
        ('hours: {mon: "24:00-09:00"}', "not hours"),
        ('hours: {mon: ["09:00-12:00", "11:00-13:00"]}', "overlap"),
        ('hours: {mon: ["22:00-02:00", "23:00-24:00"]}', "overlap"),
        ('hours: {monday: "09:00-12:00"}', "not weekdays"),
        ('hours: {mon-: "09:00-12:00"}', "not weekdays"),
        ('hours: {"mon,mon": "09:00-12:00"}', "stands twice"),
        ('hours: {mon-wed: "09:00-12:00", tue: "09:00-12:00"}', "stands twice"),
        ('holidays: [{from: "2026-02-30"}]', "not a date"),
        ('holidays: [{from: "2026-02-20", to: "2026-02-19"}]', "to is before from"),
        ('holidays: [{from: "2026-01-01", to: "2026-12-31", every_year: true}]', None),
        ('holidays: [{from: "2026-01-01", to: "2027-01-01", every_year: true}]', "whole year"),
        ("country: XX", "not known"),
        ("country: DE, region: XX", "not known"),
        ("country: DE, language: tlh", "no names in tlh"),
        ("region: BY", "need a country"),
        ("colour: red", "unknown key"),
        ('hours: {mon: ["00:00-00:01", "00:02-00:03", "00:04-00:05", "00:06-00:07", "00:08-00:09", "00:10-00:11", '
         '"00:12-00:13", "00:14-00:15", "00:16-00:17", "00:18-00:19", "00:20-00:21"]}', "too many"),
    ],
)  # fmt: skip
def test_faults_name_their_line(make_settings: Make, fields: str, text: str | None) -> None:
    if text is None:
        calendar(make_settings, fields)
        return
    with pytest.raises(ConfigError) as caught:
        calendar(make_settings, fields)
    fault = caught.value.faults[0]
    assert text in fault.text
    assert fault.line == 2
    assert (fault.field or "").startswith("calendars.office")


def test_a_time_zone_is_needed_and_must_exist(make_settings: Make) -> None:
    for fields in ("{hours: {}}", "{time_zone: Mars/Olympus}"):
        with pytest.raises(ConfigError):
            make_settings(f"calendars: {{office: {fields}}}")


def test_holidays_count_from_their_first_to_their_last_day(make_settings: Make) -> None:
    found = calendar(
        make_settings,
        'holidays: [{from: "2026-12-24", to: "2026-12-26", name: Christmas}, {from: 2026-05-01},'
        ' {from: "2020-12-30", to: "2021-01-02", name: Turn, every_year: true},'
        ' {from: "2020-02-29", name: Leap, every_year: true}]',
    )
    named = {day: found.holiday(date.fromisoformat(day)) for day in (
        "2026-12-23", "2026-12-24", "2026-12-26", "2026-12-27", "2026-05-01", "2027-05-01",
        "2031-12-30", "2032-01-02", "2032-01-03", "2028-02-29", "2027-02-28",
    )}  # fmt: skip
    assert named == {
        "2026-12-23": None, "2026-12-24": "Christmas", "2026-12-26": "Christmas", "2026-12-27": None, "2026-05-01": "",
        "2027-05-01": None, "2031-12-30": "Turn", "2032-01-02": "Turn", "2032-01-03": None, "2028-02-29": "Leap",
        "2027-02-28": None,
    }  # fmt: skip


def test_public_holidays_are_those_of_country_and_region_in_its_language(make_settings: Make) -> None:
    found = calendar(make_settings, "country: DE, region: BY")
    assert found.holiday(date(2026, 4, 3)) == "Karfreitag"
    assert found.holiday(date(2026, 1, 6)) == "Heilige Drei Könige"
    assert found.holiday(date(2026, 4, 2)) is None
    assert calendar(make_settings, "country: DE").holiday(date(2026, 1, 6)) is None
    assert calendar(make_settings, "country: DE, language: en_US").holiday(date(2026, 4, 3)) == "Good Friday"
