"""Which number a caller wants to be called back on: his own is spoken by digits, and can be confirmed or changed. One
that cannot be called is not promised: he is asked for another."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.prompts import play_prompt
from ivr.flow.ports import Event, JudgeNumber, NumberJudged, Play, PromptSpec
from ivr.flow.spoken.waiting import phrases_of
from ivr.flow.values import plain_number

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["Asking", "ask_number"]

ROUNDS = 3
"""Numbers that a caller may try before he goes on waiting."""

ATTEMPTS = 2
"""Times that each question is put."""

BOOKING_SECONDS = 180.0
"""Of the whole dialogue: two numbers can be entered, heard and confirmed in it without haste. Who is at it is not
thrown out of it by the longest wait; so it must have an end of its own."""

PARTING_SECONDS = 20.0
"""Of the sentence that no call back is noted."""

JUDGE_GRACE = 5.0
"""Seconds in which it must be said whether a number can be called; it is said at once, or after a look in the store."""

CONFIRM, OTHER = "1", "2"

NUMBER = re.compile(r"\+?\d{3,20}", re.ASCII)
"""What can be called back."""

Asking = Generator[float | None, Event | None, str]

T = TypeVar("T")

CHOICE = CollectElement.model_validate({"type": "collect", "responses": {CONFIRM: "-", OTHER: "-"}, "wait": 5})
KEYED = CollectElement.model_validate({"type": "collect", "min_digits": 3, "max_digits": 20, "wait": 8})


def ask_number(ctx: Session) -> Asking:
    """The number to call back; empty: none, and the caller has been told so. Ends after :data:`BOOKING_SECONDS` and
    :data:`PARTING_SECONDS` at the latest."""
    number = yield from _within(ctx, BOOKING_SECONDS, _dialogue(ctx))
    if not number:
        phrases = phrases_of(ctx.language)
        spec = PromptSpec("text", phrases.words.not_kept, phrases.language)
        yield from _within(ctx, PARTING_SECONDS, play_prompt(ctx, spec))
    return number or ""


def _within(
    ctx: Session, seconds: float, inner: Generator[float | None, Event | None, T]
) -> Generator[float | None, Event | None, T | None]:
    """Do something for so long at the most: what came of it, None where the time is over."""
    end = ctx.now + seconds
    try:
        due = next(inner)
        while True:
            event = yield end if due is None or due > end else due
            if ctx.now >= end:
                playing = ctx.under_way.running(Play, ctx.commands)
                if playing is not None:
                    ctx.stop_play(playing)
                return None
            due = inner.send(event)
    except StopIteration as stop:
        found: T = stop.value
        return found
    finally:
        inner.close()


def _dialogue(ctx: Session) -> Asking:
    phrases = phrases_of(ctx.language)
    number = plain_number(ctx.party)
    if not NUMBER.fullmatch(number) or not (yield from _is_callable(ctx, number)):
        number = ""
    for _ in range(ROUNDS):
        if not number:
            number = yield from _put(ctx, phrases.words.enter, phrases.language, KEYED)
            if not number:
                break
            if not (yield from _is_callable(ctx, number)):
                number = ""
                yield from play_prompt(ctx, PromptSpec("text", phrases.words.uncallable, phrases.language))
                continue
        answer = yield from _put(ctx, phrases.confirm(number), phrases.language, CHOICE)
        if answer == CONFIRM:
            return number
        if answer != OTHER:
            break
        number = ""
    return ""


def _is_callable(ctx: Session, number: str) -> Generator[float | None, Event | None, bool]:
    command = JudgeNumber(ctx.next_id(), number)
    ctx.emit(command)
    deadline = ctx.now + JUDGE_GRACE
    while True:
        event = yield deadline
        if event is None:
            ctx.note("it was never said whether a number can be called back", "error")
        elif type(event) is not NumberJudged or event.id != command.id:
            continue
        found = isinstance(event, NumberJudged) and event.callable
        ctx.enter("numbers", {"callable": found, "at": ctx.offset(ctx.now)})
        return found


def _put(ctx: Session, words: str, language: str, answers: CollectElement) -> Asking:
    """Put a question; the keys that answer it, empty where none do."""
    for _ in range(ATTEMPTS):
        yield from play_prompt(ctx, PromptSpec("text", words, language), interruptible=True)
        ctx.interruptible_before = True
        branch = yield from answers.run(ctx)
        if branch not in ("no_match", "no_input"):
            return str(ctx.result["digits"]) if ctx.result is not None else ""
    return ""
