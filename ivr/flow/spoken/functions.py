"""The functions of the expression language that speak: `money`, `digits`, `ordinal`, `date`, `time`, `number`.

Each is given the :class:`~ivr.flow.evaluation.Run` it is part of, which knows the language. What cannot be a value of
the kind is an ExpressionError, as for any function; whatever else goes wrong leaves the value as it is written.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from ivr.flow.functions import function
from ivr.flow.operations import ExpressionError, is_number, kind_of, number_in, text_of
from ivr.flow.spoken.tongue import MAX_SPOKEN, Tongue, tongue_of

__all__ = ["Asking", "grouped"]

MAX_SIGNS = 64
"""Digits said one by one: as many as a caller can key in; longer is no number."""

GROUP = 3
"""Digits said in one breath where nothing else is wanted."""

LONGEST_GROUP = 4
"""Digits that are said without a stop, and the most that a last group takes up."""


class Asking(Protocol):
    """What a spoken function wants to know of the evaluation that it is part of."""

    @property
    def language(self) -> str:
        """Tag of the language."""

    def today(self) -> datetime.date | None:
        """The day of the call, where it is known."""


def _number(value: Any, what: str) -> Decimal:
    if isinstance(value, str):
        number_in(value)
        found = Decimal(value.strip())
    elif isinstance(value, Decimal) or is_number(value):
        found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    else:
        raise ExpressionError(f"{what} needs a number, not {kind_of(value)}")
    if not found.is_finite() or abs(found) >= MAX_SPOKEN * 1000:
        raise ExpressionError("a number is too large to be said")
    return found


def _said(run: Asking, say: Callable[[Tongue], str], otherwise: str) -> str:
    """What the language makes of a value; the value as written where it fails, since a call is under way."""
    try:
        return say(tongue_of(run.language))
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, NotImplementedError):
        return otherwise


@function("money", 2, 2, spoken=True)
def _money(run: Asking, value: Any, currency: Any) -> str:
    """An amount as it is said; the currency as in ISO 4217: `"EUR"`."""
    amount = _number(value, "money")
    code = text_of(currency).strip().upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise ExpressionError("money needs a currency of three letters, as in EUR")
    return _said(run, lambda tongue: tongue.money(amount, code), f"{amount:.2f} {code}")


@function("number", 1, 1, spoken=True)
def _spoken_number(run: Asking, value: Any) -> str:
    """A number as it is said."""
    found = _number(value, "number")
    return _said(run, lambda tongue: tongue.number(found), f"{found:f}")


@function("ordinal", 1, 1, spoken=True)
def _ordinal(run: Asking, value: Any) -> str:
    """A place in an order: third."""
    found = _number(value, "ordinal")
    if found != found.to_integral_value():
        raise ExpressionError("ordinal needs a whole number")
    return _said(run, lambda tongue: tongue.ordinal(int(found)), f"{found:f}")


@function("digits", 1, 2, spoken=True)
def _digits(run: Asking, value: Any, size: Any = None) -> str:
    """Digits and letters one by one, with a stop after so many (default: threes, or as the value groups them)."""
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_SIGNS):
        raise ExpressionError(f"digits takes groups of 1 to {MAX_SIGNS}")
    written = text_of(value).strip()[: 2 * MAX_SIGNS]
    groups = [group for group in re.split(r"[^\w+*#]+|_", written) if group]
    if size is not None or len(groups) == 1:
        groups = grouped("".join(groups)[:MAX_SIGNS], size)
    groups = [group.upper() for group in groups]
    return _said(run, lambda tongue: tongue.digits(groups), ", ".join(" ".join(group) for group in groups))


def grouped(signs: str, size: int | None = None) -> list[str]:
    """Signs in groups that are said in one breath, of `size` where one is wanted."""
    if size is None and len(signs) <= LONGEST_GROUP:
        return [signs] if signs else []
    width = size or GROUP
    groups = [signs[at : at + width] for at in range(0, len(signs), width)]
    if size is None and len(groups[-1]) == 1:  # 7 are 3 and 4
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


@function("date", 1, 2, spoken=True)
def _date(run: Asking, value: Any, form: Any = "") -> str:
    """A day as it is said; its year is left out where it is this one. With `"weekday"` its weekday too."""
    if form not in ("", "weekday"):
        raise ExpressionError('date takes "weekday" or nothing as its second value')
    day = _day(value)
    today = run.today()
    year = today is None or day.year != today.year
    return _said(run, lambda tongue: tongue.date(day, weekday=bool(form), year=year), day.isoformat())


def _day(value: Any) -> datetime.date:
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            raise ExpressionError("date needs a date, as in 2026-03-02") from None
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    raise ExpressionError(f"date needs a date, not {kind_of(value)}")


@function("time", 1, 1, spoken=True)
def _time(run: Asking, value: Any) -> str:
    """A time of day as it is said, to the minute."""
    at = _time_of_day(value)
    return _said(run, lambda tongue: tongue.time(at), f"{at.hour:02}:{at.minute:02}")


_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?", re.ASCII)


def _time_of_day(value: Any) -> datetime.time:
    if isinstance(value, str):
        text = value.strip()
        try:
            if match := _CLOCK.fullmatch(text):
                return datetime.time(int(match[1]) % 24 if match[1] == "24" else int(match[1]), int(match[2]))
            value = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise ExpressionError('time needs a time of day, as in "14:30"') from None
    if isinstance(value, datetime.datetime):
        return value.time()
    if isinstance(value, datetime.time):
        return value
    raise ExpressionError(f"time needs a time of day, not {kind_of(value)}")
