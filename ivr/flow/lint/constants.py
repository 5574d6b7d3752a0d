"""Conditions whose outcome is known beforehand: nothing in the flow changes the variables that they read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from ivr.flow.elements.branch import OTHERWISE, BranchElement
from ivr.flow.elements.conditions import Condition
from ivr.flow.expressions import ExpressionError, Scope
from ivr.flow.walk import templates

if TYPE_CHECKING:
    from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
    from ivr.flow.model import Flow

__all__ = ["fixed_variables", "never_taken"]

OF_THE_DAY = ("before", "until", "since", "after", "within", "within_next", "today", "weekday", "between")
"""Operators that may ask for the time of the call."""


def fixed_variables(flow: Flow, callers: Sequence[tuple[Flow, str, TransferToFlowElement]]) -> frozenset[str]:
    """Variables that have their default in every call, from beginning to end."""
    if any(element.OUTSIDE for element in flow.elements.values()) or (flow.flow_entry is not None and not callers):
        return frozenset()  # who begins the flow may bring values
    given = {name for _, _, element in callers for name in element.pass_}
    given.update(name for element in flow.elements.values() for name in element.sets())
    return frozenset(flow.variables.keys() - given)


def never_taken(element: BranchElement, flow: Flow, fixed: frozenset[str]) -> frozenset[str]:
    """Branches that are never taken while those variables have their defaults."""
    never: set[str] = set()
    decided = False
    for way, condition in element.ways.items():
        outcome = False if decided else _outcome(condition, flow, fixed)
        if outcome is False:
            never.add(way)
        decided = decided or outcome is True
    return frozenset(never | {OTHERWISE.name}) if decided else frozenset(never)


class _Defaults(Scope):
    """A call of which nothing is known but the defaults of the variables."""

    def wall_time(self) -> datetime:
        return datetime(2000, 1, 1, tzinfo=UTC)


def _outcome(condition: Condition, flow: Flow, fixed: frozenset[str]) -> bool | None:
    """Whether a condition holds; None where that depends on the call."""
    reads = {name for _, template in templates(condition) for each in template.expressions for name in each.names}
    if not reads <= fixed or any(getattr(condition, name) is not None for name in OF_THE_DAY):
        return None
    scope = _Defaults(flow.variables, sensitive=flow.sensitive)
    try:
        if condition.when is not None:
            return bool(condition.when.render(scope).value)
        assert condition.value is not None
        return condition.compare(cast(Any, scope), condition.value.render(scope).value)
    except (ExpressionError, OverflowError):
        return False
