"""set_variable: give variables values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivr.flow.elements.base import NEXT, Element, element
from ivr.flow.values import ValueTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["SetVariableElement"]

MAX_VARIABLES = 50
"""Variables that one element sets."""


@element("set_variable")
class SetVariableElement(Element):
    """Gives variables values, in the order written; a later one sees the earlier ones. A value that cannot be worked
    out is null, with a note in the log."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False

    type: Literal["set_variable"] = "set_variable"
    variables: dict[VariableName, ValueTemplate] = Field(min_length=1, max_length=MAX_VARIABLES)
    """Variable to value; an expression that is the whole value keeps its type."""

    def sets(self) -> tuple[str, ...]:
        return tuple(self.variables)

    def run(self, ctx: Session) -> str:
        for name, template in self.variables.items():
            value, sensitive = ctx.value(template, f"variables.{name}")
            ctx.set_variable(name, value, sensitive)
        return "next"
