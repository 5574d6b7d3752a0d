"""Fields that bodies of several parts have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from ivr.units import DURATION_SCHEMA, parse_duration

__all__ = ["Said", "Span"]


def _span(value: object) -> float:
    try:
        return parse_duration(value)
    except TypeError as error:
        raise ValueError(str(error)) from None


Span = Annotated[float, BeforeValidator(_span), WithJsonSchema(DURATION_SCHEMA)]
"""A length of time: seconds, or text like `10m`."""

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that is not empty."""
