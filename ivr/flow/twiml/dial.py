"""Dial: the caller is connected to somebody else, and comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ivr.flow.control import literal
from ivr.flow.elements.forward_call import MAX_TARGETS, MAX_TIMEOUT, RING_GRACE, ForwardCallElement
from ivr.flow.nesting import inside
from ivr.flow.ports import Event, Forward, Screen
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.legs import CALL_STATUSES, Legs, Target
from ivr.flow.twiml.making import made
from ivr.flow.twiml.outcome import OVER, Doing
from ivr.flow.twiml.recorded import Recording
from ivr.flow.twiml.sids import named_sid
from ivr.flow.values import plain_number

if TYPE_CHECKING:
    from ivr.flow.session import Session
    from ivr.flow.twiml.talk import Talk

__all__ = ["DialledElement", "dial"]

DIAL_TIMEOUT, TIME_LIMIT = 30.0, 14_400.0
"""Seconds of ringing, and of the bridged call, where the document says nothing else."""
SCREENING = 180.0
"""Seconds that keys and the document of a called party may take, over what a whisper does: the shell allows 120."""
RECORDS = {
    "true": False,
    "record-from-answer": False,
    "record-from-answer-dual": False,
    "record-from-ringing": True,
    "record-from-ringing-dual": True,
}
"""Values of `record`, and whether it begins before the answer. Both sides have a channel of their own in any case."""

_NUMBER = re.compile(r"[+0-9*#][0-9*#]{0,39}", re.ASCII)
_CLIENT = re.compile(r"[A-Za-z0-9._@+-]{1,64}", re.ASCII)
_KEYS = re.compile(r"[0-9*#A-Dw]{1,64}", re.ASCII)


class DialledElement(ForwardCallElement):
    """A forward to whom an application names. It names whom calls have brought, as far as anybody knows: what guests
    may not have dialled they may not have dialled by an application either."""

    GRACE: ClassVar[float] = RING_GRACE + SCREENING

    star_leaves: bool = False
    """`*` of the caller ends the talk."""
    record_ringing: bool = False
    """It is recorded from the ringing on."""
    keys_sent: Mapping[str, str] = Field(default_factory=dict)
    """By target: sent to it when it answers."""
    screens: Mapping[str, Any] = Field(default_factory=dict)
    """By target: the document that it hears then (:class:`~ivr.flow.ports.Screen`)."""

    def _command(self, ctx: Session) -> Forward | None:
        forward = super()._command(ctx)
        if forward is None:
            return None
        return replace(
            forward,
            # The numbers of agents stand in the configuration.
            chosen=frozenset(one for one in forward.targets if not one.startswith("agent:")),
            star_leaves=self.star_leaves,
            record_ringing=self.record_ringing,
            keys=self.keys_sent,
            screens=self.screens,
        )


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a Dial says of its recording."""

    recorded: bool
    ringing: bool = False


def dial(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Call somebody, and connect the two; afterwards the caller is there again."""
    ctx = talk.ctx
    targets = _targets(talk, verb, base)[:MAX_TARGETS]
    action = talk.way(verb, base, {}) if verb.get("action") else None
    if not targets:
        if action is None:
            return None
        return talk.way(verb, base, {"DialCallStatus": "failed", "DialBridged": "false"})
    wish = _wish(talk, verb)
    fields: dict[str, Any] = {
        "type": "forward_call",
        "to": tuple(literal(target.to) for target in targets),
        "ring": "in_turn" if verb.flag("sequential") else "together",
        "timeout": verb.number("timeout", DIAL_TIMEOUT, 1.0, MAX_TIMEOUT),
        "max_duration": verb.number("timeLimit", TIME_LIMIT, 1.0, TIME_LIMIT),
        "after": "return",
        "star_leaves": verb.flag("hangupOnStar"),
        "keys_sent": {target.to: target.keys for target in targets if target.keys},
        "screens": {target.to: _screen(talk, target) for target in targets if target.screen},
    }
    caller_id = plain_number(verb.get("callerId").strip()) or talk.terms.caller_id
    if caller_id:
        fields["from"] = literal(caller_id[:64])
    recording: Recording | None = None
    if wish.recorded:
        name = f"dialled-{ctx.call.short_id or ctx.call.id}"
        fields |= {"record_call": True, "record_name": literal(name), "record_ringing": wish.ringing}
        recording = Recording(talk, verb, base, "DialVerb")
    if not verb.flag("answerOnBridge"):
        ctx.answer()
    element = made(DialledElement, fields)
    legs = Legs(talk, targets, base, in_turn=element.ring == "in_turn")

    def seen(event: Event) -> None:
        legs.seen(event)
        if recording is not None:
            recording.seen(event)

    branch = yield from inside(ctx, entry, element.run(ctx), seen)
    legs.over(CALL_STATUSES.get(branch, "failed"))
    params = legs.params(branch, float((ctx.result or {}).get("talk_time") or 0.0))
    if recording is not None:
        params |= yield from recording.finished()
    if not ctx.up:
        if action is not None:
            talk.tell(action.url, action.method, params, status="completed")
        return OVER
    return None if action is None else talk.way(verb, base, params)


def _wish(talk: Talk, verb: Verb) -> _Wish:
    record = verb.get("record", "do-not-record").strip().lower()
    if record in ("", "do-not-record", "false"):
        return _Wish(False)
    if record not in RECORDS:
        talk.notice(13210, f"record: {record[:40]!r} is not known, nothing is recorded", "Dial")
        return _Wish(False)
    return _Wish(True, RECORDS[record])


def _screen(talk: Talk, target: Target) -> Screen:
    params = {**target.params(talk), "Direction": "outbound-dial"}
    return Screen(talk.terms, target.screen, target.screen_method, params, talk.secret)


def _targets(talk: Talk, verb: Verb, base: str) -> list[Target]:
    """Whom to call."""
    found: list[Target] = []
    nouns = list(verb.children) or ([Verb("Number", text=verb.text)] if verb.text else [])
    for place, noun in enumerate(nouns):
        to = ""
        match noun.name:
            case "Number":
                number = plain_number(noun.text)
                to = f"tel:{number}" if _NUMBER.fullmatch(number) else ""
            case "Sip":
                to = noun.text if noun.text.lower().startswith("sip:") and " " not in noun.text else ""
            case "Client":
                to = f"phone:{noun.text}" if _CLIENT.fullmatch(noun.text) else ""
            case "Queue":
                # At Twilio an agent's call takes the first caller out of a queue so.
                talk.notice(13233, "nobody is taken out of a queue by a Dial: queues ring their agents here", "Queue")
                continue
            case _:
                talk.notice(13200, f"<{noun.name[:40]}> in a Dial is not supported", "Dial")
                continue
        if to and all(to != other.to for other in found):
            found.append(_target(talk, noun, base, to, place))
        elif not to:
            talk.notice(13223, "this cannot be called", noun.name)
    return found


def _target(talk: Talk, noun: Verb, base: str, to: str, place: int) -> Target:
    keys = noun.get("sendDigits").strip().replace("W", "ww")
    if keys and not _KEYS.fullmatch(keys):
        talk.notice(13222, "sendDigits: up to 64 of 0-9 * # A-D, w and W", noun.name)
        keys = ""
    screen = ""
    if noun.get("url").strip():
        try:
            screen = talk.resolve(base, noun.get("url"))
        except TwimlError as error:
            talk.notice(error.code, str(error), noun.name)
    sid = named_sid("CA", talk.ctx.call.id, talk.ctx.last_id, place)
    return Target(to, noun, sid, keys, screen, "GET" if noun.get("method").strip().upper() == "GET" else "POST")
