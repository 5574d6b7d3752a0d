"""Properties: the JSON values that come with an event, a campaign's contact or a request that starts a flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from ivr.flow.elements.conditions import Operators, steady
from ivr.flow.expressions import ExpressionError, Sensitive
from ivr.flow.values import VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = [
    "EventCondition",
    "EventConditions",
    "PropertyName",
    "SavedProperties",
    "constants",
    "holds",
    "may_hold",
    "property_of",
    "save_properties",
]

MAX_CONDITIONS = 20
"""Conditions on the properties of one event."""
MAX_SAVED = 50
"""Properties that one element keeps."""

PropertyName = Annotated[str, Field(min_length=1, max_length=200)]
"""Name of a property; `order.id` is the property `id` of the record `order`."""

SavedProperties = Annotated[dict[VariableName, PropertyName], Field(max_length=MAX_SAVED)]
"""Variable to the property that it gets."""


class EventCondition(Operators):
    """What must hold of one property of the event; a property that is missing is null."""

    property: PropertyName
    """Its name; `order.id` is inside `order`."""

    @model_validator(mode="after")
    def _has_operator(self) -> EventCondition:
        if not self.has_operator:
            raise ValueError("an operator is missing, like is")
        return self


EventConditions = Annotated[tuple[EventCondition, ...], Field(max_length=MAX_CONDITIONS)]
"""Conditions that must all hold."""


def property_of(properties: Mapping[str, Any], name: str) -> Any:
    """A property by name, or by names with dots between; None where there is none."""
    value: Any = properties
    for part in [name] if name in properties else name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def holds(ctx: Session, conditions: Iterable[EventCondition], properties: Mapping[str, Any]) -> bool:
    """Whether all conditions hold; one that cannot be worked out does not, with a note."""
    for condition in conditions:
        try:
            if not condition.compare(ctx, property_of(properties, condition.property)):
                return False
        except (ExpressionError, OverflowError) as error:
            ctx.note(f"condition {condition.property}: {error}")
            return False
    return True


def constants(ctx: Session, conditions: Iterable[EventCondition]) -> list[tuple[str, str, Any]]:
    """What of conditions stays as it is while a flow waits: property, operator and what it compares with."""
    return [(condition.property, name, value) for condition in conditions for name, value in condition.constants(ctx)]


def may_hold(checks: Iterable[tuple[str, str, Any]], properties: Mapping[str, Any]) -> bool:
    """Whether conditions can hold, as far as their constants tell; false where :func:`holds` is."""
    try:
        return all(steady(operator, property_of(properties, name), value) for name, operator, value in checks)
    except (ExpressionError, OverflowError):
        return False


def save_properties(ctx: Session, save: Mapping[str, str], properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep properties in variables. The properties as results may have them: what a sensitive variable got is
    sensitive."""
    for variable, name in save.items():
        ctx.set_variable(variable, property_of(properties, name))
        if ctx.is_sensitive(variable):
            properties = _hidden(properties, [name] if name in properties else name.split("."))
    return properties


def _hidden(properties: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    first, *rest = path
    if first not in properties:
        return properties
    inner = properties[first]
    if rest and isinstance(inner, Mapping):
        return {**properties, first: _hidden(inner, rest)}
    return properties if type(inner) is Sensitive else {**properties, first: Sensitive(inner)}
