"""The rules by which expressions compare, compute and write values.

Rules for people who write flows:

- `null` is what is not there. In text it is empty, in conditions false, `len(null)` is 0, the text functions take it as
  empty text. Computing with it or ordering it is an error; `x or 0` gives it a value.
- Text and number are equal when the number, written out, is that text: `"1" == 1`, but `"01" != 1`, since digits
  collected from a caller are text and their zeros count. In `<`, `<=`, `>`, `>=` a text beside a number must be a
  number: `age >= 18` is right for collected digits. Two texts are ordered as texts (ISO dates sort right, "9" > "10").
- `+` adds numbers or joins two texts or two lists; to join text and number write `str(n)`. Other arithmetic takes
  numbers alone.

No error text holds a value: it may be sensitive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from ivr.errors import IvrError

__all__ = [
    "MAX_ITEMS",
    "MAX_TEXT",
    "ExpressionError",
    "add",
    "bounded",
    "contains",
    "divide",
    "equal",
    "floor_divide",
    "is_number",
    "json_value",
    "kind_of",
    "multiply",
    "negate",
    "number_in",
    "ordered",
    "power",
    "refuse",
    "remainder",
    "subtract",
    "text_of",
]

MAX_TEXT = 20_000
"""Characters of a text that an expression makes: twenty times the longest prompt."""
MAX_ITEMS = 1_000
"""Items of a list that an expression makes."""
MAX_NUMBER = 10**18
"""Magnitude of a number that an expression makes: every product of two such numbers is still computed at once."""
MAX_EXPONENT = 64
"""Magnitude of an exponent: the largest power tried has under 4,000 bits."""
MAX_NUMERAL = 40
"""Characters of a text that is read as a number: reading is quadratic in it."""
MAX_TEXT_DEPTH = 20
"""Lists inside one another that are written as text."""
MAX_JSON_DEPTH = 20
"""Lists and records inside one another that are kept as JSON."""


class ExpressionError(IvrError):
    """An expression cannot be read or has no value; the text says why, without showing values."""


def kind_of(value: object) -> str:
    """What a value is, for error texts."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a record"
        case datetime() | date() | time():
            return "a time"
    return "a value of another kind"


def text_of(value: object, depth: int = 0) -> str:
    """A value as text holds it: null is empty, whole numbers have no `.0`, lists are joined by `, `."""
    if isinstance(value, str):
        return value
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < MAX_NUMBER else repr(value)
        case int():
            return str(bounded(value))
        case datetime():
            return value.isoformat(timespec="seconds")
        case date() | time():
            return value.isoformat()
        case list() | tuple() if depth < MAX_TEXT_DEPTH and len(value) <= MAX_ITEMS:
            return str(bounded(", ".join(text_of(item, depth + 1) for item in value)))
    raise ExpressionError(f"{kind_of(value)} cannot be written as text")


def json_value(value: object, depth: int = 0) -> Any:
    """A value as JSON has it: dates are text, what is no number is null."""
    if isinstance(value, (date, time)):
        return text_of(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if depth > MAX_JSON_DEPTH:
        raise ExpressionError("lists and records are nested too deep")
    if isinstance(value, Mapping):
        return {str(key): json_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item, depth + 1) for item in value]
    return value


def refuse(text: str) -> Any:
    """Raise ExpressionError, where an expression is wanted."""
    raise ExpressionError(text)


def is_number(value: object) -> bool:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_in(text: str) -> int | float:
    """The number that a text is; ExpressionError when it is none."""
    stripped = text.strip()
    if len(stripped) <= MAX_NUMERAL and stripped.isascii() and "_" not in stripped:
        try:
            return int(stripped)
        except ValueError:
            pass
        try:
            found = float(stripped)
        except ValueError:
            pass
        else:
            if math.isfinite(found):
                return found
    raise ExpressionError("a text that is not a number stands where a number is needed")


def bounded(value: Any) -> Any:
    """The value, if its size is within what an expression may make."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ExpressionError(f"a text is too long (limit {MAX_TEXT} characters)")
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise ExpressionError(f"a list is too long (limit {MAX_ITEMS} items)")
    elif isinstance(value, complex) or not -MAX_NUMBER <= value <= MAX_NUMBER:  # not: NaN fails it too
        raise ExpressionError("a number is too large")
    return value


def _numbers(a: Any, b: Any, what: str) -> None:
    if not (is_number(a) and is_number(b)):
        raise ExpressionError(f"{what} needs two numbers, not {kind_of(a)} and {kind_of(b)}")


def add(a: Any, b: Any) -> Any:
    """`a + b`."""
    if (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str)):
        return bounded(a + b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) + len(b) > MAX_ITEMS:
            raise ExpressionError(f"a list is too long (limit {MAX_ITEMS} items)")
        return [*a, *b]
    hint = "; write str(…) or int(…)" if {kind_of(a), kind_of(b)} == {"a text", "a number"} else ""
    raise ExpressionError(f"+ does not go with {kind_of(a)} and {kind_of(b)}{hint}")


def subtract(a: Any, b: Any) -> Any:
    """`a - b`."""
    _numbers(a, b, "-")
    return bounded(a - b)


def multiply(a: Any, b: Any) -> Any:
    """`a * b`."""
    _numbers(a, b, "*")
    return bounded(a * b)


def divide(a: Any, b: Any) -> Any:
    """`a / b`."""
    _numbers(a, b, "/")
    return bounded(a / b) if b else refuse("division by zero")


def floor_divide(a: Any, b: Any) -> Any:
    """`a // b`."""
    _numbers(a, b, "//")
    return bounded(a // b) if b else refuse("division by zero")


def remainder(a: Any, b: Any) -> Any:
    """`a % b`."""
    _numbers(a, b, "%")
    return bounded(a % b) if b else refuse("division by zero")


def power(a: Any, b: Any) -> Any:
    """`a ** b`."""
    _numbers(a, b, "**")
    if not -MAX_EXPONENT <= b <= MAX_EXPONENT:
        raise ExpressionError(f"an exponent is too large (limit {MAX_EXPONENT})")
    try:
        return bounded(a**b)
    except (OverflowError, ZeroDivisionError):
        raise ExpressionError("a power has no value or is too large") from None


def negate(a: Any) -> Any:
    """`-a`."""
    return bounded(-a) if is_number(a) else refuse(f"- needs a number, not {kind_of(a)}")


def equal(a: Any, b: Any) -> bool:
    """`a == b`; a number and a text are equal when the number, written out, is the text."""
    if isinstance(a, str):
        if isinstance(b, str):
            return a == b
        return is_number(b) and a == text_of(b)
    if isinstance(b, str):
        return is_number(a) and b == text_of(a)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def ordered(a: Any, b: Any) -> tuple[Any, Any]:
    """The two as Python can order them; ExpressionError when they have no order."""
    if isinstance(a, str) and is_number(b):
        return number_in(a), b
    if is_number(a) and isinstance(b, str):
        return a, number_in(b)
    if (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str)):
        return a, b
    if isinstance(a, datetime) and isinstance(b, datetime):
        if (a.tzinfo is None) == (b.tzinfo is None):
            return a, b
    elif type(a) is type(b) and isinstance(a, (date, time)):
        return a, b
    raise ExpressionError(f"{kind_of(a)} and {kind_of(b)} have no order")


def contains(a: Any, b: Any) -> bool:
    """`b in a`: a part of a text, an item of a list, a key of a record; nothing is in null."""
    if a is None:
        return False
    if isinstance(a, str):
        return text_of(b) in a
    if isinstance(a, (list, tuple)):
        return any(equal(item, b) for item in a)
    if isinstance(a, Mapping):
        return isinstance(b, str) and b in a
    raise ExpressionError(f"nothing can be in {kind_of(a)}")
