"""Functions that expressions may call.

Further parts register their own with :func:`function` before flows are loaded. No error text holds a value: it may be
sensitive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeVar

from ivr.flow.operations import (
    MAX_ITEMS,
    MAX_TEXT,
    ExpressionError,
    bounded,
    contains,
    is_number,
    kind_of,
    number_in,
    ordered,
    text_of,
)

__all__ = ["FUNCTIONS", "Function", "function"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the expression language."""

    name: str
    """As expressions write it."""
    call: Callable[..., Any]
    """Takes values of expressions, raises ExpressionError."""
    least: int
    """Arguments it needs."""
    most: int
    """Arguments it takes."""
    text: str
    """One line of documentation."""
    spoken: bool = False
    """It speaks: it is given the evaluation first, for the language."""


FUNCTIONS: dict[str, Function] = {}
"""Every function by name; parts that add some register them before flows are loaded."""

_F = TypeVar("_F", bound=Callable[..., Any])


def function(name: str, least: int, most: int, *, spoken: bool = False) -> Callable[[_F], _F]:
    """Decorator: register a function under a name, with the number of arguments; its docstring documents it."""

    def register(call: _F) -> _F:
        FUNCTIONS[name] = Function(name, call, least, most, (call.__doc__ or "").strip(), spoken)
        return call

    return register


def _text(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)


def _needed(value: Any, what: str) -> int | float:
    if is_number(value):
        return value  # type: ignore[no-any-return]
    raise ExpressionError(f"{what} needs a number, not {kind_of(value)}")


@function("len", 1, 1)
def _len(value: Any) -> int:
    """Characters of a text, items of a list or record; 0 for null."""
    if value is None:
        return 0
    if isinstance(value, (str, list, tuple, Mapping)):
        return len(value)
    raise ExpressionError(f"{kind_of(value)} has no length")


@function("lower", 1, 1)
def _lower(value: Any) -> str:
    """Text in lower case."""
    return str(bounded(_text(value).lower()))


@function("upper", 1, 1)
def _upper(value: Any) -> str:
    """Text in upper case."""
    return str(bounded(_text(value).upper()))


@function("trim", 1, 1)
def _trim(value: Any) -> str:
    """Text without space at its ends."""
    return _text(value).strip()


@function("str", 1, 1)
def _str(value: Any) -> str:
    """Value as text; null is empty."""
    return text_of(value)


@function("int", 1, 1)
def _int(value: Any) -> int:
    """Whole number of a number or text, cut towards zero."""
    found = number_in(value) if isinstance(value, str) else value
    if isinstance(found, (int, float)):
        return int(bounded(int(found)))
    raise ExpressionError(f"{kind_of(value)} is not a number")


@function("float", 1, 1)
def _float(value: Any) -> float:
    """Number of a number or text."""
    found = number_in(value) if isinstance(value, str) else value
    if isinstance(found, (int, float)):
        return float(bounded(found))
    raise ExpressionError(f"{kind_of(value)} is not a number")


@function("round", 1, 2)
def _round(value: Any, places: Any = 0) -> int | float:
    """Number rounded to some decimal places (0-10, default 0), halves away from zero."""
    value = _needed(value, "round")
    if not isinstance(places, int) or not 0 <= places <= 10:
        raise ExpressionError("round takes 0 to 10 places")
    try:
        found = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        raise ExpressionError("a number is too large") from None
    return float(found) if places else int(found)


@function("floor", 1, 1)
def _floor(value: Any) -> int:
    """Largest whole number that is not above the number."""
    return math.floor(_needed(value, "floor"))


@function("ceil", 1, 1)
def _ceil(value: Any) -> int:
    """Smallest whole number that is not below the number."""
    return math.ceil(_needed(value, "ceil"))


@function("abs", 1, 1)
def _abs(value: Any) -> int | float:
    """Number without its sign."""
    return abs(_needed(value, "abs"))


def _extreme(values: tuple[Any, ...], better: Callable[[Any, Any], bool]) -> Any:
    items = values[0] if len(values) == 1 and isinstance(values[0], (list, tuple)) else values
    if not items:
        raise ExpressionError("an empty list has neither least nor greatest item")
    best = items[0]
    for item in items[1:]:
        if better(*ordered(item, best)):
            best = item
    return best


@function("min", 1, 20)
def _min(*values: Any) -> Any:
    """Least of the arguments, or of one list."""
    return _extreme(values, lambda a, b: bool(a < b))


@function("max", 1, 20)
def _max(*values: Any) -> Any:
    """Greatest of the arguments, or of one list."""
    return _extreme(values, lambda a, b: bool(a > b))


@function("contains", 2, 2)
def _contains(whole: Any, part: Any) -> bool:
    """Whether the second is in the first."""
    return contains(whole, part)


@function("starts_with", 2, 2)
def _starts_with(whole: Any, part: Any) -> bool:
    """Whether the first text begins with the second."""
    return _text(whole).startswith(_text(part))


@function("ends_with", 2, 2)
def _ends_with(whole: Any, part: Any) -> bool:
    """Whether the first text ends with the second."""
    return _text(whole).endswith(_text(part))


@function("replace", 3, 3)
def _replace(whole: Any, old: Any, new: Any) -> str:
    """Text with every occurrence of the second replaced by the third."""
    text, part, other = _text(whole), _text(old), _text(new)
    if not part:
        raise ExpressionError("replace needs a text to look for")
    if len(text) + text.count(part) * (len(other) - len(part)) > MAX_TEXT:
        raise ExpressionError(f"a text is too long (limit {MAX_TEXT} characters)")
    return text.replace(part, other)


@function("join", 1, 2)
def _join(items: Any, between: Any = " ") -> str:
    """Items of a list as one text, with a text between them (default a space)."""
    if not isinstance(items, (list, tuple)):
        raise ExpressionError(f"join needs a list, not {kind_of(items)}")
    parts, glue = [text_of(item) for item in items[: MAX_ITEMS + 1]], _text(between)
    if len(parts) > MAX_ITEMS or sum(map(len, parts)) + len(glue) * len(parts) > MAX_TEXT:
        raise ExpressionError(f"a text is too long (limit {MAX_TEXT} characters)")
    return glue.join(parts)


@function("split", 1, 2)
def _split(whole: Any, between: Any = " ") -> list[str]:
    """Text cut at every occurrence of the second (default a space)."""
    return list(bounded(_text(whole).split(_text(between) or " ", MAX_ITEMS)))


@function("pad", 2, 3)
def _pad(value: Any, width: Any, fill: Any = "0") -> str:
    """Text with a character (default 0) put before it until it is so long."""
    if not isinstance(width, int) or not 0 <= width <= MAX_TEXT or len(_text(fill)) != 1:
        raise ExpressionError("pad takes a value, a width and one character")
    return _text(value).rjust(width, _text(fill))
