"""What an expression is once it is read: closures over a :class:`Run`, and how sensitivity is followed.

Whatever is read through a name, a field or an index loses its :class:`Sensitive` wrapper there and marks the run: so
the result of an expression is sensitive when anything that took part in it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Protocol

from ivr.flow import operations as ops
from ivr.flow.operations import ExpressionError

__all__ = ["Names", "Node", "Record", "Run", "Sensitive"]


class Names(Protocol):
    """Where an expression finds what its names stand for."""

    @property
    def language(self) -> str:
        """Tag of the language in which values are said."""

    def read(self, name: str) -> object:
        """The value, wrapped in :class:`Sensitive` where it is; KeyError where there is none."""


@dataclass(frozen=True, slots=True, repr=False)
class Sensitive:
    """A value that must stand in no log, trace, report, file name or webhook. Shows itself as `xxxx`."""

    value: Any
    """The value itself; never Sensitive again."""

    def __repr__(self) -> str:
        return "xxxx"

    __str__ = __repr__


class Record(dict[str, object]):
    """A mapping with fixed fields: asking for another one is an error, where an open mapping says null."""


class Run:
    """One evaluation: where names come from, in which language values are said, whether anything read is sensitive."""

    __slots__ = ("_language", "names", "sensitive")

    def __init__(self, names: Names, language: str | None = None) -> None:
        self.names = names
        self._language = language
        self.sensitive = False

    @property
    def language(self) -> str:
        """Tag of the language in which values are said."""
        return self._language or self.names.language

    def today(self) -> date | None:
        """The day of the call, where it is known."""
        try:
            now = self.names.read("now")
        except KeyError:
            return None
        return now.date() if isinstance(now, datetime) else None

    def open(self, value: Any) -> Any:
        """The value without its wrapper; what was wrapped makes the whole result sensitive."""
        if type(value) is Sensitive:
            self.sensitive = True
            return value.value
        return value


Node = Callable[[Run], Any]


def constant(value: Any) -> Node:
    return lambda run: value


def variable(name: str) -> Node:
    def read(run: Run) -> Any:
        try:
            value = run.names.read(name)
        except KeyError:
            raise ExpressionError(f"there is no variable {name}") from None
        if type(value) is Sensitive:
            run.sensitive = True
            return value.value
        return value

    return read


_TIME_FIELDS: dict[str, Callable[[Any], Any]] = {
    "year": lambda at: at.year,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "weekday": lambda at: ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[at.weekday()],
    "date": lambda at: f"{at.year:04}-{at.month:02}-{at.day:02}",
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "time": lambda at: f"{at.hour:02}:{at.minute:02}",
}


def field(value: Node, name: str) -> Node:
    def read(run: Run) -> Any:
        of = value(run)
        if isinstance(of, Mapping):
            if name in of:
                return run.open(of[name])
            if isinstance(of, Record):
                raise ExpressionError(f"there is no field {name}")
            return None
        if isinstance(of, (datetime, date, time)) and name in _TIME_FIELDS:
            try:
                return _TIME_FIELDS[name](of)
            except AttributeError:
                pass
        raise ExpressionError(f"{ops.kind_of(of)} has no field {name}")

    return read


def item(value: Node, index: Node) -> Node:
    def read(run: Run) -> Any:
        of, at = value(run), index(run)
        if isinstance(of, Mapping) and isinstance(at, str):
            return run.open(of[at]) if at in of else None
        if isinstance(of, (str, list, tuple)) and isinstance(at, int) and not isinstance(at, bool):
            return run.open(of[at]) if -len(of) <= at < len(of) else None
        raise ExpressionError(f"{ops.kind_of(of)} cannot be looked up by {ops.kind_of(at)}")

    return read


def part(value: Node, start: Node | None, stop: Node | None) -> Node:
    def read(run: Run) -> Any:
        of = value(run)
        first, last = start(run) if start else None, stop(run) if stop else None
        if not isinstance(of, (str, list, tuple)):
            raise ExpressionError(f"no part can be taken of {ops.kind_of(of)}")
        if any(isinstance(at, bool) or not isinstance(at, (int, type(None))) for at in (first, last)):
            raise ExpressionError("the ends of a part must be whole numbers")
        found = of[first:last]
        return found if isinstance(found, str) else list(found)

    return read


def invocation(call: Callable[..., Any], arguments: tuple[Node, ...]) -> Node:
    if len(arguments) == 1:
        only = arguments[0]
        return lambda run: call(_plain(run, only(run)))
    return lambda run: call(*[_plain(run, argument(run)) for argument in arguments])


def speech(call: Callable[..., Any], arguments: tuple[Node, ...]) -> Node:
    """A function that speaks: it is told of the evaluation, for the language."""
    return lambda run: call(run, *[_plain(run, argument(run)) for argument in arguments])


def _plain(run: Run, value: Any) -> Any:
    """The value with the wrappers inside a list opened, since functions look at items."""
    if type(value) in (list, tuple) and any(type(item) is Sensitive for item in value):
        return [run.open(item) for item in value]
    return value


def listing(items: tuple[Node, ...]) -> Node:
    return lambda run: [item(run) for item in items]


def binary(compute: Callable[[Any, Any], Any], a: Node, b: Node) -> Node:
    return lambda run: compute(a(run), b(run))


def unary(compute: Callable[[Any], Any], a: Node) -> Node:
    return lambda run: compute(a(run))


def negation(a: Node) -> Node:
    return lambda run: not a(run)


def both(a: Node, b: Node) -> Node:
    return lambda run: a(run) and b(run)


def either(a: Node, b: Node) -> Node:
    return lambda run: a(run) or b(run)


def choice(value: Node, condition: Node, otherwise: Node) -> Node:
    return lambda run: value(run) if condition(run) else otherwise(run)


def compared(first: Node, rest: tuple[tuple[Callable[[Any, Any], bool], Node], ...]) -> Node:
    if len(rest) == 1:
        compare, second = rest[0]
        return lambda run: compare(_plain(run, first(run)), _plain(run, second(run)))

    def chain(run: Run) -> bool:
        left = _plain(run, first(run))
        for compare, node in rest:
            right = _plain(run, node(run))
            if not compare(left, right):
                return False
            left = right
        return True

    return chain


def _less(a: Any, b: Any) -> bool:
    a, b = ops.ordered(a, b)
    return bool(a < b)


def _at_most(a: Any, b: Any) -> bool:
    a, b = ops.ordered(a, b)
    return bool(a <= b)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": ops.equal,
    "!=": lambda a, b: not ops.equal(a, b),
    "<": _less,
    "<=": _at_most,
    ">": lambda a, b: _less(b, a),
    ">=": lambda a, b: _at_most(b, a),
    "in": lambda a, b: ops.contains(b, a),
    "not in": lambda a, b: not ops.contains(b, a),
}
COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": ops.add,
    "-": ops.subtract,
    "*": ops.multiply,
    "/": ops.divide,
    "//": ops.floor_divide,
    "%": ops.remainder,
}
