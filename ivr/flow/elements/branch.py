"""branch: choose the way by conditions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from ivr.flow.elements.base import BranchSpec, Element, element
from ivr.flow.elements.conditions import Condition

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["BranchElement"]

MAX_CONDITIONS = 50
"""Conditions of one element."""

OTHERWISE = BranchSpec("otherwise", "No condition holds.", success=True)


@element("branch")
class BranchElement(Element):
    """Goes to the element of the first condition that holds, in the order written; `otherwise` (or `next`) when none
    does. A condition that cannot be worked out does not hold, with a note in the log."""

    BRANCHES = (OTHERWISE,)
    NEEDS_CALL = False

    type: Literal["branch"] = "branch"
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_CONDITIONS)]
    """What is asked, in this order."""

    @model_validator(mode="after")
    def _names_differ(self) -> BranchElement:
        names = [*self.ways, OTHERWISE.name]
        if len(self.ways) != len(self.conditions) or len(set(names)) != len(names):
            raise ValueError("two conditions have the same name")
        return self

    @cached_property
    def ways(self) -> dict[str, Condition]:
        """Branch to condition."""
        return {condition.name or str(index): condition for index, condition in enumerate(self.conditions, 1)}

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        return (*(BranchSpec(name, "The condition holds.") for name in self.ways), OTHERWISE)

    def own_targets(self) -> Mapping[str, str]:
        return {name: condition.to for name, condition in self.ways.items()}

    def own_path(self, branch: str) -> str:
        return f"conditions.{list(self.ways).index(branch)}.to"

    def run(self, ctx: Session) -> str:
        for name, condition in self.ways.items():
            if condition.holds(ctx, f"condition {name}"):
                return name
        return OTHERWISE.name
