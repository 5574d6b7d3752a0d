"""do_not_contact: keep the list of those who want no calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from ivr.flow.elements.base import NEXT, Element, Exposure, element
from ivr.flow.ports import DoNotContact
from ivr.flow.values import TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["DoNotContactElement"]


@element("do_not_contact")
class DoNotContactElement(Element):
    """Puts a number on the do-not-contact list, or takes it off: that of the caller (of who was called
    last), or the one named."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"number": "reported", "reason": "reported"}

    type: Literal["do_not_contact"] = "do_not_contact"
    action: Literal["add", "remove"] = "add"
    """What to do."""
    number: TextTemplate | None = None
    """Which number; default: the caller's."""
    reason: TextTemplate | None = None
    """For people who read the list; a sensitive value is left out."""

    def run(self, ctx: Session) -> str:
        number = ctx.party if self.number is None else ctx.text(self.number, "number")[0].strip()
        if not number:
            ctx.note("do_not_contact: there is no number")
            return "next"
        reason = ""
        if self.reason is not None:
            text, sensitive = ctx.text(self.reason, "reason")
            reason = "" if sensitive else text
        ctx.emit(DoNotContact(self.action, number, reason))
        ctx.details["do_not_contact"] = self.action
        return "next"
