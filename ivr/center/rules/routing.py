"""Which queue a call goes to: rules in order, the first that matches wins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.center.rules.explaining import ConditionVerdict, RouteVerdict
from ivr.errors import IvrError
from ivr.flow.elements.conditions import OPERATORS
from ivr.settings import Route, RouteCondition

__all__ = ["NORMAL_PRIORITY", "Routing", "examine", "fact_of", "needed_skills", "route", "routed"]

NORMAL_PRIORITY = 5
"""Of a call whose flow and route say none."""
SHOWN = 60
"""Characters of a value in an explanation."""
SKILL_TAG = "skill:"
"""Begins tags that name a skill, perhaps with a level: `skill:german`, `skill:german:5`."""
HIGHEST_LEVEL = 10

_WORDS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "does_not_contain": "does not contain",
    "starts_with": "starts with",
    "in_list": "is one of",
    "not_in_list": "is none of",
    "until": "is before or on",
    "since": "is after or on",
}


@dataclass(frozen=True, slots=True)
class Routing:
    """What the rules say of a call."""

    route: Route | None
    """The one that matched."""
    name: str
    """Its name; empty without one."""


def name_of(route: Route, index: int) -> str:
    """How people call a rule."""
    return route.name or str(index + 1)


def fact_of(facts: Mapping[str, Any], name: str) -> Any:
    """A fact by its name with dots, as it stands or part by part; None where the call has no such fact."""
    if name in facts:
        return facts[name]
    head, dot, rest = name.rpartition(".")
    tail: list[str] = []
    while dot:
        tail.insert(0, rest)
        if head in facts:
            value: Any = facts[head]
            for part in tail:
                value = value.get(part) if isinstance(value, Mapping) else None
            return value
        head, dot, rest = head.rpartition(".")
    return None


def _holds(operator: str, value: Any, other: Any, now: datetime) -> bool:
    """Whether an operator holds of a value; false where that cannot be told (a text under a date)."""
    try:
        if operator in ("in_list", "not_in_list"):
            return any(OPERATORS["is"](value, item, now) for item in other) == (operator == "in_list")
        return OPERATORS[operator](value, other, now)
    except (IvrError, OverflowError, ValueError):
        return False


def _condition_holds(condition: RouteCondition, facts: Mapping[str, Any], now: datetime) -> bool:
    value = fact_of(facts, condition.fact)
    return all(_holds(operator, value, other, now) for operator, other in condition.operators)


def _matches(route: Route, facts: Mapping[str, Any], now: datetime) -> bool:
    found = (_condition_holds(condition, facts, now) for condition in route.when)
    return not route.when or (all(found) if route.match == "all" else any(found))


def route(routes: Iterable[Route], facts: Mapping[str, Any], now: datetime) -> Routing:
    """The first enabled rule that matches; `now` in the zone of the configuration."""
    for index, each in enumerate(routes):
        if each.enabled and _matches(each, facts, now):
            return Routing(each, name_of(each, index))
    return Routing(None, "")


def examine(
    routes: Iterable[Route], facts: Mapping[str, Any], now: datetime, *, secret: bool = False
) -> tuple[RouteVerdict, ...]:
    """What each rule says, down to the one that matches; with `secret` no value of the call is shown."""
    found = []
    for index, each in enumerate(routes):
        verdict = _verdict(each, index, facts, now, secret)
        found.append(verdict)
        if verdict.matched:
            break
    return tuple(found)


def routed(verdicts: Iterable[RouteVerdict]) -> RouteVerdict | None:
    """The rule that matched."""
    return next((verdict for verdict in verdicts if verdict.matched), None)


def _verdict(route: Route, index: int, facts: Mapping[str, Any], now: datetime, secret: bool) -> RouteVerdict:
    name = name_of(route, index)
    if not route.enabled:
        return RouteVerdict(name, route.queue, False, "It is not enabled.")
    if not route.when:
        return RouteVerdict(name, route.queue, True, "It has no conditions and matches every call.")
    conditions: list[ConditionVerdict] = []
    for condition in route.when:
        mine = list(_condition_verdicts(condition, facts, now, secret))
        conditions += mine
        held = all(each.held for each in mine)
        if route.match == "all" and not held:
            failed = next(each for each in mine if not each.held)
            return RouteVerdict(name, route.queue, False, f"Does not hold: {failed.text}.", tuple(conditions))
        if route.match == "any" and held:
            text = " and ".join(each.text for each in mine)
            return RouteVerdict(name, route.queue, True, f"Holds: {text}.", tuple(conditions))
    if route.match == "all":
        return RouteVerdict(name, route.queue, True, "All its conditions hold.", tuple(conditions))
    return RouteVerdict(name, route.queue, False, "None of its conditions holds.", tuple(conditions))


def _condition_verdicts(
    condition: RouteCondition, facts: Mapping[str, Any], now: datetime, secret: bool
) -> Iterator[ConditionVerdict]:
    value = fact_of(facts, condition.fact)
    shown = "is hidden" if secret else f"is {_shown(value)}"
    for operator, other in condition.operators:
        text = f"{condition.fact} {_WORDS[operator]} {_shown(other)}; it {shown}"
        yield ConditionVerdict(condition.fact, text, _holds(operator, value, other, now))


def _shown(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "empty"
    text = ", ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def needed_skills(*sources: Any) -> tuple[tuple[str, int], ...]:
    """Skills with their least levels, of mappings to levels; the highest level counts."""
    levels: dict[str, int] = {}
    for source in sources:
        for name, level in _skills(source):
            levels[name] = max(levels.get(name, 1), min(HIGHEST_LEVEL, max(1, level)))
    return tuple(sorted(levels.items()))


def _skills(source: Any) -> Iterator[tuple[str, int]]:
    if isinstance(source, Mapping):
        for name, level in source.items():
            yield str(name), level if type(level) is int else 1


def tagged_skills(tags: Any) -> dict[str, int]:
    """Skills that tags of a call name."""
    found: dict[str, int] = {}
    for tag in tags if isinstance(tags, (list, tuple, set, frozenset)) else ():
        if isinstance(tag, str) and tag.startswith(SKILL_TAG):
            name, _, level = tag.removeprefix(SKILL_TAG).partition(":")
            least = int(level) if level.isascii() and level.isdigit() and len(level) < 3 else 1
            found[name] = max(least, found.get(name, 1))
    return found
