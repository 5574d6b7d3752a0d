"""pause: wait for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.prompts import PromptField
from ivr.flow.ports import PromptSpec
from ivr.flow.values import Duration

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["PauseElement"]

MAX_SILENT_PAUSE = 10.0
"""Seconds that a caller may be left without a sound."""


@element("pause")
class PauseElement(Element):
    """Waits. While a caller is there, more than 10 s only with `hold_music`; without it the pause is cut to 10 s."""

    BRANCHES = (BranchSpec("next", "The time is over.", success=True), USER_HUNG_UP, CALL_ENDED)
    NEEDS_CALL = False

    type: Literal["pause"] = "pause"
    duration: Duration
    """How long."""
    hold_music: bool | PromptField = False
    """What the caller hears meanwhile: `true` for music, or a prompt that is repeated."""

    def run(self, ctx: Session) -> Run:
        duration = self.duration
        number: int | None = None
        if ctx.up:
            if isinstance(self.hold_music, bool):
                spec = PromptSpec("tone", "music") if self.hold_music else None
            else:
                spec = self.hold_music.spec(ctx)
            if spec is not None:
                number = ctx.play((spec,), 0.0, 0)
            elif duration > MAX_SILENT_PAUSE:
                ctx.note("pause: cut to 10 s, the caller hears nothing (hold_music)")
                duration = MAX_SILENT_PAUSE
        until = ctx.now + duration
        while ctx.now < until:
            yield until
        if number is not None:
            ctx.stop_play(number)
        return "next"
