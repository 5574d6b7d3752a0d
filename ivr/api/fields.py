"""Fields that bodies of several parts have."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from ivr.units import DURATION_SCHEMA, parse_duration

__all__ = ["Moment", "Said", "Span"]

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def _span(value: object) -> float:
    try:
        return parse_duration(value)
    except TypeError as error:
        raise ValueError(str(error)) from None


Span = Annotated[float, BeforeValidator(_span), WithJsonSchema(DURATION_SCHEMA)]
"""A length of time: seconds, or text like `10m`."""

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that is not empty."""


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return float(value) if _NUMBER.fullmatch(value) else datetime.fromisoformat(value).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ValueError("not a time: seconds since the epoch, or like 2026-03-01T08:00:00+01:00") from None


Moment = Annotated[
    float, BeforeValidator(_moment), Field(ge=0, le=1e11), WithJsonSchema({"type": ["number", "string"]})
]
"""A point in time, as seconds since the epoch; or text as in ISO 8601, without a time zone that of the system."""
