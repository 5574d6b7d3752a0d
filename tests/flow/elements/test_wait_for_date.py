"""wait_for_date: before, on and after a date, every year."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.wait_for_date import WaitForDateElement
from tests.kit.flow import Talk
from tests.kit.life import Life


def wait(fields: str, wall: str = "2026-03-02T10:00:00+01:00", branches: str = "") -> tuple[str | None, str]:
    """The branch, and when it is taken."""
    life = Life(
        f"""
variables: {{nothing: null}}
elements:
  start: {{type: start_from_audience, next: wait}}
  wait: {{type: wait_for_date, time_zone: Europe/Berlin, {fields}, next: done, branches: {{{branches}}}}}
  done: {{type: set_variable, variables: {{date: "{{{{ result.date }}}}", status: "{{{{ result.status }}}}"}}}}
""",
        wall=wall,
    ).run()
    if life.path[-1] == "done":
        assert life.variables["status"] == life.branches[1]
    return life.branches[1], life.wall.isoformat()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('date: "2026-03-05"', "2026-03-05T00:00:00+01:00"),
        ('date: "2026-03-05", at: "18:00"', "2026-03-05T18:00:00+01:00"),
        ('date: "2026-03-05T17:30", at: "18:00"', "2026-03-05T17:30:00+01:00"),
        ('date: "2026-03-05", at: "18:00", before: 1d', "2026-03-04T18:00:00+01:00"),
        ('date: "2026-03-05", at: "18:00", after: 90m', "2026-03-05T19:30:00+01:00"),
        ('date: "2026-03-01", after: 2d', "2026-03-03T00:00:00+01:00"),
        # Across a change of the clocks (29 March) a day is a day, and an hour an hour.
        ('date: "2026-03-30", at: "09:00", before: 1d', "2026-03-29T08:00:00+01:00"),
        ('date: "2026-03-29", at: "04:00", before: 2h', "2026-03-29T01:00:00+01:00"),
        ('date: "1990-04-11", every_year: true', "2026-04-10T23:00:00+01:00"),
        ('date: "1990-03-02", at: "09:00", every_year: true', "2027-03-02T09:00:00+01:00"),
        ('date: "1990-03-02", at: "11:00", every_year: true', "2026-03-02T11:00:00+01:00"),
        ('date: "2030-03-10", before: 7d, every_year: true', "2026-03-03T00:00:00+01:00"),
        ('date: "2030-01-01", before: 7d, every_year: true', "2026-12-25T00:00:00+01:00"),
        ('date: "2000-02-29", every_year: true', "2027-02-28T00:00:00+01:00"),
    ],
)
def test_the_moment_comes(fields: str, expected: str) -> None:
    assert wait(fields) == ("reached", expected)


@pytest.mark.parametrize(
    ("fields", "branch"),
    [
        ('date: "2026-03-02"', "past"),
        ('date: "2026-03-03", before: 2d', "past"),
        ('date: "2026-03-02T10:00"', "past"),
        ("date: soon", "no_date"),
        ('date: "{{ nothing }}"', "no_date"),
        ('date: "{{ 1 / 0 }}"', "no_date"),
        ("date: soon, every_year: true", "no_date"),
        ('date: "0001-01-01"', "no_date"),
        ('date: "0001-01-02", before: 900d', "no_date"),
        ('date: "9999-12-31", after: 9000d', "no_date"),
    ],
)
def test_there_is_nothing_to_wait_for(fields: str, branch: str) -> None:
    assert wait(fields) == (branch, "2026-03-02T10:00:00+01:00")


def test_no_date_falls_back_to_past() -> None:
    life = Life(
        """
elements:
  start: {type: start_from_audience, next: wait}
  wait: {type: wait_for_date, date: soon, branches: {past: late}}
  late: {type: tag, tags: late}
"""
    ).run()
    assert life.path == ["start", "wait", "late"]
    assert life.notes == ["date: a text that is no date stands where a date is needed"]


def test_it_waits_no_longer_than_asked() -> None:
    timeout = 'date: "2026-03-05", timeout: 1d'
    assert wait(timeout, branches="timeout: done") == ("timeout", "2026-03-03T10:00:00+01:00")
    assert wait('date: "2026-03-03", timeout: 10d') == ("reached", "2026-03-03T00:00:00+01:00")


def test_with_a_caller() -> None:
    flow = """
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: wait}}
  wait: {{type: wait_for_date, date: "2026-03-02T12:01:00+00:00", {fields}next: bye}}
  bye: {{type: hang_up}}
"""
    assert Talk(flow.format(fields="hold_music: true, ")).start().finish().elapsed == 60.0
    assert Talk(flow.format(fields="")).start().finish().elapsed == 10.0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"date": "x", "before": "1d", "after": "1d"},
        {"date": "x", "every_year": True, "before": "400d"},
        {"date": "x", "branches": {"timeout": "a"}, "unknown": 1},
    ],
)
def test_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WaitForDateElement.model_validate({"type": "wait_for_date", **fields})


def test_branches_are_those_that_can_be_taken() -> None:
    def names(**fields: Any) -> list[str]:
        found = WaitForDateElement.model_validate({"type": "wait_for_date", "date": "x", **fields})
        return [spec.name for spec in found.branch_specs() if not spec.call_over]

    assert names() == ["reached", "past", "no_date"]
    assert names(timeout="1d") == ["reached", "past", "no_date", "timeout"]
    assert names(every_year=True) == ["reached", "no_date"]
