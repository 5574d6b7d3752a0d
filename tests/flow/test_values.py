"""Types of the fields of elements."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ivr.flow.expressions import Scope, Template
from ivr.flow.values import (
    CallKey,
    DigitsStr,
    Duration,
    DurationTemplate,
    NumberTemplate,
    Speed,
    TextTemplate,
    TimeOfDay,
    Unquoted,
    ValueTemplate,
    VariableName,
)


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind, config=None).validate_python(value)


def error(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(5, 5.0), (0.25, 0.25), ("250ms", 0.25), ("20s", 20.0), ("5m", 300.0), ("48h", 172_800.0), ("1d", 86_400.0)],
)
def test_duration(written: object, seconds: float) -> None:
    assert read(Duration, written) == seconds


@pytest.mark.parametrize(
    "written", ["5 minutes", "", "-5s", -1, True, None, "1:30", "\u0661s", float("nan"), float("inf")]
)
def test_not_a_duration(written: object) -> None:
    assert "not a duration" in error(Duration, written)


@given(st.floats(min_value=0, max_value=1e9), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_durations_are_never_negative(number: float, unit: str) -> None:
    text = f"{number:.6f}{unit}"
    assert read(Duration, text) >= 0


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_an_error(text: str) -> None:
    with contextlib.suppress(ValidationError):
        assert read(Duration, text) >= 0


@pytest.mark.parametrize("written", [10, 0, 1.5, Unquoted("08")])
def test_digits_must_be_quoted(written: object) -> None:
    assert "quote the digits" in error(DigitsStr, written)
    assert "quote the digits" in error(CallKey, written)


def test_digits() -> None:
    assert read(DigitsStr, "+15550100") == "+15550100"
    assert read(CallKey, "#") == "#"
    assert "not a key" in error(CallKey, "12")
    assert "must be text" in error(DigitsStr, True)


@pytest.mark.parametrize("name", ["a", "Balance_2"])
def test_variable_name(name: str) -> None:
    assert read(VariableName, name) == name


@pytest.mark.parametrize("name", ["", "2a", "a-b", "a.b", "_a", "ä"])
def test_not_a_variable_name(name: str) -> None:
    assert "not the name" in error(VariableName, name)


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("9:30", 570), ("23:59", 1439), ("24:00", 1440)])
def test_time_of_day(text: str, minutes: int) -> None:
    found = read(TimeOfDay, text)
    assert found.minutes == minutes
    assert str(found) == text.rjust(5, "0")


@pytest.mark.parametrize("written", [540, Unquoted("09:00"), 9.5])
def test_time_of_day_must_be_quoted(written: object) -> None:
    assert "quote the time" in error(TimeOfDay, written)


@pytest.mark.parametrize("written", ["24:01", "25:00", "12:60", "noon", "", None, True])
def test_not_a_time_of_day(written: object) -> None:
    error(TimeOfDay, written)


def test_speed() -> None:
    assert Speed.model_validate({"calls": 30, "per": "minute"}).calls == 30
    for fields in ({"calls": 0, "per": "minute"}, {"calls": "3", "per": "hour"}, {"calls": 1, "per": "week"}):
        with pytest.raises(ValidationError):
            Speed.model_validate(fields)


class Fields(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: TextTemplate = Template.parse("")
    wait: DurationTemplate = Template.parse(1.0)
    rate: NumberTemplate = Template.parse(1)
    value: ValueTemplate = Template.parse(None)


def test_template_fields() -> None:
    fields = Fields.model_validate({"text": "{{ n }}", "wait": "20s", "rate": "{{ n }}", "value": [1]})
    scope = Scope({"n": 3})
    assert fields.text.render(scope).value == "3"
    assert fields.wait.constant == 20.0
    assert fields.rate.render(scope).value == 3
    assert fields.value.render(scope).value == [1]


@pytest.mark.parametrize(
    ("field", "written", "text"),
    [
        ("text", 12, "quote the digits"),
        ("text", True, "quote the word"),
        ("text", "{{ a", "}} after"),
        ("wait", "soon", "not a duration"),
        ("rate", "x", "not a number"),
    ],
)
def test_template_field_faults(field: str, written: object, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Fields.model_validate({field: written})
