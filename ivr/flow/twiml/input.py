"""Gather and Record: what the caller keys in, and what he says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ivr.flow.control import literal
from ivr.flow.elements.collect import MAX_INPUT, CollectElement
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.expressions import Sensitive
from ivr.flow.nesting import inside
from ivr.flow.patterns import KEYS
from ivr.flow.ports import RecordDone
from ivr.flow.twiml.outcome import OVER, Doing
from ivr.flow.twiml.recorded import tell_recording
from ivr.flow.twiml.sound import heard

if TYPE_CHECKING:
    from ivr.flow.ports import Event
    from ivr.flow.twiml.document import Verb
    from ivr.flow.twiml.talk import Talk

__all__ = ["gather", "record"]

GATHER_TIMEOUT, RECORD_TIMEOUT = 5.0, 5.0
"""Seconds of silence, where the document says nothing else."""
MAX_TIMEOUT = 600.0
RECORD_LENGTH = 3600.0
LEAST = 0.2
"""Seconds below which nothing was said: the silence that ends a recording does not count."""


def gather(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Let the caller hear what stands in it, and take in keys meanwhile and afterwards."""
    ctx = talk.ctx
    if "speech" in verb.get("input", "dtmf").split():
        talk.notice(13335, "input: speech is not recognised here, keys alone are taken in", "Gather")
    talk.way(verb, base, {})  # an action that leads nowhere is said before the caller is asked
    timeout = verb.number("timeout", GATHER_TIMEOUT, 0.0, MAX_TIMEOUT)
    terminator = verb.get("finishOnKey", "#").strip()[:1]
    digits = int(verb.number("numDigits", 0, 0, MAX_INPUT))
    ctx.answer()
    ctx.keys.clear()
    barges = verb.flag("bargeIn", default=True)
    for child in verb.children:
        if child.name not in ("Say", "Play", "Pause"):
            talk.notice(12200, f"<{child.name[:40]}> does not stand in a Gather", "Gather")
        elif (yield from heard(talk, child, base, entry, interruptible=barges)):
            break
    element = CollectElement.model_validate(
        {
            "type": "collect",
            "max_digits": digits or MAX_INPUT,
            "terminator": terminator if terminator and terminator in KEYS else "none",
            "wait": timeout,
            "wait_between": timeout,
            "type_ahead": True,
            "reporting": "masked" if talk.secret else "show",
        }
    )
    yield from inside(ctx, entry, element.run(ctx))
    found: Any = (ctx.result or {}).get("digits", "")
    keys = str(found.value if type(found) is Sensitive else found)
    if not keys and not verb.flag("actionOnEmptyResult"):
        return None
    params = {"Digits": keys, "msg": "Gather End"}
    if entry.get("terminators"):
        params["FinishedOnKey"] = terminator
    return talk.way(verb, base, params)


def record(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Record the caller. Where he says nothing, the document goes on."""
    ctx = talk.ctx
    timeout = verb.number("timeout", RECORD_TIMEOUT, 0.0, MAX_TIMEOUT)
    action = talk.way(verb, base, {})
    if "in-progress" in verb.get("recordingStatusCallbackEvent").split():
        talk.notice(12200, "recordingStatusCallbackEvent: that a message begins is told nobody", "Record")
    ends = "".join(key for key in verb.get("finishOnKey", "1234567890*#") if key in KEYS)
    element = RecordVoicemailElement.model_validate(
        {
            "type": "record_voicemail",
            "name": literal(f"{talk.terms.name}-{ctx.call.short_id or ctx.call.id}"),
            "max_duration": verb.number("maxLength", RECORD_LENGTH, 1.0, RECORD_LENGTH * 4),
            "max_silence": timeout,
            "escape_digits": ends,
            "beep": verb.flag("playBeep", default=True),
            "min_duration": LEAST,
        }
    )
    done: list[RecordDone] = []

    def seen(event: Event) -> None:
        if type(event) is RecordDone:
            done.append(event)

    yield from inside(ctx, entry, element.run(ctx), seen)
    if (ctx.result or {}).get("status") != "recorded" or not done:
        tell_recording(talk, verb, base, "absent", "RecordVerb", {"RecordingChannels": "1"})
        return None if ctx.up else OVER
    event = done[-1]
    params = talk.recording(event.key, event.path, event.duration)
    tell_recording(talk, verb, base, "completed", "RecordVerb", {**params, "RecordingChannels": "1"})
    pressed = entry.get("terminators") or [{}]
    params["Digits"] = str(pressed[-1].get("key", "")) if ctx.up else "hangup"
    if not ctx.up:
        # The caller is gone: the action is told what he said, and what it answers leads nowhere.
        talk.tell(action.url, action.method, params, status="completed")
        return OVER
    return talk.way(verb, base, params)
