"""Start and Stop: what runs beside the call while its documents go on, a copy of its sound or a recording of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from ivr.flow.ports import StartCallRecording, StartStream, StopCallRecording, StopStream, TellApplication
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.recorded import Recording
from ivr.flow.twiml.sids import named_sid
from ivr.flow.values import VARIABLE

if TYPE_CHECKING:
    from ivr.flow.twiml.talk import Talk

__all__ = ["start", "stop"]

MAX_NAME = 64
"""Characters of a stream's name."""
INBOUND = "inbound_track"
TRACKS: Final[dict[str, tuple[Literal["inbound", "outbound"], ...]]] = {
    INBOUND: ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


def start(talk: Talk, verb: Verb, base: str) -> None:
    """Begin what stands in it."""
    talk.ctx.answer()
    for noun in verb.children:
        match noun.name:
            case "Stream":
                _stream(talk, noun, base)
            case "Recording":
                _record(talk, noun, base)
            case _:
                talk.notice(12200, f"<{noun.name[:40]}> in a Start is not supported", "Start")


def stop(talk: Talk, verb: Verb) -> None:
    """End what stands in it."""
    for noun in verb.children:
        match noun.name:
            case "Stream":
                talk.ctx.emit(StopStream(_name(noun)))
            case "Recording":
                if any(not recording.over for recording in talk.recordings):
                    talk.ctx.call_recording = False
                    talk.ctx.emit(StopCallRecording())
                else:
                    talk.notice(12200, "no recording was started", "Stop")
            case _:
                talk.notice(12200, f"<{noun.name[:40]}> in a Stop is not supported", "Stop")


def _name(noun: Verb) -> str:
    return noun.get("name").strip()[:MAX_NAME] or "stream"


def _stream(talk: Talk, noun: Verb, base: str) -> None:
    ctx, url = talk.ctx, noun.get("url").strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("wss", "ws") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or parts.query:
        raise TwimlError("Stream needs a url that begins with wss://, without a query: Parameter is for values", 13252)
    track = noun.get("track", INBOUND).strip() or INBOUND
    if track not in TRACKS:
        talk.notice(13253, f"track: {track[:40]!r} is none of {', '.join(TRACKS)}", "Stream")
        return
    parameters = {one.get("name"): one.get("value") for one in noun.nouns("Parameter")}
    name = _name(noun)
    sid = named_sid("MZ", ctx.call.id, name, ctx.next_id())
    told = None
    if callback := noun.get("statusCallback").strip():
        method: Literal["GET", "POST"] = "GET" if noun.get("statusCallbackMethod").upper() == "GET" else "POST"
        data = {**talk.common(), "StreamSid": sid, "StreamName": name}
        where = talk.resolve(base, callback)
        told = TellApplication(talk.terms.name, "callback", data, where, method, secret=talk.secret)
    named = {key: value for key, value in parameters.items() if VARIABLE.fullmatch(key)}
    if len(named) < len(parameters):
        talk.notice(13252, "names of parameters are letters, digits and _: others are not passed on", "Parameter")
    ctx.emit(StartStream(name, sid, url, talk.terms.account, talk.terms.secret, named, told, TRACKS[track]))


def _record(talk: Talk, noun: Verb, base: str) -> None:
    ctx = talk.ctx
    if ctx.call_recording or any(not recording.over for recording in talk.recordings):
        talk.notice(13210, "the call is being recorded already", "Recording")
        return
    recording = Recording(talk, noun, base, "StartCallRecordingTwiML")
    recording.number = ctx.next_id()
    talk.recordings.append(recording)
    ctx.call_recording = True
    ctx.emit(StartCallRecording(f"call-{ctx.call.short_id or ctx.call.id}", id=recording.number))
