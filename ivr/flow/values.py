"""Types of the fields of elements: durations, digits, times of day, speeds, and fields that hold `{{ }}`.

Each reads what YAML made of the text and refuses what YAML bent on the way (`010` is 8 there, `17:00` is 1020). The
texts of the ValueErrors are what `ivr check` prints: a sentence, then `: ` and what is expected, where that helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ivr.errors import IvrError
from ivr.flow.expressions import Template, text_of
from ivr.units import DURATION_SCHEMA, parse_duration

__all__ = [
    "CallKey",
    "Clock",
    "DigitsStr",
    "Duration",
    "DurationTemplate",
    "NumberTemplate",
    "SentenceError",
    "SipHeaderName",
    "Speed",
    "TextTemplate",
    "TimeOfDay",
    "Unquoted",
    "ValueTemplate",
    "VariableName",
    "plain_number",
    "quoted",
    "template_type",
    "text_of_digits",
]

QUOTE_DIGITS = "quote the digits: text in quotes, since YAML takes zeros and signs away from numbers"
QUOTE_TIME = 'quote the time: text in quotes, as "09:00", since YAML may read a number without them'
DAY_MINUTES = 24 * 60


class SentenceError(ValueError):
    """What is wrong with a value in one sentence, which may hold anything, `: ` too."""


class Unquoted(str):
    """A text of digits or a time of day that YAML happened to leave alone (`08`, `09:00`), though it has no quotes.

    Whether an unquoted number survives depends on its digits: all are refused where digits or a time are meant.
    """

    __slots__ = ()


# Digits and names


def text_of_digits(value: object) -> str:
    """A text that may consist of digits: a number, a SIP user; ValueError where the quotes are missing."""
    if isinstance(value, Unquoted) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        raise ValueError(QUOTE_DIGITS)
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    return str(value)


def quoted(value: object) -> str:
    """Any text; ValueError where YAML made something else of it."""
    if isinstance(value, bool):
        raise ValueError('quote the word: "yes", unquoted it means true or false')
    if isinstance(value, (int, float)):
        raise ValueError(QUOTE_DIGITS)
    if not isinstance(value, str):
        raise ValueError("must be text")
    return str(value)


_SEPARATORS = str.maketrans("", "", " -./()\t")


def plain_number(number: str) -> str:
    """A telephone number without the signs that people group it with, and without the zero in brackets that callers
    within the country dial: `+49 (0)30 1234` is +49301234; anything else as it is."""
    plain = number.translate(_SEPARATORS)
    if "(0)" in number and plain.startswith(("+", "00")):
        plain = number.replace("(0)", "", 1).translate(_SEPARATORS)
    return plain if plain.removeprefix("+").isdecimal() else number


_KEY = re.compile(r"[0-9*#A-D]", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


def _call_key(value: object) -> str:
    text = text_of_digits(value)
    if not _KEY.fullmatch(text):
        raise ValueError("not a key of a telephone: one of 0-9, *, #, A-D, in quotes")
    return text


def _variable(value: object) -> str:
    text = quoted(value)
    if not VARIABLE.fullmatch(text):
        raise ValueError("not the name of a variable: letters, digits and _, a letter first")
    return text


_SIP_HEADER = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}", re.ASCII)
_SIP_OWN = frozenset(
    ("via", "from", "to", "call-id", "cseq", "contact", "content-length", "max-forwards", "route", "record-route")
) | frozenset("vftiml")
"""What a call says of itself, by long and short names: it is sent once, by the stack."""


def _sip_header(name: str) -> str:
    if _SIP_HEADER.fullmatch(name) is None:
        raise ValueError("not the name of a SIP header")
    if name.lower() in _SIP_OWN:
        raise ValueError("this header belongs to the call itself, leave it out")
    return name


SipHeaderName = Annotated[str, AfterValidator(_sip_header)]
"""Name of a header that a flow adds to a call."""

DigitsStr = Annotated[str, BeforeValidator(text_of_digits), Field(min_length=1)]
"""A number, SIP user or other text of digits; must be quoted."""

CallKey = Annotated[str, BeforeValidator(_call_key), WithJsonSchema({"type": "string", "pattern": "^[0-9*#A-D]$"})]
"""One key of a telephone."""

VariableName = Annotated[
    str,
    BeforeValidator(_variable),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$"}),
]
"""Name of a flow variable, for `save_as` and its like."""

Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(DURATION_SCHEMA)]
"""Seconds; written as a number or as `250ms`, `20s`, `5m`, `48h`, `1d`."""


# Times


@dataclass(frozen=True, slots=True, order=True)
class Clock:
    """A time of day."""

    minutes: int
    """Since midnight; 1440 is the end of the day."""

    def __str__(self) -> str:
        return f"{self.minutes // 60:02}:{self.minutes % 60:02}"


_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)


def _time_of_day(value: object) -> Clock:
    if isinstance(value, Clock):
        return value
    if isinstance(value, Unquoted) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        raise ValueError(QUOTE_TIME)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else DAY_MINUTES + 1
    if minutes > DAY_MINUTES:
        raise ValueError('not a time of day: "HH:MM" from "00:00" to "24:00"')
    return Clock(minutes)


TimeOfDay = Annotated[
    Clock,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-4]):[0-5][0-9]$"}),
]
"""Quoted `"HH:MM"`."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)


class Speed(_Value):
    """So many calls in each fixed period."""

    calls: Annotated[int, Field(ge=1, strict=True)]
    """Calls per period."""
    per: Literal["minute", "hour", "day"]
    """Length of the period."""


# Fields that hold {{ }}

EXPRESSION_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"\{\{.*\}\}"}
"""A field that is no text may be an expression instead."""


def template_type(convert: Callable[[Any], Any] | None, literal: Callable[[Any], Any] | None = None) -> Any:
    """Metadata that makes `Annotated[Template[X], template_type(convert)]` a field.

    `convert` takes rendered values in the call, `literal` (default: the same) fixed ones at load; both raise ValueError
    with a sentence.
    """

    def read(value: object) -> object:
        if isinstance(value, Template):
            return value
        try:
            return Template.parse(value, convert, literal)
        except IvrError as error:
            raise SentenceError(str(error)) from None

    return BeforeValidator(read)


def _number(value: object) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError("not a number")


TextTemplate = Annotated[Template[str], template_type(text_of, quoted), WithJsonSchema({"type": "string"})]
"""Text, written as text; what an expression gives becomes text."""

DurationTemplate = Annotated[
    Template[float],
    template_type(parse_duration),
    WithJsonSchema({"anyOf": [*DURATION_SCHEMA["anyOf"], EXPRESSION_SCHEMA]}),
]
"""Seconds, once rendered."""

NumberTemplate = Annotated[
    Template[float], template_type(_number), WithJsonSchema({"anyOf": [{"type": "number"}, EXPRESSION_SCHEMA]})
]
"""A number, once rendered."""

ValueTemplate = Annotated[Template[Any], template_type(None), WithJsonSchema({})]
"""Any value; a whole expression keeps its type."""
