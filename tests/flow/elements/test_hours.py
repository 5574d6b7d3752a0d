"""hours: the way by a calendar."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.settings import Calendar
from tests.kit.life import Life

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar.model_validate(
    {
        "time_zone": "Europe/Berlin",
        "hours": {"mon-fri": "09:00-17:00"},
        "holidays": [{"from": "2026-03-03", "name": "Feast"}],
    }
)


def ask(fields: str = "calendar: office", at: str = "2026-03-02T10:00:00+01:00") -> Life:
    return Life(
        f"""
variables: {{which: office, due: "2026-03-03"}}
elements:
  start: {{type: start_from_audience, next: hours}}
  hours: {{type: hours, {fields}, branches: {{open: open, closed: closed}}}}
  open: {{type: set_variable, variables: {{found: "{{{{ result }}}}"}}}}
  closed: {{type: set_variable, variables: {{found: "{{{{ result }}}}"}}}}
""",
        calendars={"office": OFFICE},
        wall=at,
    ).run()


def result(life: Life) -> dict[str, Any]:
    return dict(life.variables["found"])


def test_open() -> None:
    life = ask()
    assert life.path == ["start", "hours", "open"]
    assert result(life) == {
        "status": "open", "holiday": "", "opens": None, "closes": datetime(2026, 3, 2, 17, tzinfo=BERLIN),
    }  # fmt: skip
    assert life.machine.steps[1].details == {"hours": "open"}


def test_closed_says_when_it_opens() -> None:
    life = ask(at="2026-03-02T17:00:00+01:00")
    assert life.branches[1] == "closed"
    assert result(life)["opens"] == datetime(2026, 3, 4, 9, tzinfo=BERLIN)


def test_a_holiday_falls_back_to_closed_and_has_its_name() -> None:
    life = ask(at="2026-03-03T10:00:00+01:00")
    assert life.path == ["start", "hours", "closed"]
    assert life.branches[1] == "holiday"
    assert result(life)["holiday"] == "Feast"


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ('"{{ due }}"', "holiday"),
        ('"2026-03-04T08:59"', "closed"),
        ('"2026-03-04T08:30+00:00"', "open"),
    ],
)
def test_another_time_may_be_asked_about(at: str, status: str) -> None:
    assert result(ask(f"calendar: '{{{{ which }}}}', at: {at}"))["status"] == status


def test_what_cannot_be_worked_out_is_noted() -> None:
    life = ask("calendar: office, at: soon")
    assert result(life)["status"] == "open"
    assert life.notes == ["at: a text that is no date stands where a date is needed"]
    for extreme in ("0001-01-01", "9999-12-31"):
        assert ask(f'calendar: office, at: "{extreme}"').machine.fault is None
    life = ask("calendar: other")
    assert result(life) == {"status": "closed", "holiday": "", "opens": None, "closes": None}
    assert life.notes == ["calendar: there is no such calendar"]
