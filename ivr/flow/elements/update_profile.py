"""update_profile: keep something about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ivr.flow.elements.base import NEXT, Element, element
from ivr.flow.expressions import ExpressionError, Sensitive
from ivr.flow.operations import json_value
from ivr.flow.ports import UpdateProfile
from ivr.flow.values import TextTemplate, ValueTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["UpdateProfileElement"]

MAX_FIELDS = 50
"""Fields that one element changes."""


@element("update_profile")
class UpdateProfileElement(Element):
    """Changes fields of a person's profile: of the caller (the contact for whom the flow runs), or of the number
    named. What this flow reads as `profile` has the changes at once. `null` removes a field; a value that cannot be
    worked out leaves it as it is, with a note in the log."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False

    type: Literal["update_profile"] = "update_profile"
    fields: dict[VariableName, ValueTemplate] = Field(min_length=1, max_length=MAX_FIELDS)
    """Field to value: fixed, an expression, or `null`."""
    number: TextTemplate | None = None
    """Whose profile; default: the caller's, or the contact's."""

    def run(self, ctx: Session) -> str:
        number = ctx.contact if self.number is None else ctx.text(self.number, "number")[0].strip()
        if not number:
            ctx.note("update_profile: there is no number whose profile it is")
            return "next"
        changes: dict[str, Any] = {}
        secret: set[str] = set()
        for name, template in self.fields.items():
            try:
                value, sensitive = template.render(ctx)
                changes[name] = json_value(value)
            except ExpressionError as error:
                ctx.note(f"fields.{name}: {error}")
                continue
            if sensitive:
                secret.add(name)
        if changes:
            ctx.emit(UpdateProfile(number, changes, frozenset(secret)))
            ctx.details["profile"] = list(changes)
            if number == ctx.contact:
                ctx.change_profile(
                    {
                        name: Sensitive(value) if name in secret and value is not None else value
                        for name, value in changes.items()
                    }
                )
        return "next"
