"""The element that runs a document which somebody outside has named: in place of what a call was doing, or as what a
call that was asked for begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import CALL_ENDED, NEXT, BranchSpec, Element, Run
from ivr.flow.keys_out import keys_sent
from ivr.flow.model import Flow
from ivr.flow.ports import Screen
from ivr.flow.twiml.interpreter import Placed, aside, run
from ivr.flow.twiml.outcome import HangsUp
from ivr.flow.twiml.talk import Go, Talk

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["DOCUMENT", "SCREEN", "DocumentElement", "screening_flow"]

SCREEN = "screen"
"""The only element of a flow that runs the document of a called party."""
SCREEN_VERBS = frozenset({"Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Reject"})
"""What may stand in that document."""

DOCUMENT = "document"
"""Variable with the document, or its URL, of a call that was asked for: it may be long, and flows are remembered."""
ANSWERED_BY = {
    ("human", "fast"): "human",
    ("human", "beep"): "human",
    ("machine", "fast"): "machine_start",
    ("machine", "beep"): "machine_end_beep",
}
"""AnsweredBy of who was found, by the kind of search."""


class DocumentElement(Element):
    """Goes on in a document. It stands in no file: the flow is made for one call."""

    BRANCHES = (NEXT, CALL_ENDED)

    type: Literal["document"] = "document"
    application: str
    """An application that speaks TwiML, or `ai_agents/NAME`."""
    document: str = ""
    """The document itself, or its URL; empty: the variable `document` has it."""
    method: Literal["GET", "POST"] = "POST"
    """How it is asked for."""
    fallback: str | None = None
    """Asked for where there is none to be had; None: as the application says."""
    keys: str = ""
    """Sent to who was called, before anything else."""
    detection: Literal["off", "fast", "beep"] = "off"
    """How it was found out who has answered."""
    placed: bool = False
    """The call was asked for over the calls resource: how it fares is told by who listens to the feed."""
    to: str = ""
    """Whom it was asked for, where that is no number: `client:200`, `sip:…`."""

    def run(self, ctx: Session) -> Run:
        ctx.details["application"] = self.application
        document = self.document or str(ctx.variables.get(DOCUMENT, ""))
        found = str((ctx.result or {}).get("answerer", "unknown"))
        placed = None
        if self.placed:
            answered_by = "" if self.detection == "off" else ANSWERED_BY.get((found, self.detection), "unknown")
            placed = Placed(answered_by, self.fallback)
            ctx.called_as = self.to
        if self.keys:
            yield from keys_sent(ctx, self.keys)
        ended = yield from run(ctx, self.application, document, method=self.method, placed=placed)
        ctx.details["outcome"] = ended.reason
        if ended.cause == "user_hung_up":
            ctx.details["caller_left"] = True
        if ended.text:
            ctx.details["text"] = ended.text[:200]
        return NEXT.name if ctx.up else self.ended(ctx.cause or "system")


class ScreenElement(Element):
    """Lets a called party hear a document before it is connected. It stands in no file."""

    BRANCHES = (NEXT, BranchSpec("declined", "The party does not take the call."), CALL_ENDED)

    type: Literal["screen"] = "screen"
    screen: Screen

    def run(self, ctx: Session) -> Run:
        screen = self.screen
        ctx.answered = True
        talk = Talk(ctx, screen.terms, None, secret=screen.secret)
        talk.sid = screen.params.get("CallSid", talk.sid)
        talk.more.update(screen.params)
        talk.verbs = SCREEN_VERBS
        outcome = yield from aside(talk, Go(screen.url, screen.method))
        return "declined" if isinstance(outcome, HangsUp) else NEXT.name


def screening_flow(screen: Screen) -> Flow:
    """The flow of a called party that has answered, and is not connected yet."""
    element = ScreenElement.model_construct(type="screen", screen=screen, next=None, branches={})
    return Flow("(screening)", {SCREEN: element}, "")
