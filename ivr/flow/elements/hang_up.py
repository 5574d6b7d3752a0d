"""hang_up: end the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.ports import HangUp

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["HangUpElement"]

ENDINGS: dict[str, tuple[int, str | None]] = {
    "normal": (480, None),
    "busy": (486, 'Q.850;cause=17;text="User busy"'),
    "rejected": (603, 'Q.850;cause=21;text="Call rejected"'),
}
"""Cause to the response before the answer, and the Reason header after it (RFC 3326, Q.850)."""


@element("hang_up")
class HangUpElement(Element):
    """Ends the call, after `prompt` where there is one. Only elements that need no caller may follow."""

    BRANCHES = (
        BranchSpec("next", "The call is over.", success=True, call_over=True),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False

    type: Literal["hang_up"] = "hang_up"
    cause: Literal["normal", "busy", "rejected"] = "normal"
    """What the caller's side is told."""
    prompt: PromptField | None = None
    """Heard first."""

    def run(self, ctx: Session) -> Run:
        if not ctx.up:
            return "next"
        if self.prompt is not None:
            spec = self.prompt.spec(ctx)
            if spec is not None:
                yield from play_prompt(ctx, spec)
        status, reason = ENDINGS[self.cause]
        ctx.cause = "ended_by_flow"
        ctx.emit(HangUp("ended_by_flow", status, reason))
        return "next"
