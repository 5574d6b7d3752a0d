from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.handoff.protocols.laws import samples_of_ulaw
from ivr.handoff.protocols.media_streams import MAX_MARK_NAME, MediaStreams
from ivr.handoff.protocols.talk import Clear, Facts, Given, Kept, Keys, MarkSet, Odd, Speech

FACTS = Facts(
    "0a1b2c3d-0000-4000-8000-000000000001",
    "CA" + "1" * 32,
    "AC" + "2" * 32,
    "MZ" + "3" * 32,
    "+49301234",
    "100",
    {"name": "Jane", "level": 3, "vip": True, "list": ["ä", 1]},
)
SOUND = bytes(range(160))


def sent(*messages: Any) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages]


def said(event: object) -> list[Any]:
    return list(MediaStreams(FACTS).received(json.dumps(event)))


def test_start_is_the_second_message_and_says_who_calls() -> None:
    connected, start = sent(*MediaStreams(FACTS).begin())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["event"] == "start" and start["sequenceNumber"] == "1" and start["streamSid"] == FACTS.stream_sid
    told = start["start"]
    assert (told["streamSid"], told["callSid"], told["accountSid"]) == (
        FACTS.stream_sid,
        FACTS.call_sid,
        FACTS.account_sid,
    )
    assert told["tracks"] == ["inbound"]
    assert told["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert told["customParameters"] == {
        "name": "Jane",
        "level": "3",
        "vip": "true",
        "list": '["ä", 1]',
        "from_number": "+49301234",
        "to_number": "100",
    }


def test_numbers_are_texts_that_grow() -> None:
    bot = MediaStreams(FACTS)
    bot.begin()
    first, second = sent(bot.heard(SOUND, 100.0), bot.heard(SOUND, 100.0204))
    assert first["event"] == "media" and first["streamSid"] == FACTS.stream_sid
    assert first["sequenceNumber"] == "2" and second["sequenceNumber"] == "3"
    assert first["media"] == {
        "track": "inbound",
        "chunk": "1",
        "timestamp": "0",
        "payload": base64.b64encode(SOUND).decode(),
    }
    assert len(first["media"]["payload"]) == 216
    assert (second["media"]["chunk"], second["media"]["timestamp"]) == ("2", "20")
    (key,) = sent(*bot.pressed("5"))
    assert key == {
        "event": "dtmf",
        "streamSid": FACTS.stream_sid,
        "sequenceNumber": "4",
        "dtmf": {"track": "inbound_track", "digit": "5"},
    }
    (mark,) = sent(*bot.marked("a b", False))
    assert mark["mark"] == {"name": "a b"} and mark["sequenceNumber"] == "5"
    (stop,) = sent(*bot.end())
    assert stop["stop"] == {"accountSid": FACTS.account_sid, "callSid": FACTS.call_sid}
    assert stop["sequenceNumber"] == "6" and bot.cleared({"": 1.0}) == []


def test_the_packet_goes_as_a_parameter_and_never_over_one_of_the_flow() -> None:
    (_, start) = sent(*MediaStreams(FACTS, {"version": 1}).begin())
    assert json.loads(start["start"]["customParameters"]["packet"]) == {"version": 1}
    own = Facts("x", "CA", "AC", "MZ", "1", "2", {"packet": "mine", "from_number": "0"})
    (_, start) = sent(*MediaStreams(own, {"version": 1}).begin())
    assert start["start"]["customParameters"] == {"packet": "mine", "from_number": "0", "to_number": "2"}


@pytest.mark.parametrize(
    "event",
    [
        {"event": "media", "streamSid": "MZ", "media": {"payload": base64.b64encode(SOUND).decode()}},
        {"event": "media", "stream_id": "s", "media": {"payload": base64.b64encode(SOUND).decode()}},
        {
            "event": "playAudio",
            "media": {
                "contentType": "audio/x-mulaw",
                "sampleRate": 8000,
                "payload": base64.b64encode(SOUND).decode(),
            },
        },
        {"event": "media", "media": {"contentType": "audio/x-l16;rate=8000", "sampleRate": "8000", "payload": ""}},
    ],
    ids=["twilio", "telnyx", "plivo", "exotel"],
)
def test_sound_of_all_dialects(event: dict[str, Any]) -> None:
    linear = "l16" in json.dumps(event)
    if linear:
        event["media"]["payload"] = base64.b64encode(samples_of_ulaw(SOUND)).decode()
    (found,) = said(event)
    # 0x7f and 0xff are both silence, and come back as one
    assert isinstance(found, Speech) and found.payload.replace(b"\x7f", b"\xff") == SOUND.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize("rate", [16000, "24000"])
def test_samples_of_other_rates_come_at_that_of_the_line(rate: object) -> None:
    bot, found = MediaStreams(FACTS), b""
    payload = base64.b64encode(bytes(int(str(rate)) // 50 * 2)).decode()
    media = {"contentType": "audio/x-l16", "sampleRate": rate, "payload": payload}
    for _ in range(50):
        for one in bot.received(json.dumps({"event": "playAudio", "media": media})):
            assert isinstance(one, Speech)
            found += one.payload
    assert 7_980 <= len(found) <= 8_000 and set(found) == {0xFF}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "clear", "streamSid": "MZ"}, [Clear()]),
        ({"event": "clearAudio", "streamId": "s"}, [Clear()]),
        ({"event": "mark", "mark": {"name": "one"}}, [MarkSet("one")]),
        ({"event": "checkpoint", "name": "one"}, [MarkSet("one")]),
        ({"event": "sendDTMF", "dtmf": "12#"}, [Keys("12#")]),
        ({"event": "connected"}, []),
        ({"event": "return"}, [Kept(), Given("completed")]),
        ({"event": "return", "return": {}}, [Kept(), Given("completed")]),
        ({"event": "return", "return": {"reason": "hang_up"}}, [Kept(), Given("completed", end_call=True)]),
        (
            {"event": "return", "return": {"reason": "transfer_requested", "target": "sales", "variables": {"a": 1}}},
            [Kept({"a": 1}), Given("transfer_requested", "sales")],
        ),
        (
            {"event": "note", "note": {"summary": "s", "transcript": [{"role": "user", "text": "hi"}, 5]}},
            [Kept(summary="s", turns=({"role": "user", "text": "hi"},))],
        ),
    ],
)
def test_events(event: dict[str, Any], expected: list[object]) -> None:
    assert said(event) == expected


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"\x00\x01", "a binary frame"),
        ("{", "a message that is no JSON"),
        ("[" * 100_000, "a message that is no JSON"),
        ('{"x":' + "9" * 10_000 + "}", "a message that is no JSON"),
        ("[]", "a message that is no object"),
        ("{}", "an event that is not known"),
        ('{"event": "media"}', "media without payload"),
        ('{"event": "media", "media": {"payload": 5}}', "media without payload"),
        ('{"event": "media", "media": {"payload": "A"}}', "media that is no base64"),
        ('{"event": "media", "media": {"payload": "AAAA", "sampleRate": 16000}}', "media of a rate that is not known"),
        ('{"event": "media", "media": {"payload": "AAAA", "encoding": "opus"}}', "media of an encoding that is not"),
        ('{"event": "mark"}', "a mark without name"),
        ('{"event": "mark", "mark": {"name": ""}}', "a mark without name"),
        ('{"event": "mark", "mark": {"name": "' + "x" * (MAX_MARK_NAME + 1) + '"}}', "a mark with a very long name"),
        ('{"event": "sendDTMF", "dtmf": "1x"}', "keys that are none"),
        ('{"event": "sendDTMF", "dtmf": {"digit": 1}}', "keys that are none"),
        ('{"event": "note"}', "a note without content"),
        ('{"event": "return", "return": {"reason": "max_duration"}}', "a return for a reason that is not known"),
    ],
)
def test_what_means_nothing_is_left_out_of_account(message: str | bytes, text: str) -> None:
    (found,) = MediaStreams(FACTS).received(message)
    assert isinstance(found, Odd) and found.text.startswith(text)


def test_what_comes_back_is_bounded() -> None:
    many = {f"v{number}": "x" * 1_000 for number in range(500)}
    (kept, given_back) = said({"event": "return", "return": {"variables": many, "summary": "s" * 9_000}})
    assert 50 < len(kept.variables) <= 100 and len(kept.summary) == 4_000
    assert given_back == Given("completed")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
events = st.sampled_from(
    ["media", "mark", "clear", "note", "return", "playAudio", "checkpoint", "start", "sendDTMF", "dtmf", ""]
)
fields = st.sampled_from(["media", "mark", "note", "return", "name", "payload", "streamSid", "dtmf"])


@given(st.one_of(st.text(), st.binary(), st.text(string.printable)))
def test_nothing_that_comes_raises(message: str | bytes) -> None:
    for found in MediaStreams(FACTS).received(message):
        assert isinstance(found, (Odd, Speech, MarkSet, Clear, Keys, Kept, Given))


@given(events, st.dictionaries(fields, json_values, max_size=4))
def test_no_event_raises(event: str, more: dict[str, Any]) -> None:
    for found in MediaStreams(FACTS).received(json.dumps({"event": event, **more})):
        if isinstance(found, Kept):
            json.dumps(dict(found.variables))


@given(st.binary(min_size=1, max_size=2_000))
def test_sound_comes_as_it_was_sent(sound: bytes) -> None:
    message = json.dumps({"event": "media", "media": {"payload": base64.b64encode(sound).decode()}})
    assert list(MediaStreams(FACTS).received(message)) == [Speech(sound)]
