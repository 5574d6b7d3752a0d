"""What other systems may answer, and what events may bring: bodies and properties that make a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any

from ivr.flow.elements.properties import EventCondition
from ivr.flow.explore.vocabulary import Vocabulary

__all__ = ["bodies", "event_properties"]

MAX_BODIES = 16
"""Answers of one request that are tried for what is read from them."""

MAX_PROPERTIES = 4
"""Sets of properties of one event."""

MAX_INDEX = 20
"""Items of a list in a body."""

USUAL = "1"
"""Stands for a value that nobody asks about."""


def bodies(save: Mapping[str, Any], vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Answers that give the variables which are read from them (by a JSONPath each) what conditions ask for."""
    wanted = {name: vocabulary.of((name,)) or [USUAL] for name in save}
    found: list[dict[str, Any]] = []
    for values in islice(product(*wanted.values()), MAX_BODIES):
        body: dict[str, Any] = {}
        for path, value in zip(save.values(), values, strict=True):
            _put(body, _path_parts(str(getattr(path, "source", path))), value)
        if body not in found:
            found.append(body)
    return found


def event_properties(
    conditions: Sequence[EventCondition], save: Mapping[str, str], vocabulary: Vocabulary, caller: str
) -> list[dict[str, Any]]:
    """Properties of an event that its conditions hold for, with values that make a difference for what is kept."""
    base: dict[str, Any] = {}
    for name in save.values():
        _put(base, name.split("."), USUAL)
    for condition in conditions:
        _put(base, condition.property.split("."), _holding(condition, caller))
    found = [base]
    for turn in range(MAX_PROPERTIES):
        properties: dict[str, Any] = _copied(base)
        for variable, name in save.items():
            values = vocabulary.of((variable,))
            if values and name not in {condition.property for condition in conditions}:
                _put(properties, name.split("."), values[min(turn, len(values) - 1)])
        if properties not in found:
            found.append(properties)
    return found


def _holding(condition: EventCondition, caller: str) -> Any:
    """A value that a condition holds for, as far as that is easy to say."""
    for name, _, template in condition.comparisons():
        if not template.fixed:
            return caller
        if name in ("is", "contains", "starts_with", "ends_with", "at_least", "at_most"):
            return template.constant
        if name == "greater_than" and isinstance(template.constant, (int, float)):
            return template.constant + 1
        if name == "less_than" and isinstance(template.constant, (int, float)):
            return template.constant - 1
    return None if condition.is_empty or condition.is_not_empty is False else USUAL


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _put(body: dict[str, Any], parts: Sequence[str | int], value: Any) -> None:
    """Put a value where a path leads; a path that another one stands in the way of is left out."""
    at: Any = body
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        inner: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(part, int) and isinstance(at, list):
            while len(at) <= part:
                at.append(inner)
        elif isinstance(part, str) and isinstance(at, dict):
            if following is None or part not in at:
                at[part] = inner
        else:
            return
        at = at[part]


def _path_parts(path: str) -> list[str | int]:
    """Names and indices of a JSONPath; what else it may have (a filter) is left out."""
    parts: list[str | int] = []
    for piece in path.removeprefix("$").replace("[", ".[").split("."):
        inside = piece.strip("[]'\" ")
        if piece.startswith("[") and inside.isdecimal():
            parts.append(min(int(inside), MAX_INDEX))
        elif inside and inside.replace("_", "a").replace("-", "a").isalnum():
            parts.append(inside)
    return parts
