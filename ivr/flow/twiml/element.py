"""The element that runs a document which somebody outside has put in place of what a call was doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import CALL_ENDED, NEXT, Element, Run
from ivr.flow.twiml.interpreter import run

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["DocumentElement"]


class DocumentElement(Element):
    """Goes on in a document. It stands in no file: the flow is made for one call."""

    BRANCHES = (NEXT, CALL_ENDED)

    type: Literal["document"] = "document"
    application: str
    """An application that speaks TwiML, or `ai_agents/NAME`."""
    document: str
    """The document itself, or its URL."""

    def run(self, ctx: Session) -> Run:
        ctx.details["application"] = self.application
        ended = yield from run(ctx, self.application, self.document)
        ctx.details["outcome"] = ended.reason
        if ended.text:
            ctx.details["text"] = ended.text[:200]
        return NEXT.name if ctx.up else self.ended(ctx.cause or "system")
