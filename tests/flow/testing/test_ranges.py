"""Ranges of time as cases write them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict

from ivr.flow.testing.ranges import AtMost, Range, parse_range, seconds_text


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("12s", (12.0, 12.04, 11.96), (12.1, 11.9)),
        (12, (12.0,), (12.2,)),
        ("< 30s", (0.0, 29.999), (30.0, 31.0)),
        ("<= 30s", (0.0, 30.0), (30.001,)),
        ("> 5s", (5.001, 1e6), (5.0, 0.0)),
        (">= 5s", (5.0,), (4.99,)),
        ("12s ± 1s", (11.0, 13.0), (10.9, 13.1)),
        ("12s +- 1s", (11.0, 13.0), (10.9, 13.1)),
        ("12s ±500ms", (11.5, 12.5), (11.4, 12.6)),
        ("10s to 1m", (10.0, 60.0), (9.9, 60.1)),
    ],
)
def test_ranges(written: object, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    found = parse_range(written)
    assert all(found.holds(seconds) for seconds in inside)
    assert not any(found.holds(seconds) for seconds in outside)


@pytest.mark.parametrize("written", ["", "soon", "< soon", "20s to 10s", "12s ± x", -1, None, [1], "1s to", "±1s"])
def test_what_is_no_range(written: object) -> None:
    with pytest.raises(ValueError, match="not a range of time: a duration"):
        parse_range(written)


def test_an_upper_bound() -> None:
    class Limits(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        most: Annotated[Range, AtMost]

    assert Limits.model_validate({"most": "2s"}).most.holds(0.0)
    assert not Limits.model_validate({"most": "2s"}).most.holds(2.1)
    assert Limits.model_validate({"most": "> 2s"}).most.holds(2.1)
    assert str(Limits.model_validate({"most": 2}).most) == "<= 2 s"


def test_text() -> None:
    assert [seconds_text(seconds) for seconds in (0, 0.25, 9.99949, 12.345)] == ["0 s", "0.25 s", "9.999 s", "12.3 s"]
    assert str(parse_range("12s")) == "12 s"
    assert str(parse_range(" < 30s ")) == "< 30s"
