"""Waiting for something while the caller, where there is one, hears something."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Literal

from ivr.flow.elements.prompts import PromptField
from ivr.flow.ports import Event, PromptSpec

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["FILLER_AFTER", "Filler", "Meanwhile", "filler_spec"]

FILLER_AFTER = 1.0
"""Seconds before a filler begins: an answer that comes sooner is not announced by a scrap of music."""

Filler = Literal["music", "none"] | PromptField
"""What is heard meanwhile: music, nothing, or a prompt that is repeated."""


def filler_spec(ctx: Session, filler: Any) -> PromptSpec | None:
    """The sound of a filler; None where nothing is to be heard."""
    if not ctx.up or filler == "none":
        return None
    if filler == "music":
        return PromptSpec("tone", "music")
    spec: PromptSpec | None = filler.spec(ctx)
    return spec


class Meanwhile:
    """What the caller hears, again and again, through one or more waits of an element."""

    __slots__ = ("_ctx", "_playing", "_spec", "_starts")

    def __init__(self, ctx: Session, spec: PromptSpec | None, after: float = FILLER_AFTER) -> None:
        """It begins `after` seconds from now."""
        self._ctx = ctx
        self._spec = spec
        self._starts = ctx.now + after
        self._playing: int | None = None

    def wait(
        self, deadline: float | None, wanted: Callable[[Event], bool] | None = None
    ) -> Generator[float | None, Event | None, Event | None]:
        """The first event that is wanted; None when the deadline has come (None: never) without one."""
        ctx = self._ctx
        while deadline is None or ctx.now < deadline:
            until = deadline
            if self._spec is not None:
                if ctx.now >= self._starts:
                    self._playing, self._spec = ctx.play((self._spec,), 0.0, 0), None
                elif until is None or self._starts < until:
                    until = self._starts
            event = yield until
            if event is not None and wanted is not None and wanted(event):
                return event
        return None

    def stop(self) -> None:
        """Be silent."""
        self._spec = None
        if self._playing is not None:
            self._ctx.stop_play(self._playing)
            self._playing = None
