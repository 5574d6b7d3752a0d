"""What the conditions of flows ask for: which inputs, answers, profile fields and times make a difference.

Names of an expression and the constants beside them belong together: where `status == "shipped"` is asked, `shipped` is
worth trying for whatever gives `status` its value. Names that are worked out of others hand their constants on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from ivr.flow.elements.base import Element
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import Expression, Template
from ivr.flow.model import Flow
from ivr.flow.sim import MONDAY_NOON

__all__ = ["Vocabulary", "learn"]

Path = tuple[str, ...]

MAX_VALUES = 12
"""Values that are tried for one name: a table of more tells by its first rows."""

HANDED_ON = 3
"""How many variables a constant is handed on through."""

CLOCK = ("00:00", "23:59")
"""Times of day before and after any other, for what is compared with the clock."""

DAYS = ((MONDAY_NOON + timedelta(days=7)).date().isoformat(), (MONDAY_NOON - timedelta(days=7)).date().isoformat())
"""Days after and before the usual one, for what is compared with the day."""

DATE_OPERATORS = frozenset({"before", "until", "since", "after", "within", "within_next", "today", "weekday"})

ASSIGNED = ("variables", "pass_")
"""Fields that give variables values."""

SENT = ("url", "headers", "body", "subject", "text", "fields", "name", "record_name", "from_", "reason")
"""Fields whose values leave the system, or stand in file names: where the call goes does not depend on them."""

_CONSTANT = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(?<![\w.])(\d+(?:\.\d+)?)|\b(true|false)\b""")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is worth trying with some flows."""

    values: Mapping[Path, tuple[Any, ...]]
    """Values by name, with its fields: `("status",)`, `("call", "from")`, `("profile", "vip")`."""
    decisive: frozenset[str]
    """Names whose values may decide where a call goes."""
    paths: frozenset[Path]
    """The same with the fields that are read of them."""

    def of(self, *names: Path) -> list[Any]:
        """Values for things that have these names, each once."""
        found: dict[str, Any] = {}
        for name in names:
            for value in self.values.get(name, ()):
                found.setdefault(repr(value), value)
        return list(found.values())[:MAX_VALUES]


def learn(flows: Iterable[Flow]) -> Vocabulary:
    """What is worth trying with these flows."""
    values: dict[Path, dict[str, Any]] = defaultdict(dict)
    handed: list[tuple[Path, frozenset[Path]]] = []
    paths: set[Path] = set()
    for flow in flows:
        for element in flow.elements.values():
            for names, constants in _comparisons(element, flow):
                paths |= names
                for name in names:
                    for constant in constants:
                        values[name].setdefault(repr(constant), constant)
            handed += _assignments(element)
    for _ in range(HANDED_ON):
        known = {path[0] for path in paths}
        paths |= {source for target, sources in handed if target[0] in known for source in sources}
    for _ in range(HANDED_ON):
        for target, sources in handed:
            for source in sources:
                for shown, constant in list(values.get(target, {}).items()):
                    values[source].setdefault(shown, constant)
    return Vocabulary(
        {name: tuple(found.values()) for name, found in values.items()},
        frozenset(path[0] for path in paths),
        frozenset(paths),
    )


def _comparisons(element: Element, flow: Flow) -> Iterator[tuple[set[Path], list[Any]]]:
    """Names that are read together, with the constants beside them: of one condition, or of one field."""
    for group in _groups(element):
        names: set[Path] = set()
        constants: list[Any] = []
        for template, truth in group:
            if template.fixed:
                constants += _near(template.constant)
            for expression in template.expressions:
                names |= expression.paths
                constants += _constants(expression)
                if truth and (*expression.source.split("."),) in expression.paths:
                    constants += [True, False]
        for name in names:
            if len(name) == 1:
                constants += _leaves(flow.variables.get(name[0]))
        if any(name[0] == "now" for name in names):
            constants += [*CLOCK, *DAYS]
        elif element.type == "wait_for_date" or _is_about_dates(element, names):
            constants += DAYS
        if names:
            yield names, constants


def _groups(element: Element) -> Iterator[list[tuple[Template[Any], bool]]]:
    """Templates that belong together; with each whether its truth is asked for."""
    for template in _own_templates(element):
        yield [(template, False)]
    for part in _conditions(element):
        when = getattr(part, "when", None)
        yield [(template, template is when) for template in _own_templates(part)]


def _conditions(element: Element) -> Iterator[BaseModel]:
    """The parts of an element that are no prompts."""
    for name in type(element).model_fields:
        value = getattr(element, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, BaseModel) and not isinstance(item, PromptFields):
                yield item


def _is_about_dates(element: Element, names: set[Path]) -> bool:
    """Whether one of the names is compared as a date."""
    for part in _conditions(element):
        if any(getattr(part, name, None) is not None for name in DATE_OPERATORS):
            read = {path for template in _own_templates(part) for each in template.expressions for path in each.paths}
            if read & names:
                return True
    return False


def _own_templates(part: BaseModel) -> Iterator[Template[Any]]:
    """Templates in the fields of a part itself that may decide something: no prompts, no values of variables."""
    others = {*ASSIGNED, *SENT, *(PromptFields.model_fields if isinstance(part, PromptFields) else ())}
    for name in type(part).model_fields:
        if name not in others:
            yield from _templates(getattr(part, name))


def _templates(value: Any) -> Iterator[Template[Any]]:
    if isinstance(value, Template):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _templates(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _templates(item)


def _assignments(element: Element) -> Iterator[tuple[Path, frozenset[Path]]]:
    """Variables that are worked out of others."""
    for field in ASSIGNED:
        given = getattr(element, field, None)
        if isinstance(given, Mapping):
            for name, template in given.items():
                if isinstance(template, Template) and template.expressions:
                    yield (name,), frozenset(path for each in template.expressions for path in each.paths)


def _constants(expression: Expression) -> list[Any]:
    found: list[Any] = []
    for match in _CONSTANT.finditer(expression.source):
        double, single, number, truth = match.groups()
        if truth is not None:
            found.append(truth == "true")
        elif number is None:
            found.append(double if double is not None else single)
        else:
            found += _near(float(number) if "." in number else int(number))
    return found


def _near(value: Any) -> list[Any]:
    """A constant, and for a number what is just below and above it."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, (int, float)):
        return [value, value + 1, value - 1]
    return [value] if isinstance(value, str) else []


def _leaves(value: Any) -> list[Any]:
    """Keys and values of a declared table, the first of them: what is looked up in it comes from a caller."""
    if isinstance(value, Mapping):
        found = []
        for key, item in list(value.items())[:MAX_VALUES]:
            found += [key, item] if not isinstance(item, (Mapping, list, tuple)) else [key]
        return found
    if isinstance(value, (list, tuple)):
        return [item for item in value[:MAX_VALUES] if not isinstance(item, (Mapping, list, tuple))]
    return []
