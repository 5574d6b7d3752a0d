"""Media Streams: JSON text frames with sound in base64, as Twilio sends and takes them for `<Connect><Stream>`.

We are the client, as Twilio is: `connected` and `start` are the first two messages, `media` follows every 20 ms,
`dtmf`, `mark` and `stop` when there is reason to. What comes back is taken generously: what Telnyx, Plivo and Exotel
call the same is taken whatever is configured, and what means nothing is left out of account. How those three say it to
servers made for them is in :mod:`ivr.handoff.protocols.media_variants`.

Two messages go beyond Twilio: `note` keeps something for the flow, and `return` gives the call back with a reason::

    {"event": "return", "return": {"reason": "transfer_requested", "target": "sales", "summary": "...",
                                   "variables": {"order": "A-17"}}}
    {"event": "note", "note": {"variables": {...}, "summary": "...", "transcript": [{"role": "user", "text": "..."}]}}
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ivr.handoff.protocols.laws import samples_of_ulaw, ulaw_of_samples
from ivr.handoff.protocols.rates import RATE, RATES, ToLine
from ivr.handoff.protocols.talk import (
    Clear,
    Encoding,
    Facts,
    Given,
    Kept,
    Keys,
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
MAX_KEYS: Final = 32
"""Keys of one message: a longer number is nothing that a caller's side is waiting for."""
RETURN_REASONS: Final = ("completed", "transfer_requested", "caller_requested_human")
"""Reasons that a bot may give."""
_LINEAR: Final = ("audio/x-l16", "audio/l16", "audio/x-raw", "raw/slin", "slin", "l16", "pcm", "pcm16")
_MULAW: Final = ("audio/x-mulaw", "audio/pcmu", "pcmu", "mulaw", "ulaw")
_UNSAID: Final = ("", "base64")
"""Names that say nothing of the sound: `base64` is the encoding of the text."""
_KEYS: Final = frozenset("0123456789*#ABCD")


class MediaStreams:
    """One connection, as Twilio's."""

    encoding: Encoding = "ulaw"
    accepts_at_once = True
    keys_interrupt = False

    def __init__(
        self, facts: Facts, packet: Mapping[str, Any] | None = None, tracks: Sequence[str] = ("inbound",)
    ) -> None:
        """`packet` goes as the custom parameter of that name, as JSON. `tracks`: what of the call is sent."""
        self._facts = facts
        self._parameters = {name: parameter_text(value) for name, value in facts.parameters.items()}
        self._parameters.setdefault("from_number", facts.caller)
        self._parameters.setdefault("to_number", facts.called)
        if packet:
            self._parameters.setdefault("packet", parameter_text(packet))
        self._sequence = 0
        self._tracks = list(tracks)
        self._chunks: dict[str, int] = {}
        """By track: its frames so far. Messages have one count for all."""
        self._began: float | None = None
        self._lines: dict[int, ToLine] = {}
        """By the rate of the sound that has come."""

    # What is sent

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
                        "tracks": self._tracks,
                        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                        "customParameters": self._parameters,
                    },
                    "streamSid": facts.stream_sid,
                }
            ),
        ]

    def heard(self, payload: bytes, at: float) -> Message:
        return self.of_track("inbound", payload, at)

    def of_track(self, track: str, payload: bytes, at: float) -> Message:
        """20 ms of one of the tracks."""
        chunk, milliseconds, sound = self._media(payload, at, track)
        # Written by hand: this is done fifty times a second for each call, and nothing in it needs escaping.
        return (
            f'{{"event":"media","sequenceNumber":"{self._number()}","media":{{"track":"{track}","chunk":"{chunk}",'
            f'"timestamp":"{milliseconds}","payload":"{sound}"}},"streamSid":"{self._facts.stream_sid}"}}'
        )

    def _media(self, payload: bytes, at: float, track: str = "inbound") -> tuple[int, int, str]:
        """Of one frame its number, the milliseconds since the first one of all, and its sound in base64."""
        if self._began is None:
            self._began = at
        chunk = self._chunks[track] = self._chunks.get(track, 0) + 1
        milliseconds = max(0, round((at - self._began) * 1000))
        return chunk, milliseconds, binascii.b2a_base64(payload, newline=False).decode()

    def pressed(self, digit: str) -> list[Message]:
        return [self._event("dtmf", {"track": "inbound_track", "digit": digit})]

    def marked(self, name: str, cleared: bool) -> list[Message]:
        return [self._event("mark", {"name": name})]

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        return []

    def end(self) -> list[Message]:
        return [self._event("stop", {"accountSid": self._facts.account_sid, "callSid": self._facts.call_sid})]

    def _event(self, name: str, content: Mapping[str, Any]) -> str:
        return json.dumps(
            {"event": name, "streamSid": self._facts.stream_sid, "sequenceNumber": self._number(), name: content}
        )

    # What comes

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
                return self._speech(found.get("media"))
            case "clear" | "clearAudio":
                return (Clear(),)
            case "mark":
                mark = found.get("mark")
                return _mark(mark.get("name") if isinstance(mark, dict) else None)
            case "checkpoint":
                return _mark(found.get("name"))
            case "sendDTMF":
                return _keys(found.get("dtmf"))
            case "note":
                return _note(found.get("note"))
            case "return":
                return _returned(found.get("return"))
            case "connected" | "start":
                return ()
            case _:
                return (Odd("an event that is not known"),)

    def _speech(self, media: object) -> Iterable[Said]:
        payload = media.get("payload") if isinstance(media, dict) else None
        if not isinstance(media, dict) or not isinstance(payload, str) or not payload:
            return (Odd("media without payload"),)
        try:
            sound = binascii.a2b_base64(payload)
        except ValueError:
            return (Odd("media that is no base64"),)
        named = media.get("contentType") or media.get("encoding") or ""
        kind = named.partition(";")[0].strip().lower() if isinstance(named, str) else "?"
        linear = kind in _LINEAR or (kind in _UNSAID and self.encoding == "slin16")
        if not linear and kind not in _MULAW and kind not in _UNSAID:
            return (Odd("media of an encoding that is not known"),)
        rate = _rate(media.get("sampleRate", media.get("sample_rate")))
        if rate != RATE and not (linear and rate in RATES):
            return (Odd("media of a rate that is not known"),)
        if rate != RATE:
            line = self._lines.get(rate)
            if line is None:
                line = self._lines[rate] = ToLine(rate)
            sound = line.push(sound)
        if linear and self.encoding == "ulaw":
            sound = ulaw_of_samples(sound)
        elif not linear and self.encoding == "slin16":
            sound = samples_of_ulaw(sound)
        return (Speech(sound),) if sound else ()


def _rate(value: object) -> int:
    """Samples a second, as a number or a text; 0 where it is neither."""
    if value is None:
        return RATE
    if isinstance(value, str) and len(value) <= 6 and value.isascii() and value.isdecimal():
        return int(value)
    return value if type(value) is int else 0


def _keys(value: object) -> Iterable[Said]:
    keys = value if isinstance(value, str) else ""
    if not 0 < len(keys) <= MAX_KEYS or not _KEYS.issuperset(keys):
        return (Odd("keys that are none"),)
    return (Keys(keys),)


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
