"""Media Streams as Telnyx, Plivo and Exotel say it, for endpoints that were made for one of them.

    telnyx   `stream_id`, `start.call_control_id`, names with _
    plivo    `start.streamId`, `start.callId`; no `connected`, no `stop`; marks are `playedStream`, told only where all
             before them was heard; `clearedAudio` answers a clear
    exotel   `start.stream_sid`, `call_sid`, `account_sid`; 16-bit samples in place of mu-law

What they send is what :class:`MediaStreams` takes from everybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ivr.handoff.protocols.media_streams import MediaStreams
from ivr.handoff.protocols.talk import Encoding, Facts, Message

__all__ = ["ExotelStreams", "PlivoStreams", "TelnyxStreams", "media_streams"]


class TelnyxStreams(MediaStreams):
    """One connection, as Telnyx's."""

    def begin(self) -> list[Message]:
        facts = self._facts
        start = {
            "user_id": facts.account_sid,
            "call_control_id": facts.call_sid,
            "call_session_id": facts.call_id,
            "from": facts.caller,
            "to": facts.called,
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            "custom_parameters": self._parameters,
        }
        return [json.dumps({"event": "connected", "version": "1.0.0"}), self._event("start", start)]

    def heard(self, payload: bytes, at: float) -> Message:
        chunk, milliseconds, sound = self._media(payload, at)
        return (
            f'{{"event":"media","sequence_number":"{self._number()}","media":{{"track":"inbound","chunk":"{chunk}",'
            f'"timestamp":"{milliseconds}","payload":"{sound}"}},"stream_id":"{self._facts.stream_sid}"}}'
        )

    def pressed(self, digit: str) -> list[Message]:
        return [self._event("dtmf", {"digit": digit})]

    def end(self) -> list[Message]:
        return [self._event("stop", {"user_id": self._facts.account_sid, "call_control_id": self._facts.call_sid})]

    def _event(self, name: str, content: Mapping[str, Any]) -> str:
        return json.dumps(
            {"event": name, "sequence_number": self._number(), name: content, "stream_id": self._facts.stream_sid}
        )


class PlivoStreams(MediaStreams):
    """One connection, as Plivo's. Its numbers are numbers, and its times those of the clock on the wall."""

    def begin(self) -> list[Message]:
        facts = self._facts
        start = {
            "callId": facts.call_sid,
            "streamId": facts.stream_sid,
            "accountId": facts.account_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        }
        # The separators of its text are nothing that a value may have.
        pairs = (f"{name}={value}" for name, value in self._parameters.items() if not set(";=") & {*name, *value})
        content = {"event": "start", "sequenceNumber": int(self._number()), "start": start}
        return [json.dumps({**content, "extra_headers": ";".join(pairs)})]

    def heard(self, payload: bytes, at: float) -> Message:
        chunk, _, sound = self._media(payload, at)
        return (
            f'{{"event":"media","sequenceNumber":{self._number()},"streamId":"{self._facts.stream_sid}",'
            f'"media":{{"track":"inbound","timestamp":"{self._wall(at)}","chunk":{chunk},"payload":"{sound}"}}}}'
        )

    def _wall(self, at: float) -> int:
        return round((self._facts.epoch + at) * 1000)

    def pressed(self, digit: str) -> list[Message]:
        return [self._said("dtmf", dtmf={"track": "inbound", "digit": digit})]

    def marked(self, name: str, cleared: bool) -> list[Message]:
        return [] if cleared else [self._said("playedStream", name=name)]

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        return [self._said("clearedAudio")]

    def end(self) -> list[Message]:
        return []

    def _said(self, event: str, **content: Any) -> str:
        head = {"event": event, "sequenceNumber": int(self._number()), "streamId": self._facts.stream_sid}
        return json.dumps({**head, **content})


class ExotelStreams(MediaStreams):
    """One connection, as Exotel's."""

    encoding: Encoding = "slin16"

    def begin(self) -> list[Message]:
        facts = self._facts
        start = {
            "stream_sid": facts.stream_sid,
            "call_sid": facts.call_sid,
            "account_sid": facts.account_sid,
            "from": facts.caller,
            "to": facts.called,
            "custom_parameters": self._parameters,
            "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
        }
        return [json.dumps({"event": "connected"}), self._event("start", start)]

    def heard(self, payload: bytes, at: float) -> Message:
        chunk, milliseconds, sound = self._media(payload, at)
        return (
            f'{{"event":"media","sequence_number":"{self._number()}","stream_sid":"{self._facts.stream_sid}",'
            f'"media":{{"chunk":"{chunk}","timestamp":"{milliseconds}","payload":"{sound}"}}}}'
        )

    def pressed(self, digit: str) -> list[Message]:
        return [self._event("dtmf", {"digit": digit, "duration": "100"})]

    def end(self) -> list[Message]:
        content = {"call_sid": self._facts.call_sid, "account_sid": self._facts.account_sid, "reason": "callended"}
        return [self._event("stop", content)]

    def _event(self, name: str, content: Mapping[str, Any]) -> str:
        return json.dumps(
            {"event": name, "sequence_number": self._number(), "stream_sid": self._facts.stream_sid, name: content}
        )


_VARIANTS: Final = {"telnyx": TelnyxStreams, "plivo": PlivoStreams, "exotel": ExotelStreams, "twilio": MediaStreams}


def media_streams(variant: str, facts: Facts, packet: Mapping[str, Any] | None = None) -> MediaStreams:
    """The one that endpoints made for `variant` expect: `twilio`, `telnyx`, `plivo`, `exotel`."""
    return _VARIANTS[variant](facts, packet)
