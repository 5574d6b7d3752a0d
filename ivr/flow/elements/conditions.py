"""Conditions: an expression, or a value with operators for texts, numbers and dates.

All operators of one condition must hold. A value that an operator does not go with (a text that is no number under
`less_than`) makes the condition false, with a note in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ivr.flow.elements.base import ElementName
from ivr.flow.expressions import ExpressionError, Template
from ivr.flow.operations import equal, number_in, text_of
from ivr.flow.values import Duration, ValueTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["OPERATORS", "Condition"]


def _number(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        raise ExpressionError("no number stands where a number is needed")
    return value if isinstance(value, (int, float)) else number_in(text_of(value))


def _moment(value: Any, now: datetime) -> datetime:
    """A date or time as a moment; a plain date is its midnight, without zone it is in the zone of the call."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ExpressionError("a text that is no date stands where a date is needed") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ExpressionError("no date stands where a date is needed")
    return value if value.tzinfo is not None else value.replace(tzinfo=now.tzinfo)


def _is_date_alone(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.strip()) == len("2026-01-31")
    return isinstance(value, date) and not isinstance(value, datetime)


def _end(value: Any, now: datetime) -> datetime:
    """The moment, or the end of the day where no time of day is given."""
    moment = _moment(value, now)
    return moment + timedelta(days=1) if _is_date_alone(value) else moment


def _folded(value: Any) -> str:
    return text_of(value).casefold()


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, str):
        return value.casefold() == other.casefold()
    return equal(value, other)


Operator = Callable[[Any, Any, datetime], bool]

OPERATORS: dict[str, Operator] = {
    "is": lambda value, other, now: _same(value, other),
    "is_not": lambda value, other, now: not _same(value, other),
    "contains": lambda value, other, now: _folded(other) in _folded(value),
    "does_not_contain": lambda value, other, now: _folded(other) not in _folded(value),
    "starts_with": lambda value, other, now: _folded(value).startswith(_folded(other)),
    "ends_with": lambda value, other, now: _folded(value).endswith(_folded(other)),
    "less_than": lambda value, other, now: _number(value) < _number(other),
    "at_most": lambda value, other, now: _number(value) <= _number(other),
    "at_least": lambda value, other, now: _number(value) >= _number(other),
    "greater_than": lambda value, other, now: _number(value) > _number(other),
    "before": lambda value, other, now: _moment(value, now) < _moment(other, now),
    "until": lambda value, other, now: (
        _moment(value, now) < _end(other, now) if _is_date_alone(other) else _moment(value, now) <= _moment(other, now)
    ),
    "since": lambda value, other, now: _moment(value, now) >= _moment(other, now),
    "after": lambda value, other, now: (
        _moment(value, now) >= _end(other, now) if _is_date_alone(other) else _moment(value, now) > _moment(other, now)
    ),
}
"""Operators with a value to compare with: (value, other, the time of day) -> whether it holds."""


def _braced(value: object) -> object:
    return f"{{{{ {value} }}}}" if isinstance(value, str) and "{{" not in value else value


class Condition(BaseModel):
    """One condition and the element it leads to."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    to: ElementName
    """Element to go to when it holds."""
    name: str | None = None
    """Name of the branch; default: its number from 1."""
    when: Annotated[ValueTemplate, BeforeValidator(_braced)] | None = None
    """Expression that must be true; braces may be left out."""
    value: ValueTemplate | None = None
    """What the operators look at."""
    is_: Annotated[ValueTemplate | None, Field(alias="is")] = None
    """Equal; texts without regard to case."""
    is_not: ValueTemplate | None = None
    contains: ValueTemplate | None = None
    does_not_contain: ValueTemplate | None = None
    starts_with: ValueTemplate | None = None
    ends_with: ValueTemplate | None = None
    is_empty: bool | None = None
    """`true`: null or empty; `false`: not."""
    is_not_empty: bool | None = None
    less_than: ValueTemplate | None = None
    at_most: ValueTemplate | None = None
    at_least: ValueTemplate | None = None
    greater_than: ValueTemplate | None = None
    before: ValueTemplate | None = None
    """Earlier than the date or time."""
    until: ValueTemplate | None = None
    """Not later; a plain date counts to its end."""
    since: ValueTemplate | None = None
    """Not earlier."""
    after: ValueTemplate | None = None
    """Later; a plain date is over at its end."""
    within: Duration | None = None
    """In the time before now that is so long."""
    within_next: Duration | None = None
    """In the time from now that is so long."""
    today: bool | None = None
    """On the day of the call."""

    def comparisons(self) -> list[tuple[str, Operator, Template[Any]]]:
        """The operators with a value to compare with that are set, in the order of the documentation."""
        found = []
        for name, operator in OPERATORS.items():
            template = self.is_ if name == "is" else getattr(self, name)
            if template is not None:
                found.append((name, operator, template))
        return found

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        flags = (self.is_empty, self.is_not_empty, self.within, self.within_next, self.today)
        operators = bool(self.comparisons()) or any(flag is not None for flag in flags)
        if self.when is not None and (self.value is not None or operators):
            raise ValueError("either when, or value with operators")
        if self.when is None and (self.value is None or not operators):
            raise ValueError("when, or value with an operator")
        return self

    def holds(self, ctx: Session, place: str) -> bool:
        """Whether the condition is true now; false, with a note, where it cannot be worked out."""
        try:
            if self.when is not None:
                return bool(self.when.render(ctx)[0])
            return self._compare(ctx)
        except (ExpressionError, OverflowError) as error:
            ctx.note(f"{place}: {error}")
            return False

    def _compare(self, ctx: Session) -> bool:
        assert self.value is not None
        value, _ = self.value.render(ctx)
        now = ctx.wall_time()
        if self.is_empty is not None and _empty(value) != self.is_empty:
            return False
        if self.is_not_empty is not None and _empty(value) == self.is_not_empty:
            return False
        for _, operator, template in self.comparisons():
            if not operator(value, template.render(ctx)[0], now):
                return False
        if self.today is not None and (_moment(value, now).astimezone(now.tzinfo).date() == now.date()) != self.today:
            return False
        if self.within is not None and not now - timedelta(seconds=self.within) <= _moment(value, now) <= now:
            return False
        return self.within_next is None or (now <= _moment(value, now) <= now + timedelta(seconds=self.within_next))
