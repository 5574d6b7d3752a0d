"""Conditions: an expression, or a value with operators for texts, numbers, dates and truth.

All operators of one condition must hold. A value that an operator does not go with (a text that is no number under
`less_than`) makes the condition false, with a note in the log.

Dates are dates with or without time, or texts of them (`2026-03-02`, `2026-03-02T10:00`). One without a zone is in
`time_zone`, else in the zone of the call; so are days (`today`, `weekday`, the end of a plain date).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ivr.flow.elements.base import ElementName
from ivr.flow.expressions import ExpressionError, Names, Rendered, Template
from ivr.flow.operations import equal, number_in, text_of
from ivr.flow.values import Duration, ValueTemplate
from ivr.settings import ZoneName
from ivr.units import WEEKDAYS, parse_weekdays

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["OPERATORS", "Condition", "Operators", "Weekdays", "is_date_alone", "moment", "steady"]

MAX_LIST = 200
"""Items that `in_list` names one by one."""


# Values


def _number(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        raise ExpressionError("no number stands where a number is needed")
    return value if isinstance(value, (int, float)) else number_in(text_of(value))


def moment(value: Any, now: datetime) -> datetime:
    """A date or time as a moment; a plain date is its midnight, without zone it is in that of `now`."""
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


def is_date_alone(value: Any) -> bool:
    """Whether a date has no time of day."""
    if isinstance(value, str):
        return len(value.strip()) <= len("2026-01-31")
    return isinstance(value, date) and not isinstance(value, datetime)


def _seconds(value: Any, now: datetime) -> float:
    """A date or time in seconds of the epoch; two datetimes of one zone compare wrongly when its clocks go back."""
    return moment(value, now).timestamp()


def _later(value: Any, other: Any, now: datetime) -> bool:
    """Whether the value is after the other; a plain date is over at its end."""
    if is_date_alone(other):
        return _seconds(value, now) >= (moment(other, now) + timedelta(days=1)).timestamp()
    return _seconds(value, now) > _seconds(other, now)


def _folded(value: Any) -> str:
    return text_of(value).casefold()


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, (str, bool)):
        return value.casefold() == _folded(other)
    if isinstance(other, str) and isinstance(value, bool):
        return _folded(value) == other.casefold()
    return equal(value, other)


def _has(value: Any, other: Any) -> bool:
    """Whether a list has an item, or a text a part."""
    if isinstance(value, (list, tuple)):
        return any(_same(item, other) for item in value)
    return _folded(other) in _folded(value)


def _between(value: Any, least: Any, most: Any, now: datetime) -> bool:
    """Whether a number or date is between two others, both included."""
    try:
        low, high = _number(least), _number(most)
    except ExpressionError:
        return _seconds(value, now) >= _seconds(least, now) and not _later(value, most, now)
    return low <= _number(value) <= high


Operator = Callable[[Any, Any, datetime], bool]

OPERATORS: dict[str, Operator] = {
    "is": lambda value, other, now: _same(value, other),
    "is_not": lambda value, other, now: not _same(value, other),
    "contains": lambda value, other, now: _has(value, other),
    "does_not_contain": lambda value, other, now: not _has(value, other),
    "starts_with": lambda value, other, now: _folded(value).startswith(_folded(other)),
    "ends_with": lambda value, other, now: _folded(value).endswith(_folded(other)),
    "less_than": lambda value, other, now: _number(value) < _number(other),
    "at_most": lambda value, other, now: _number(value) <= _number(other),
    "at_least": lambda value, other, now: _number(value) >= _number(other),
    "greater_than": lambda value, other, now: _number(value) > _number(other),
    "before": lambda value, other, now: _seconds(value, now) < _seconds(other, now),
    "until": lambda value, other, now: not _later(value, other, now),
    "since": lambda value, other, now: _seconds(value, now) >= _seconds(other, now),
    "after": _later,
}
"""Operators with a value to compare with: (value, other, the time of day) -> whether it holds."""

_OTHER_OPERATORS: dict[str, Operator] = {
    "is_empty": lambda value, other, now: _empty(value) == other,
    "is_not_empty": lambda value, other, now: _empty(value) != other,
    "in_list": lambda value, items, now: any(_same(value, item) for item in items),
    "not_in_list": lambda value, items, now: not any(_same(value, item) for item in items),
    "between": lambda value, both, now: _between(value, both[0], both[1], now),
}
"""Operators with a truth or with several values."""

_DATED = frozenset({"before", "until", "since", "after"})
"""Operators that may depend on the time of day, or on its zone."""

_STEADY = {name: operator for name, operator in {**OPERATORS, **_OTHER_OPERATORS}.items() if name not in _DATED}


def steady(operator: str, value: Any, other: Any) -> bool:
    """Whether an operator of :meth:`Operators.constants` holds; ExpressionError where that cannot be told."""
    known = _STEADY.get(operator)
    return known is None or known(value, other, _NEVER)


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""A time of day for operators that do not look at it."""


# Fields


def _braced(value: object) -> object:
    return f"{{{{ {value} }}}}" if isinstance(value, str) and "{{" not in value else value


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


def _weekdays(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(WEEKDAYS[day] for part in parts for day in parse_weekdays(part)))


def _two(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(value) != 2:
        raise ValueError("two values: [least, greatest]")
    return value


Weekdays = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(_weekdays, json_schema_input_type=str | list[str])
]
"""Weekdays as `mon`, `mon-fri` or a list."""

ListField = Annotated[
    tuple[ValueTemplate, ...],
    Field(min_length=1, max_length=MAX_LIST),
    BeforeValidator(_several, json_schema_input_type=str | list[Any]),
]


class Operators(BaseModel):
    """What must hold of a value: every operator that is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    is_: Annotated[ValueTemplate | None, Field(alias="is")] = None
    """Equal; texts without regard to case."""
    is_not: ValueTemplate | None = None
    """Not equal."""
    contains: ValueTemplate | None = None
    """A text has this part, a list this item."""
    does_not_contain: ValueTemplate | None = None
    starts_with: ValueTemplate | None = None
    ends_with: ValueTemplate | None = None
    in_list: ListField | None = None
    """Equal to one of these; an item may be an expression that gives a list."""
    not_in_list: ListField | None = None
    """Equal to none of these."""
    is_empty: bool | None = None
    """`true`: null or empty; `false`: not."""
    is_not_empty: bool | None = None
    less_than: ValueTemplate | None = None
    at_most: ValueTemplate | None = None
    at_least: ValueTemplate | None = None
    greater_than: ValueTemplate | None = None
    between: Annotated[ListField, AfterValidator(_two)] | None = None
    """Two numbers or dates, `[least, greatest]`, both included; a plain date counts to its end."""
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
    weekday: Weekdays | None = None
    """On one of these weekdays: `mon`, `mon-fri`, or a list."""
    time_zone: ZoneName | None = None
    """Zone of days, and of dates that have none; default: that of the call."""

    def comparisons(self) -> list[tuple[str, Operator, Template[Any]]]:
        """The operators with a value to compare with that are set, in the order of the documentation."""
        found = []
        for name, operator in OPERATORS.items():
            template = self.is_ if name == "is" else getattr(self, name)
            if template is not None:
                found.append((name, operator, template))
        return found

    @property
    def has_operator(self) -> bool:
        """Whether an operator is set."""
        return any(getattr(self, name) is not None for name in Operators.model_fields if name != "time_zone")

    def compare(self, ctx: Session, value: Any) -> bool:
        """Whether every operator holds; ExpressionError where that cannot be told."""
        now = ctx.wall_time()
        if self.time_zone is not None:
            now = now.astimezone(ZoneInfo(self.time_zone))
        for name in ("is_empty", "is_not_empty"):
            truth = getattr(self, name)
            if truth is not None and not _OTHER_OPERATORS[name](value, truth, now):
                return False
        for _, operator, template in self.comparisons():
            if not operator(value, template.render(ctx).value, now):
                return False
        for name, templates in self._lists():
            if not _OTHER_OPERATORS[name](value, _items(ctx, name, templates).value, now):
                return False
        return self._on_days(value, now)

    def _lists(self) -> list[tuple[str, tuple[Template[Any], ...]]]:
        lists = {"in_list": self.in_list, "not_in_list": self.not_in_list, "between": self.between}
        return [(name, templates) for name, templates in lists.items() if templates is not None]

    def constants(self, ctx: Session) -> list[tuple[str, Any]]:
        """Operators, each with what it compares with (`Sensitive` where that is), as far as neither depends on the
        time, the profile, the settings or the language: they hold of a value now if they hold of it tomorrow. See
        :func:`steady`."""
        scope = _Steady(ctx)
        truths = [(name, getattr(self, name)) for name in ("is_empty", "is_not_empty")]
        found: list[tuple[str, Any]] = [(name, truth) for name, truth in truths if truth is not None]
        for name, _, template in self.comparisons():
            if name not in _DATED:
                found.extend(_constant(name, partial(template.render, scope)))
        for name, templates in self._lists():
            found.extend(_constant(name, partial(_items, scope, name, templates)))
        return found

    def _on_days(self, value: Any, now: datetime) -> bool:
        if self.within is None and self.within_next is None and self.today is None and self.weekday is None:
            return True
        at = moment(value, now)
        day = at.astimezone(now.tzinfo).date()
        if self.today is not None and (day == now.date()) != self.today:
            return False
        if self.weekday is not None and WEEKDAYS[day.weekday()] not in self.weekday:
            return False
        passed = now.timestamp() - at.timestamp()
        if self.within is not None and not 0 <= passed <= self.within:
            return False
        return self.within_next is None or 0 <= -passed <= self.within_next


def _items(names: Names, operator: str, templates: tuple[Template[Any], ...]) -> Rendered:
    """What the items of a list give, as one list; of `between` each is one."""
    found: list[Any] = []
    sensitive = False
    for template in templates:
        value, hidden = template.render(names)
        found.extend(value if isinstance(value, (list, tuple)) and operator != "between" else [value])
        sensitive = sensitive or hidden
    return Rendered(found, sensitive)


class _UnsteadyError(Exception):
    """A value may be another one tomorrow."""


class _Steady:
    """Names that mean the same as long as an element waits."""

    def __init__(self, ctx: Session) -> None:
        self._ctx = ctx

    @property
    def language(self) -> str:
        raise _UnsteadyError

    def read(self, name: str) -> object:
        if name in self._ctx.variables or name in ("call", "result"):
            return self._ctx.read(name)
        raise _UnsteadyError


def _constant(name: str, render: Callable[[], Rendered]) -> list[tuple[str, Any]]:
    """An operator with its value, where this is and stays one."""
    try:
        found = render()
        if name == "between":  # of dates it depends on the zone
            for value in found.value:
                _number(value)
    except (ExpressionError, OverflowError, _UnsteadyError):
        return []
    return [(name, found.kept())]


class Condition(Operators):
    """One condition and the element it leads to."""

    to: ElementName
    """Element to go to when it holds."""
    name: str | None = None
    """Name of the branch; default: its number from 1."""
    when: Annotated[ValueTemplate, BeforeValidator(_braced)] | None = None
    """Expression that must be true; braces may be left out."""
    value: ValueTemplate | None = None
    """What the operators look at."""

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        if self.when is not None and (self.value is not None or self.has_operator):
            raise ValueError("either when, or value with operators")
        if self.when is None and (self.value is None or not self.has_operator):
            raise ValueError("when, or value with an operator")
        return self

    def holds(self, ctx: Session, place: str) -> bool:
        """Whether the condition is true now; false, with a note, where it cannot be worked out."""
        try:
            if self.when is not None:
                return bool(self.when.render(ctx)[0])
            assert self.value is not None
            return self.compare(ctx, self.value.render(ctx).value)
        except (ExpressionError, OverflowError) as error:
            ctx.note(f"{place}: {error}")
            return False
