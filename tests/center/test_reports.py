from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.center.reports import Step, begin_of, report

BERLIN = ZoneInfo("Europe/Berlin")
SAID: list[dict[str, Any]] = []


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def quarter(start: float, **queues: dict[str, float]) -> dict[str, Any]:
    return {"start": start, "seconds": 900.0, "queues": queues, "agents": {"anna": {"talking_seconds": 60.0}}}


@pytest.mark.parametrize(
    ("step", "begins"),
    [
        ("15m", "2026-03-02T09:45"),
        ("30m", "2026-03-02T09:30"),
        ("hour", "2026-03-02T09:00"),
        ("day", "2026-03-02T00:00"),
        ("month", "2026-03-01T00:00"),
        ("all", "2026-03-02T09:50:10"),
    ],
)
def test_a_moment_belongs_to_a_row(step: Step, begins: str) -> None:
    assert begin_of(at("2026-03-02T09:50:10"), step, BERLIN) == at(begins)


def test_the_hour_that_comes_twice_has_two_rows() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=0).timestamp()
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1).timestamp()
    assert begin_of(second, "hour", BERLIN) - begin_of(first, "hour", BERLIN) == 3600
    assert begin_of(first, "day", BERLIN) == begin_of(second, "day", BERLIN)


def test_quarters_are_added_up_by_row() -> None:
    start = at("2026-03-02T09:00")
    rows = [
        quarter(start - 900, sales={"offered": 100}),
        quarter(start, sales={"offered": 4, "answered": 3, "answered_in_target": 2, "longest_wait_seconds": 30.0}),
        quarter(start + 900, sales={"offered": 2, "answered": 1, "abandoned": 1, "longest_wait_seconds": 20.0}),
        quarter(start + 3600, sales={"offered": 1, "answered": 1, "answered_in_target": 1}, other={"offered": 9}),
        quarter(start + 7200, sales={"offered": 100}),
    ]
    found = report(rows, SAID, ["sales"], ["anna"], start, start + 7200, "hour", BERLIN)
    assert [(row["start"] - start, row["offered"]) for row in found["rows"]] == [(0, 6), (3600, 1)]
    total = found["total"]
    assert (total["offered"], total["answered"], total["longest_wait_seconds"]) == (7, 5, 30.0)
    assert total["service_level"] == 0.5 and total["mean_handle_seconds"] is None
    assert found["agents"][0]["agent"] == "anna" and found["agents"][0]["talking_seconds"] == 180.0
