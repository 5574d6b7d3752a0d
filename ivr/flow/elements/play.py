"""play: let the caller hear something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run, element
from ivr.flow.elements.prompts import PromptFields, play_prompt
from ivr.flow.values import Duration

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["PlayElement"]

MAX_PAUSE = 5.0
"""Seconds of silence before a prompt; more sounds like a dead line."""

MAX_LOOP = 1000
"""Rounds; more are written `forever`."""


def _loop(value: object) -> object:
    return 0 if value == "forever" else -1 if value == 0 else value


@element("play")
class PlayElement(Element, PromptFields):
    """Lets the caller hear a text, a file, a URL or a recording made in the flow. What cannot be played is skipped
    with a note in the log. With `interruptible` a key stops the sound and counts as the first digit of the collect
    that follows."""

    BRANCHES = (
        BranchSpec("audio_played", "The sound was heard to its end, or a key stopped it.", success=True),
        USER_HUNG_UP,
        CALL_ENDED,
    )

    type: Literal["play"] = "play"
    pause: Annotated[Duration, Field(le=MAX_PAUSE)] = 0.0
    """Silence before the sound, the first time only."""
    loop: Annotated[
        int, BeforeValidator(_loop, json_schema_input_type=int | Literal["forever"]), Field(ge=0, le=MAX_LOOP)
    ] = 1
    """Times the sound is played, or `forever`."""
    interruptible: bool = False
    """A key stops the sound."""

    @model_validator(mode="after")
    def _loop_ends(self) -> PlayElement:
        if self.loop == 0 and not self.interruptible:
            raise ValueError("loop: forever only with interruptible: true")
        return self

    def silent_branches(self) -> frozenset[str] | None:
        return None if self.loop else frozenset()

    def run(self, ctx: Session) -> Run:
        ctx.interruptible_before = self.interruptible
        spec = self.spec(ctx)
        if spec is not None:
            heard = yield from play_prompt(
                ctx, spec, pause=self.pause, loop=self.loop, interruptible=self.interruptible
            )
            ctx.details["ended"] = heard.reason
        return "audio_played"
