from __future__ import annotations

import json
from typing import Any

import pytest

from ivr.dialer import read_options
from ivr.flow.ports import Speed


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"speed": "30/minute"},
        {"speed": {"calls": 5, "per": "day"}, "line": "pbx", "caller_id": "+49301"},
        {"window": "mon-fri 09:00-17:00 Europe/Berlin"},
        {"window": "22:00-06:00"},
        {"window": {"days": ["sat"], "from": "09:00", "to": "24:00"}},
        {"from": "2026-03-02T09:00:00+01:00", "until": 1_800_000_000},
    ],
)
def test_options_are_kept_as_json(given: Any) -> None:
    options = read_options(given)
    assert read_options(json.loads(json.dumps(options.kept()))) == options


def test_what_they_mean() -> None:
    options = read_options(
        {"speed": " 30 / hour ", "window": "sat,sun 10:00-12:00", "from": "1970-01-01T01:00:00+01:00"}
    )
    assert options.pace == Speed(30, "hour")
    assert options.window is not None
    assert (options.window.days, str(options.window.from_), options.window.time_zone) == (
        ("sat", "sun"),
        "10:00",
        "callee",
    )
    assert options.from_ == 0.0
    assert read_options({}).pace is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"speed": "30/second"}, "speed: expected calls and a period"),
        ({"speed": {"calls": 0, "per": "day"}}, "speed.calls"),
        ({"window": "always"}, "window: expected days, times"),
        ({"window": "09:00-17:00 Europe/Atlantis"}, "window.time_zone: not a time zone"),
        ({"from": "tomorrow"}, "from: expected a date and a time with a time zone"),
        ({"until": "2026-03-02T09:00"}, "until: a time zone is missing"),
        ({"from": 20, "until": 10}, "until is not after from"),
        ({"line": ""}, "line"),
        ({"caller_id": "x\r\nFoo: y"}, "caller_id: expected a number or name"),
        ({"colour": 1}, "colour"),
        ([], "valid dictionary"),
    ],
)
def test_what_is_no_option(given: Any, message: str) -> None:
    from ivr.dialer.rules.options import OptionsError

    with pytest.raises(OptionsError, match=message):
        read_options(given)
