"""Connect and Refer: the caller's sound goes to a media stream, his call to somebody whom his own side calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ivr.flow.control import literal
from ivr.flow.nesting import inside
from ivr.flow.ports import AiAgentDone, AiAgentStarted, Event
from ivr.flow.twiml.beside import INBOUND
from ivr.flow.twiml.dial import DialledElement
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.legs import CALL_STATUSES
from ivr.flow.twiml.making import made, registered
from ivr.flow.twiml.outcome import OVER, Doing
from ivr.flow.twiml.sids import named_sid
from ivr.flow.values import VARIABLE

if TYPE_CHECKING:
    from ivr.flow.twiml.talk import Talk

__all__ = ["connect", "refer"]

FAULTS = ("endpoint_error", "endpoint_closed", "not_started")
"""Reasons for which a stream ends that are no end as it should be."""


def refer(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Have the caller's own side call somebody else: this call is over then."""
    ctx = talk.ctx
    noun = next(verb.nouns("Sip"), None)
    target = noun.text if noun is not None else verb.text
    if not target.lower().startswith(("sip:", "tel:")) or " " in target:
        raise TwimlError("Refer needs a <Sip> address", 13226)
    fields = {"type": "forward_call", "to": (literal(target),), "mode": "refer"}
    branch = yield from inside(ctx, entry, made(DialledElement, fields).run(ctx))
    done = branch == "call_forwarded"
    code = (ctx.result or {}).get("sip_code")
    params = {
        "ReferCallStatus": "completed" if done else CALL_STATUSES.get(branch, "failed"),
        "ReferSipResponseCode": "202" if done else str(code or ""),
        "NotifySipResponseCode": str(code or ""),
    }
    action = talk.way(verb, base, params) if verb.get("action") else None
    if ctx.up:
        return action
    if action is not None:
        talk.tell(action.url, action.method, params, status="completed")
    return OVER


def connect(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Hand the caller's sound to a media stream; the document goes on when it is over."""
    ctx = talk.ctx
    stream = next(verb.nouns("Stream"), None)
    if stream is None:
        other = verb.children[0].name[:40] if verb.children else "nothing"
        talk.notice(13251, f"<{other}> in a Connect is not supported: <Stream> alone is", "Connect")
        return None
    url = stream.get("url").strip()
    named = {noun.get("name"): literal(noun.get("value")) for noun in stream.nouns("Parameter")}
    for name in [name for name in named if not VARIABLE.fullmatch(name)]:
        del named[name]
        talk.notice(
            13252, f"names of parameters are letters, digits and _: {name[:40]!r} is not passed on", "Parameter"
        )
    track = stream.get("track", INBOUND).strip()
    if track not in ("", INBOUND):
        talk.notice(13253, f"track: what the caller says is sent, {track[:40]!r} is not supported", "Stream")
    agent = url if url.startswith(("wss://", "ws://")) else stream.get("name").strip()[:64]
    if not agent:
        raise TwimlError("Stream needs a url that begins with wss://, or the name of an AI agent", 13252)
    fields = {
        "type": "transfer_to_ai_agent",
        "agent": literal(agent),
        "parameters": named,
    }
    ctx.answer()
    told = _StreamTold(talk, stream, base)
    yield from inside(ctx, entry, made(registered("transfer_to_ai_agent"), fields).run(ctx), told.seen)
    told.over()
    action = talk.way(verb, base, {}) if verb.get("action") else None
    if ctx.up:
        return action
    return OVER


class _StreamTold:
    """How a two-way stream fares, for its status callback."""

    def __init__(self, talk: Talk, noun: Verb, base: str) -> None:
        self._talk = talk
        self._noun = noun
        self._base = base
        self._sid = named_sid("MZ", talk.ctx.call.id, talk.ctx.last_id)
        """What the endpoint is told that it is called; before, one of its own."""
        self._up = False

    def seen(self, event: Event) -> None:
        """An event of the hand-off."""
        if type(event) is AiAgentStarted:
            self._sid = event.stream or self._sid
            self._up = True
            self._tell("stream-started")
        elif type(event) is AiAgentDone and event.reason in FAULTS:
            self._tell("stream-error", event.text or event.reason)

    def over(self) -> None:
        """The stream is over, or the call."""
        if self._up:
            self._tell("stream-stopped")

    def _tell(self, event: str, fault: str = "") -> None:
        talk, noun = self._talk, self._noun
        url = noun.get("statusCallback").strip()
        if not url:
            return
        params = {"StreamSid": self._sid, "StreamName": noun.get("name").strip()[:64], "StreamEvent": event}
        if fault:
            params["StreamError"] = fault
        try:
            where = talk.resolve(self._base, url)
        except TwimlError as error:
            talk.notice(error.code, str(error), "Stream")
            return
        method: Literal["GET", "POST"] = "GET" if noun.get("statusCallbackMethod").upper() == "GET" else "POST"
        talk.tell(where, method, params)
