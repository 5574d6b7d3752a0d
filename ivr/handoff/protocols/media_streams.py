"""Media Streams: JSON text frames, µ-law in base64, as Twilio sends and takes them for `<Connect><Stream>`.

We are the client, as Twilio is: `connected` and `start` are the first two messages, `media` follows every 20 ms,
`dtmf`, `mark` and `stop` when there is reason to. What comes back is taken generously: names that Telnyx, Plivo and
Exotel use, too, and whatever means nothing is left out of account.

Two messages go beyond Twilio: `note` keeps something for the flow, and `return` gives the call back with a reason::

    {"event": "return", "return": {"reason": "transfer_requested", "target": "sales", "summary": "...",
                                   "variables": {"order": "A-17"}}}
    {"event": "note", "note": {"variables": {...}, "summary": "...", "transcript": [{"role": "user", "text": "..."}]}}
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ivr.handoff.protocols.laws import ulaw_of_samples
from ivr.handoff.protocols.talk import (
    Clear,
    Encoding,
    Facts,
    Given,
    Kept,
    MarkSet,
    Message,
    Odd,
    Said,
    Speech,
    bounded_text,
    bounded_turns,
    bounded_values,
    parameter_text,
)

__all__ = ["MAX_MARK_NAME", "RETURN_REASONS", "MediaStreams"]

MAX_MARK_NAME: Final = 1_000
"""Characters of a mark's name; it is sent back."""
RETURN_REASONS: Final = ("completed", "transfer_requested", "caller_requested_human")
"""Reasons that a bot may give."""
_LINEAR: Final = ("audio/x-l16", "audio/l16", "audio/x-raw", "raw/slin", "slin", "l16", "pcm", "pcm16")
_MULAW: Final = ("audio/x-mulaw", "audio/pcmu", "pcmu", "mulaw", "ulaw", "base64", "")
"""Names of the encoding that senders give; `base64` is that of the text."""


class MediaStreams:
    """One connection."""

    encoding: Encoding = "ulaw"
    accepts_at_once = True
    keys_interrupt = False

    def __init__(self, facts: Facts, packet: Mapping[str, Any] | None = None) -> None:
        """`packet` goes as the custom parameter of that name, as JSON."""
        self._facts = facts
        self._parameters = {name: parameter_text(value) for name, value in facts.parameters.items()}
        self._parameters.setdefault("from_number", facts.caller)
        self._parameters.setdefault("to_number", facts.called)
        if packet:
            self._parameters.setdefault("packet", parameter_text(packet))
        self._sequence = 0
        self._chunk = 0
        self._began: float | None = None

    def _number(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def begin(self) -> list[Message]:
        facts = self._facts
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            json.dumps(
                {
                    "event": "start",
                    "sequenceNumber": self._number(),
                    "start": {
                        "accountSid": facts.account_sid,
                        "streamSid": facts.stream_sid,
                        "callSid": facts.call_sid,
                        "tracks": ["inbound"],
                        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                        "customParameters": self._parameters,
                    },
                    "streamSid": facts.stream_sid,
                }
            ),
        ]

    def heard(self, payload: bytes, at: float) -> Message:
        if self._began is None:
            self._began = at
        self._chunk += 1
        milliseconds = max(0, round((at - self._began) * 1000))
        # Written by hand: this is done fifty times a second for each call, and nothing in it needs escaping.
        return (
            f'{{"event":"media","sequenceNumber":"{self._number()}","media":{{"track":"inbound","chunk":"{self._chunk}",'
            f'"timestamp":"{milliseconds}","payload":"{binascii.b2a_base64(payload, newline=False).decode()}"}},'
            f'"streamSid":"{self._facts.stream_sid}"}}'
        )

    def pressed(self, digit: str) -> list[Message]:
        return [self._event("dtmf", {"track": "inbound_track", "digit": digit})]

    def marked(self, name: str) -> list[Message]:
        return [self._event("mark", {"name": name})]

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        return []

    def end(self) -> list[Message]:
        return [self._event("stop", {"accountSid": self._facts.account_sid, "callSid": self._facts.call_sid})]

    def _event(self, name: str, content: dict[str, str]) -> str:
        return json.dumps(
            {
                "event": name,
                "streamSid": self._facts.stream_sid,
                "sequenceNumber": self._number(),
                name: content,
            }
        )

    def received(self, message: Message) -> Iterable[Said]:
        if isinstance(message, bytes):
            return (Odd("a binary frame"),)
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            return (Odd("a message that is no JSON"),)
        if not isinstance(found, dict):
            return (Odd("a message that is no object"),)
        match found.get("event"):
            case "media" | "playAudio":
                return _speech(found.get("media"))
            case "clear" | "clearAudio":
                return (Clear(),)
            case "mark":
                mark = found.get("mark")
                return _mark(mark.get("name") if isinstance(mark, dict) else None)
            case "checkpoint":
                return _mark(found.get("name"))
            case "note":
                return _note(found.get("note"))
            case "return":
                return _returned(found.get("return"))
            case "connected" | "start":
                return ()
            case _:
                return (Odd("an event that is not known"),)


def _speech(media: object) -> Iterable[Said]:
    payload = media.get("payload") if isinstance(media, dict) else None
    if not isinstance(media, dict) or not isinstance(payload, str) or not payload:
        return (Odd("media without payload"),)
    try:
        sound = binascii.a2b_base64(payload)
    except ValueError:
        return (Odd("media that is no base64"),)
    named = media.get("contentType") or media.get("encoding") or ""
    kind = named.partition(";")[0].strip().lower() if isinstance(named, str) else "?"
    rate = media.get("sampleRate")
    if rate not in (None, 8000, "8000"):
        return (Odd("media of another rate than 8000 Hz"),)
    if kind in _LINEAR:
        return (Speech(ulaw_of_samples(sound)),)
    if kind not in _MULAW:
        return (Odd("media of an encoding that is not known"),)
    return (Speech(sound),) if sound else ()


def _mark(name: object) -> Iterable[Said]:
    if not isinstance(name, str) or not name:
        return (Odd("a mark without name"),)
    if len(name) > MAX_MARK_NAME:
        return (Odd("a mark with a very long name"),)
    return (MarkSet(name),)


def _note(note: object) -> Iterable[Said]:
    if not isinstance(note, dict):
        return (Odd("a note without content"),)
    return (
        Kept(
            bounded_values(note.get("variables")),
            bounded_text(note.get("summary")),
            bounded_turns(note.get("transcript")),
        ),
    )


def _returned(content: object) -> Iterable[Said]:
    if not isinstance(content, dict):
        content = {}
    reason = content.get("reason", "completed")
    hang_up = reason == "hang_up"
    if not hang_up and reason not in RETURN_REASONS:
        return (Odd("a return for a reason that is not known"),)
    return (
        *_note(content),
        Given("completed" if hang_up else reason, bounded_text(content.get("target")), end_call=hang_up),
    )
