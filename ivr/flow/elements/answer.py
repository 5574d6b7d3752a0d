"""answer: answer a call that is in early media."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import NEXT, Element, element

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["AnswerElement"]


@element("answer")
class AnswerElement(Element):
    """Answers a call that is in early media; nothing where it is answered."""

    BRANCHES = (NEXT,)

    type: Literal["answer"] = "answer"

    def run(self, ctx: Session) -> str:
        ctx.answer()
        return "next"
