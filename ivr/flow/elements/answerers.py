"""Who has answered a call of ours: what detection tells, or a key that a machine does not press."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.ports import AnswererFound, Event, MachineDetection
from ivr.flow.values import CallKey, Duration

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["ConfirmFields", "detect"]

DETECTION_GRACE: dict[MachineDetection, float] = {"fast": 20.0, "beep": 300.0}
"""Seconds in which an answerer is told: the greeting of a machine may go on for minutes before its beep."""


def detect(
    ctx: Session, dial: int, mode: MachineDetection
) -> Generator[float | None, Event | None, AnswererFound | None]:
    """What is told of who answered the call of this id; None where nothing ever is. Who presses a key is a person; what
    was pressed meanwhile is no input for what follows: nothing was asked yet."""
    began = ctx.now
    deadline = began + DETECTION_GRACE[mode]
    while True:
        event: Any = yield deadline
        if ctx.keys:
            while ctx.keys:
                key = ctx.keys.popleft()
                ctx.trace_key(key, key.digit)
            if type(event) is not AnswererFound:
                return AnswererFound(dial, "human", 1.0, ctx.now - began, reason="key")
        if event is None:
            ctx.note("who answered was never told", "error")
            return None
        if type(event) is AnswererFound and event.id == dial:
            return event


class ConfirmFields(BaseModel):
    """Asks who answers to press a key: a machine does not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: PromptField
    """What asks for it."""
    key: CallKey | Literal["any"] = "any"
    """Which key; others are passed over."""
    wait: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    """Time for it after the prompt."""
    attempts: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """Times that the prompt is played: a person may still hold the phone away from the ear during the first."""

    def ask(self, ctx: Session, dial: int) -> Generator[float | None, Event | None, AnswererFound]:
        """A person where the key comes; nobody knows who where none does."""
        began = ctx.now
        for _ in range(self.attempts):
            spec = self.prompt.spec(ctx)
            if spec is not None:
                yield from play_prompt(ctx, spec, interruptible=True)
            until = ctx.now + self.wait
            while True:
                while ctx.keys:
                    key = ctx.keys.popleft()
                    ctx.trace_key(key, key.digit)
                    if self.key in ("any", key.digit):
                        return AnswererFound(dial, "human", 1.0, ctx.now - began, reason="key")
                if ctx.now >= until:
                    break
                yield until
        return AnswererFound(dial, "unknown", 0.0, ctx.now - began, reason="no key")
