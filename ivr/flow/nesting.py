"""An element that runs inside another one: what it enters in the trace stands in an entry of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ivr.flow.elements.base import CallOver, Run
from ivr.flow.ports import Event

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["inside"]


def inside(ctx: Session, entry: dict[str, Any], run: Run | str, seen: Callable[[Event], None] | None = None) -> Run:
    """Drive an element to its branch; `seen` gets every event before it."""
    if isinstance(run, str):
        return run
    outer, ctx.details = ctx.details, entry
    try:
        deadline = next(run)
        while True:
            ctx.details = outer
            try:
                event = yield deadline
            except CallOver as over:
                ctx.details = entry
                deadline = run.throw(over)
                continue
            ctx.details = entry
            if seen is not None and event is not None:
                seen(event)
            deadline = run.send(event)
    except StopIteration as stop:
        return str(stop.value)
    finally:
        ctx.details = entry
        run.close()
        ctx.details = outer
