"""JSONPath to a single value, for what flows keep of an answer: `$.order.lines[0].price`, `$.items[?(@.id == 5)].name`.

Read by jsonpath-ng when the flow is loaded, evaluated in bounded work: a step that looks at many items looks at
:data:`MAX_ITEMS` of one list at most, one that looks everywhere (`..`) at :data:`MAX_VALUES` values, and steps that run
patterns of their own are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from jsonpath_ng import Child, Descendants, Fields, Index, Root, Slice, This
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.filter import Filter
from jsonpath_ng.ext.parser import parse
from jsonpath_ng.jsonpath import Wildcard

from ivr.errors import IvrError

__all__ = ["JsonPath", "JsonPathError"]

MAX_LENGTH = 200
"""Characters of a path; a longer one leads through more levels than an answer may have."""

MAX_STEPS = 20
"""Steps of a path."""

MAX_ITEMS = 1_000
"""Items of a list that a filter looks at, and values that are followed further: as many as a list of a flow has."""

MAX_VALUES = 20_000
"""Values that a step everywhere looks at: a tenth of a second of a caller's time is not spent for one path."""

EXPECTED = "a path to one value, like $.order.lines[0].price or $.items[?(@.id == 5)].name"
OPERATORS = (None, "=", "==", "!=", "<", "<=", ">", ">=")


class JsonPathError(IvrError):
    """A text is no JSONPath to a single value."""


class JsonPath:
    """One path, ready to be followed any number of times."""

    __slots__ = ("_steps", "source")

    def __init__(self, source: str) -> None:
        self.source = source.strip()
        """As written."""
        if not self.source.startswith("$") or len(self.source) > MAX_LENGTH:
            raise JsonPathError(f"not a JSONPath: {EXPECTED}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of operators that go away: they are refused below
                parsed = parse(self.source)
        except (JSONPathError, ValueError, TypeError, RecursionError):
            raise JsonPathError(f"not a JSONPath: {EXPECTED}") from None
        self._steps = tuple(_steps(parsed))
        if len(self._steps) > MAX_STEPS:
            raise JsonPathError(f"too many steps: at most {MAX_STEPS}")

    def __repr__(self) -> str:
        return f"JsonPath({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonPath) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def value(self, data: Any) -> Any:
        """The text, number or truth value that the path leads to; None where it leads to nothing, to several values,
        to a list or to an object."""
        found = [data]
        for step in self._steps:
            if step is EVERYWHERE:
                found, most = _everywhere(found), MAX_VALUES
            else:
                found = [item for each in found if _fits(step, each) for item in _found(step, each)]
                most = MAX_ITEMS
            if not 0 < len(found) <= most:
                return None
        if len(found) != 1 or isinstance(found[0], (list, tuple, Mapping)):
            return None
        return found[0]


EVERYWHERE = object()
"""The step `..`."""


def _everywhere(values: Iterable[Any]) -> list[Any]:
    """The values and all inside them, one more than :data:`MAX_VALUES` at most, in the order of the answer."""
    found: list[Any] = []
    todo = list(values)[::-1]
    while todo and len(found) <= MAX_VALUES:
        value = todo.pop()
        found.append(value)
        if isinstance(value, Mapping):
            todo.extend(list(value.values())[::-1])
        elif isinstance(value, list):
            todo.extend(reversed(value))
    return found


def _fits(step: Any, value: Any) -> bool:
    """Whether the step can be taken from a value, in bounded work."""
    if isinstance(step, Wildcard) and isinstance(value, Mapping):
        return len(value) <= MAX_ITEMS
    if isinstance(step, Fields):
        return isinstance(value, Mapping)
    return isinstance(value, list) and (isinstance(step, Index) or len(value) <= MAX_ITEMS)


def _found(step: Any, value: Any) -> list[Any]:
    if isinstance(step, Wildcard):
        return list(value.values() if isinstance(value, Mapping) else value)
    try:
        return [found.value for found in step.find(value)]
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError):
        return []  # the answer has not the shape that the path tells


def _steps(path: Any) -> list[Any]:
    """The steps of a path in order, each of a kind that takes bounded work."""
    match path:
        case Root():
            return []
        case Child():
            return [*_steps(path.left), *_steps(path.right)]
        case Descendants():
            return [*_steps(path.left), EVERYWHERE, *_steps(path.right)]
        case Fields() | Wildcard():
            return [path]
        case Index() if len(path.indices) == 1:
            return [path]
        case Slice():
            return [path]
        case Filter() if all(_plain(expression) for expression in path.expressions):
            return [path]
    raise JsonPathError(f"this JSONPath does more than looking values up: {EXPECTED}")


def _plain(expression: Any) -> bool:
    """A filter that compares a field with a value."""
    if expression.op not in OPERATORS:
        return False
    target = expression.target
    while isinstance(target, Child):
        if not isinstance(target.right, Fields | Index):
            return False
        target = target.left
    return isinstance(target, This | Fields)
