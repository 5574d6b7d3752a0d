"""Waiting while the caller hears something: driven by hand, the session is that of a real machine."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ivr.flow.elements.waiting import FILLER_AFTER, Meanwhile, filler_spec
from ivr.flow.ports import Digit, Play, PlayDone, PromptSpec, StopPlay
from ivr.flow.session import Session
from tests.kit.flow import Talk

MUSIC = PromptSpec("tone", "music")


@pytest.fixture
def ctx() -> Session:
    call = Talk("elements: {start: {type: start_from_flow, next: rest}, rest: {type: pause, duration: 1h}}")
    session = call.start().machine._ctx
    session.commands.clear()
    return session


def step(ctx: Session, waiting: Generator[Any, Any, Any], now: float, event: Any = None) -> Any:
    """The next deadline, or what the wait gives."""
    ctx.now = now
    try:
        return waiting.send(event)
    except StopIteration as stop:
        return ("over", stop.value)


def test_sound_begins_a_little_later_and_ends_with_the_wait(ctx: Session) -> None:
    start = ctx.now
    meanwhile = Meanwhile(ctx, MUSIC)
    waiting = meanwhile.wait(start + 10.0, lambda event: isinstance(event, PlayDone))
    assert step(ctx, waiting, start) == start + FILLER_AFTER and not ctx.commands
    assert step(ctx, waiting, start + FILLER_AFTER) == start + 10.0
    (play,) = ctx.commands
    assert isinstance(play, Play) and play.loop == 0
    assert step(ctx, waiting, start + 2.0, Digit("1")) == start + 10.0
    event = PlayDone(999)
    assert step(ctx, waiting, start + 3.0, event) == ("over", event)
    meanwhile.stop()
    meanwhile.stop()
    assert ctx.commands[1:] == [StopPlay(play.id)]


def test_it_goes_on_through_several_waits(ctx: Session) -> None:
    start = ctx.now
    meanwhile = Meanwhile(ctx, MUSIC)
    first = meanwhile.wait(start + 2.0)
    step(ctx, first, start)
    step(ctx, first, start + 1.0)
    assert step(ctx, first, start + 2.0) == ("over", None)
    second = meanwhile.wait(None)
    assert step(ctx, second, start + 2.0) is None
    assert len(ctx.commands) == 1


def test_a_short_wait_is_silent(ctx: Session) -> None:
    start = ctx.now
    meanwhile = Meanwhile(ctx, MUSIC)
    waiting = meanwhile.wait(start + 0.5)
    assert step(ctx, waiting, start) == start + 0.5
    assert step(ctx, waiting, start + 0.5) == ("over", None)
    meanwhile.stop()
    assert not ctx.commands


def test_nobody_hears_a_filler_without_a_caller(ctx: Session) -> None:
    assert filler_spec(ctx, "music") == MUSIC and filler_spec(ctx, "none") is None
    ctx.cause = "user_hung_up"
    assert filler_spec(ctx, "music") is None
