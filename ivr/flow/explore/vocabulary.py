"""What the conditions of flows ask for: which inputs, answers, profile fields and times make a difference.

Names of an expression and the constants beside them belong together: where `status == "shipped"` is asked, `shipped` is
worth trying for whatever gives `status` its value. Names that are worked out of others hand their constants on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ivr.flow.elements.base import Element
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import Expression, Template
from ivr.flow.model import Flow

__all__ = ["Vocabulary", "learn"]

Path = tuple[str, ...]

MAX_VALUES = 12
"""Values that are tried for one name: a table of more tells by its first rows."""

HANDED_ON = 3
"""How many variables a constant is handed on through."""

ASSIGNED = ("variables", "pass_")
"""Fields that give variables values."""

_CONSTANT = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(?<![\w.])(\d+(?:\.\d+)?)""")


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
    """Names that are read together, with the constants beside them."""
    for part in _parts(element):
        names: set[Path] = set()
        constants: list[Any] = []
        for template in _own_templates(part):
            if template.fixed:
                constants += _near(template.constant)
            for expression in template.expressions:
                names |= expression.paths
                constants += _constants(expression)
        for name in names:
            if len(name) == 1:
                constants += _leaves(flow.variables.get(name[0]))
        if names:
            yield names, constants


def _parts(element: Element) -> Iterator[BaseModel]:
    """The element without its prompts, and the conditions in it one by one."""
    yield element
    for name in type(element).model_fields:
        value = getattr(element, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, BaseModel) and not isinstance(item, PromptFields):
                yield item


def _own_templates(part: BaseModel) -> Iterator[Template[Any]]:
    """Templates in the fields of a part itself that may decide something: no prompts, no values of variables."""
    others = {*ASSIGNED, *(PromptFields.model_fields if isinstance(part, PromptFields) else ())}
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
        double, single, number = match.groups()
        if number is None:
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
