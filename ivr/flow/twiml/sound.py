"""Say, Play, Pause: what the caller hears, alone or inside a Gather."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ivr.flow.control import literal
from ivr.flow.elements.base import Run
from ivr.flow.elements.play import MAX_LOOP, PlayElement
from ivr.flow.elements.prompts import play_prompt
from ivr.flow.keys_out import KEYS_TO_SEND, keys_sent
from ivr.flow.nesting import inside
from ivr.flow.ports import Digit, Event
from ivr.flow.twiml.document import TwimlError, Verb

if TYPE_CHECKING:
    from ivr.flow.session import Session
    from ivr.flow.twiml.talk import Talk

__all__ = ["heard"]

GENDERS = {"man": "male", "woman": "female", "alice": "female"}
"""Voices that Twilio has of its own; others (`Polly.Joanna`) are names that no engine here has."""
MAX_PAUSE = 3600.0
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+|\s+")

Hears = Generator[float | None, Event | None, bool]


def heard(talk: Talk, verb: Verb, base: str, entry: dict[str, Any], *, interruptible: bool = False) -> Hears:
    """Let the caller hear a verb; whether a key cut it short."""
    match verb.name:
        case "Say":
            return (yield from _say(talk, verb, entry, interruptible))
        case "Play" if verb.get("digits"):
            yield from _keys(talk, verb.get("digits").replace("W", "ww"))
            return False
        case "Play":
            url = talk.resolve(base, verb.text)
            return (yield from _element(talk.ctx, entry, {"url": literal(url)}, _loop(verb), interruptible))
        case _:
            seconds = verb.number("length", 1.0, 0.0, MAX_PAUSE)
            return (yield from _pause(talk.ctx, seconds, interruptible))


def _say(talk: Talk, verb: Verb, entry: dict[str, Any], interruptible: bool) -> Hears:
    ctx = talk.ctx
    words = _words(verb)
    if not words:
        talk.notice(13520, "there is nothing to be said", "Say")
        return False
    fields: dict[str, Any] = {}
    voice = verb.get("voice").strip().lower()
    if voice in GENDERS:
        fields["voice"] = {"gender": GENDERS[voice]}
    elif voice:
        talk.notice(13512, "this voice is not there: the configured one speaks", "Say")
    if language := verb.get("language").strip():
        fields["language"] = literal(language[:35])
    loop = _loop(verb)
    pieces = list(_pieces(words, ctx.text_characters))
    # A long text is said piece by piece, so that each of them is within what one prompt may have.
    rounds = 1 if len(pieces) == 1 else loop or MAX_LOOP
    for _ in range(rounds):
        for piece in pieces:
            times = loop if len(pieces) == 1 else 1
            cut = yield from _element(ctx, entry, {"text": literal(piece), **fields}, times, interruptible)
            if cut:
                return True
    return False


def _words(verb: Verb) -> str:
    """What is to be said: elements of SSML inside are read as their words."""
    return " ".join(filter(None, [verb.text, *(_words(child) for child in verb.children)]))


def _pieces(text: str, most: int) -> Iterator[str]:
    piece = ""
    for word in _SENTENCE.split(text):
        if piece and len(piece) + 1 + len(word) > most:
            yield piece
            piece = ""
        piece = f"{piece} {word}" if piece else word[:most]
    if piece:
        yield piece


def _loop(verb: Verb) -> int:
    """Times; 0: until the call is over."""
    return int(verb.number("loop", 1, 0, MAX_LOOP))


def _element(ctx: Session, entry: dict[str, Any], fields: dict[str, Any], loop: int, interruptible: bool) -> Hears:
    try:
        element = PlayElement.model_validate(
            {"type": "play", "loop": loop or 1, **fields, "interruptible": interruptible}
        )
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise TwimlError(f"{found['loc'][0] if found['loc'] else 'Play'}: {found['msg']}") from None
    run = element.run(ctx) if loop else _for_ever(ctx, element, interruptible)
    yield from inside(ctx, entry, run)
    return interruptible and bool(ctx.keys)


def _for_ever(ctx: Session, element: PlayElement, interruptible: bool) -> Run:
    spec = element.spec(ctx)
    if spec is not None:
        yield from play_prompt(ctx, spec, loop=0, interruptible=interruptible)
    return "audio_played"


def _pause(ctx: Session, seconds: float, interruptible: bool) -> Hears:
    until = ctx.now + seconds
    while ctx.now < until:
        if interruptible and ctx.keys:
            return True
        event = yield until
        if interruptible and type(event) is Digit:
            return True
    return False


def _keys(talk: Talk, keys: str) -> Generator[float | None, Event | None, None]:
    if not KEYS_TO_SEND.fullmatch(keys):
        raise TwimlError("digits: up to 64 of 0-9 * # A-D and w", 13510)
    yield from keys_sent(talk.ctx, keys)
