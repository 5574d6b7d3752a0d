"""Media Streams as Telnyx, Plivo and Exotel say it: what their clients look for, by their documentation."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ivr.handoff.protocols.laws import samples_of_ulaw
from ivr.handoff.protocols.media_streams import MediaStreams
from ivr.handoff.protocols.media_variants import media_streams
from ivr.handoff.protocols.talk import Clear, Facts, MarkSet, Message, Speech

CALL, ACCOUNT, STREAM = "CA" + "1" * 32, "AC" + "2" * 32, "MZ" + "3" * 32
ID = "0a1b2c3d-0000-4000-8000-000000000001"
FACTS = Facts(ID, CALL, ACCOUNT, STREAM, "+49301", "100", {"vip": True}, 1_700_000_000)
PARAMETERS = {"vip": "true", "from_number": "+49301", "to_number": "100"}
SOUND = bytes(range(1, 161))
PAYLOAD = base64.b64encode(SOUND).decode()


def sent(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages]


def course(variant: str, sound: bytes = SOUND) -> tuple[MediaStreams, list[dict[str, Any]]]:
    """A whole conversation, as the endpoint sees it."""
    bot = media_streams(variant, FACTS)
    found = sent(bot.begin())
    found += sent([bot.heard(sound, 10.0), bot.heard(sound, 10.02)])
    found += sent(bot.pressed("5")) + sent(bot.marked("m", False))
    found += sent(bot.cleared({})) + sent(bot.marked("dropped", True)) + sent(bot.end())
    return bot, found


def test_telnyx() -> None:
    _, found = course("telnyx")
    assert found == [
        {"event": "connected", "version": "1.0.0"},
        {
            "event": "start",
            "sequence_number": "1",
            "start": {
                "user_id": ACCOUNT,
                "call_control_id": CALL,
                "call_session_id": ID,
                "from": "+49301",
                "to": "100",
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
                "custom_parameters": PARAMETERS,
            },
            "stream_id": STREAM,
        },
        *(
            {
                "event": "media",
                "sequence_number": str(number + 1),
                "media": {"track": "inbound", "chunk": str(number), "timestamp": at, "payload": PAYLOAD},
                "stream_id": STREAM,
            }
            for number, at in ((1, "0"), (2, "20"))
        ),
        {"event": "dtmf", "sequence_number": "4", "dtmf": {"digit": "5"}, "stream_id": STREAM},
        {"event": "mark", "sequence_number": "5", "mark": {"name": "m"}, "stream_id": STREAM},
        {"event": "mark", "sequence_number": "6", "mark": {"name": "dropped"}, "stream_id": STREAM},
        {
            "event": "stop",
            "sequence_number": "7",
            "stop": {"user_id": ACCOUNT, "call_control_id": CALL},
            "stream_id": STREAM,
        },
    ]


def test_plivo_tells_only_marks_that_were_heard_and_answers_a_clear() -> None:
    _, found = course("plivo")
    assert found == [
        {
            "event": "start",
            "sequenceNumber": 1,
            "start": {
                "callId": CALL,
                "streamId": STREAM,
                "accountId": ACCOUNT,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
            },
            "extra_headers": "vip=true;from_number=+49301;to_number=100",
        },
        *(
            {
                "event": "media",
                "sequenceNumber": number + 1,
                "streamId": STREAM,
                "media": {"track": "inbound", "timestamp": at, "chunk": number, "payload": PAYLOAD},
            }
            for number, at in ((1, "1700000010000"), (2, "1700000010020"))
        ),
        {"event": "dtmf", "sequenceNumber": 4, "streamId": STREAM, "dtmf": {"track": "inbound", "digit": "5"}},
        {"event": "playedStream", "sequenceNumber": 5, "streamId": STREAM, "name": "m"},
        {"event": "clearedAudio", "sequenceNumber": 6, "streamId": STREAM},
    ]


def test_a_parameter_that_would_break_plivos_text_is_left_out() -> None:
    facts = Facts("x", CALL, ACCOUNT, STREAM, "1", "2", {"good": "a b", "bad": "a;b=c"})
    (start,) = sent(media_streams("plivo", facts).begin())
    assert start["extra_headers"] == "good=a b;from_number=1;to_number=2"


def test_exotel_has_samples() -> None:
    samples = samples_of_ulaw(SOUND)
    bot, found = course("exotel", samples)
    assert bot.encoding == "slin16"
    assert found == [
        {"event": "connected"},
        {
            "event": "start",
            "sequence_number": "1",
            "stream_sid": STREAM,
            "start": {
                "stream_sid": STREAM,
                "call_sid": CALL,
                "account_sid": ACCOUNT,
                "from": "+49301",
                "to": "100",
                "custom_parameters": PARAMETERS,
                "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
            },
        },
        *(
            {
                "event": "media",
                "sequence_number": str(number + 1),
                "stream_sid": STREAM,
                "media": {"chunk": str(number), "timestamp": at, "payload": base64.b64encode(samples).decode()},
            }
            for number, at in ((1, "0"), (2, "20"))
        ),
        {"event": "dtmf", "sequence_number": "4", "stream_sid": STREAM, "dtmf": {"digit": "5", "duration": "100"}},
        {"event": "mark", "sequence_number": "5", "stream_sid": STREAM, "mark": {"name": "m"}},
        {"event": "mark", "sequence_number": "6", "stream_sid": STREAM, "mark": {"name": "dropped"}},
        {
            "event": "stop",
            "sequence_number": "7",
            "stream_sid": STREAM,
            "stop": {"call_sid": CALL, "account_sid": ACCOUNT, "reason": "callended"},
        },
    ]


@pytest.mark.parametrize(
    ("variant", "event", "expected"),
    [
        ("telnyx", {"event": "media", "media": {"payload": PAYLOAD}}, [Speech(SOUND)]),
        ("telnyx", {"event": "clear"}, [Clear()]),
        (
            "plivo",
            {"event": "playAudio", "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": PAYLOAD}},
            [Speech(SOUND)],
        ),
        ("plivo", {"event": "clearAudio", "streamId": STREAM}, [Clear()]),
        ("plivo", {"event": "checkpoint", "streamId": STREAM, "name": "m"}, [MarkSet("m")]),
        (
            "exotel",
            {"event": "media", "stream_sid": STREAM, "media": {"payload": base64.b64encode(bytes(320)).decode()}},
            [Speech(bytes(320))],
        ),
        (
            "exotel",
            {"event": "media", "media": {"encoding": "audio/x-mulaw", "payload": PAYLOAD}},
            [Speech(samples_of_ulaw(SOUND))],
        ),
        ("exotel", {"event": "clear", "stream_sid": STREAM}, [Clear()]),
    ],
)
def test_what_their_endpoints_say(variant: str, event: dict[str, Any], expected: list[object]) -> None:
    assert list(media_streams(variant, FACTS).received(json.dumps(event))) == expected
