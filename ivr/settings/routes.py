"""Which queue a call goes to where its flow names none (`routes`): ordered rules, the first that matches wins.

routes:
  - {name: vip, when: [{fact: profile.tier, is: gold}], queue: sales, priority: 9}
  - {name: german, when: [{fact: tags, contains: german}, {fact: from, starts_with: "+49"}], match: any, queue: sales}
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from ivr.settings.connectors import Name
from ivr.settings.values import Section

__all__ = [
    "NO_FACT",
    "PARTED_FACTS",
    "ROUTE_FACTS",
    "ROUTE_OPERATORS",
    "Priority",
    "Route",
    "RouteCondition",
    "SkillLevel",
    "is_fact",
]

MAX_CONDITIONS = 20
"""Of one route: with more nobody sees why it matches."""
MAX_LIST = 200
"""Items of a list."""

ROUTE_FACTS = ("from", "to", "line", "direction", "contact", "flow", "origin", "tags")
"""Facts of a call that routes look at, besides those of several parts."""
PARTED_FACTS = ("profile", "collected", "metadata", "variables")
"""Facts of which a part is looked at, by its name behind a dot."""
NO_FACT = f"not a fact of a call: one of {', '.join((*ROUTE_FACTS, *(f'{name}.…' for name in PARTED_FACTS)))}"
_PARTS = re.compile(r"(\.[A-Za-z0-9_-]+){1,9}", re.ASCII)

Priority = Annotated[int, Field(ge=1, le=10)]
"""1 to 10, higher first."""
SkillLevel = Annotated[int, Field(ge=1, le=10)]
"""1 to 10, 10 is best."""


def is_fact(name: str) -> bool:
    """Whether calls can have a fact of this name, with dots before its parts."""
    head, dot, parts = name.partition(".")
    return name in ROUTE_FACTS or (head in PARTED_FACTS and _PARTS.fullmatch(dot + parts) is not None)


def _fact(value: str) -> str:
    if not is_fact(value):
        raise ValueError(NO_FACT)
    return value


def _plain(value: Any) -> Any:
    if not isinstance(value, (str, int, float, date)):
        raise ValueError("not a plain value: a text, a number, a date, true or false")
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError('not a date: "2026-12-24" or "2026-12-24T10:00"') from None
    elif not isinstance(value, date):
        raise ValueError('not a date: "2026-12-24" or "2026-12-24T10:00"')
    return value


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


_PLAIN_SCHEMA = {"type": ["string", "number", "boolean"]}

Plain = Annotated[Any, AfterValidator(_plain), WithJsonSchema(_PLAIN_SCHEMA)]
Moment = Annotated[Any, AfterValidator(_moment), WithJsonSchema({"type": "string"})]
PlainList = Annotated[
    tuple[Plain, ...],
    Field(min_length=1, max_length=MAX_LIST),
    BeforeValidator(_several),
]

ROUTE_OPERATORS = (
    "is",
    "is_not",
    "contains",
    "does_not_contain",
    "starts_with",
    "in_list",
    "not_in_list",
    "until",
    "since",
)
"""Operators of conditions, as the element `branch` has them."""


class RouteCondition(Section):
    """What must hold of one fact of a call: every operator that is named.

    A fact that the call does not have is empty: `is_not`, `does_not_contain` and `not_in_list` hold of it.
    """

    fact: Annotated[str, AfterValidator(_fact)]
    """What is looked at: `from`, `to`, `line`, `direction`, `contact`, `flow`, `origin`, `tags`, `profile.*`,
    `collected.*`, `metadata.*`, `variables.*`."""
    is_: Annotated[Plain | None, Field(alias="is")] = None
    """Equal; texts without regard to case."""
    is_not: Plain | None = None
    contains: Plain | None = None
    """A text has this part, a list this item."""
    does_not_contain: Plain | None = None
    starts_with: Plain | None = None
    in_list: PlainList | None = None
    """Equal to one of these."""
    not_in_list: PlainList | None = None
    until: Moment | None = None
    """A date, before or on this one; a plain date counts to its end."""
    since: Moment | None = None
    """A date, after or on this one."""

    @model_validator(mode="after")
    def _some_operator(self) -> RouteCondition:
        if not self.operators:
            raise ValueError(f"a condition needs an operator: one of {', '.join(ROUTE_OPERATORS)}")
        return self

    @property
    def operators(self) -> tuple[tuple[str, Any], ...]:
        """The operators that are named, each with what it compares with."""
        found = ((name, self.is_ if name == "is" else getattr(self, name)) for name in ROUTE_OPERATORS)
        return tuple((name, value) for name, value in found if value is not None)


class Route(Section):
    """One rule."""

    name: Annotated[str, Field(max_length=64)] = ""
    """For `explain` and reports; default: its number from 1."""
    when: Annotated[tuple[RouteCondition, ...], Field(max_length=MAX_CONDITIONS)] = ()
    """Conditions; without any the rule matches every call."""
    match: Literal["all", "any"] = "all"
    """Whether all conditions must hold, or one."""
    queue: Name
    """Where the call goes."""
    priority: Priority | None = None
    """Of the call, where its flow says none; None: 5."""
    skills: dict[Name, SkillLevel] = Field(default_factory=dict)
    """Skills that the agent needs, each with the least level, where the queue's order is `by_skill`."""
    enabled: bool = True
    """A rule that is not is passed over."""
