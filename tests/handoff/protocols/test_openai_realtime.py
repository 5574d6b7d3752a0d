from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.handoff.protocols.openai_realtime import OpenAiRealtime
from ivr.handoff.protocols.talk import Accepted, Clear, Facts, Given, Kept, Odd, Send, Speech
from ivr.settings import AiAgent

FACTS = Facts("id", "CA", "AC", "MZ", "+49301234", "100", {"customer": "K-17"})
SOUND = bytes(range(160))
TOOLS = {
    "book": {
        "description": "Book a table",
        "variables": {
            "day": "The day",
            "guests": {"type": "integer", "required": False},
            "room": {"values": ["in", "out"]},
        },
    },
    "to_sales": {"reason": "transfer_requested", "target": "sales", "variables": {"summary": "Why"}},
    "to_anybody": {"reason": "transfer_requested", "variables": {"target": "Who"}},
    "bye": {"reason": "hang_up"},
    "remember": {"reason": "note", "variables": {"colour": "A colour"}},
}


def agent(**fields: Any) -> AiAgent:
    return AiAgent.model_validate({"protocol": "openai-realtime", "instructions": "Be kind.", "tools": TOOLS, **fields})


def said(event: dict[str, Any], bot: OpenAiRealtime | None = None) -> list[Any]:
    return list((bot or OpenAiRealtime(agent(), FACTS)).received(json.dumps(event)))


def calls(name: str, arguments: str, number: str = "c1") -> dict[str, Any]:
    item = {"type": "function_call", "name": name, "call_id": number, "arguments": arguments}
    return {"type": "response.output_item.done", "item": item}


def test_the_session_is_set_up_in_the_sound_of_the_telephone() -> None:
    (message,) = OpenAiRealtime(agent(voice="marin", transcribe="whisper-1"), FACTS).begin()
    found = json.loads(message)
    assert found["type"] == "session.update"
    session = found["session"]
    assert session["type"] == "realtime" and session["output_modalities"] == ["audio"]
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcmu"},
        "turn_detection": {"type": "server_vad"},
        "transcription": {"model": "whisper-1"},
    }
    assert session["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "marin"}
    assert session["instructions"].startswith("Be kind.") and "K-17" in session["instructions"]
    assert "+49301234" not in session["instructions"]
    book = session["tools"][0]
    assert (book["type"], book["name"], book["description"]) == ("function", "book", "Book a table")
    assert book["parameters"]["properties"] == {
        "day": {"type": "string", "description": "The day"},
        "guests": {"type": "integer"},
        "room": {"type": "string", "enum": ["in", "out"]},
    }
    assert book["parameters"]["required"] == ["day", "room"]


def test_it_has_the_call_once_the_session_is_updated() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    assert said({"type": "session.created"}, bot) == []
    assert said({"type": "session.updated"}, bot) == [Accepted()]
    assert said({"type": "session.updated"}, bot) == []


def test_it_may_speak_first() -> None:
    accepted, first = said({"type": "session.updated"}, OpenAiRealtime(agent(greeting="Say hello"), FACTS))
    assert accepted == Accepted()
    assert json.loads(first.message) == {"type": "response.create", "response": {"instructions": "Say hello"}}


def test_an_error_before_that_gives_the_call_back_and_later_is_noted() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    error = {"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_value", "message": "secret"}}
    (given_back,) = said(error, bot)
    assert given_back == Given("endpoint_error", text="the session is refused: invalid_value")
    said({"type": "session.updated"}, bot)
    assert said(error, bot) == [Odd("an error: invalid_value")]


def test_sound_both_ways() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    sent = json.loads(bot.heard(SOUND, 1.0))
    assert sent == {"type": "input_audio_buffer.append", "audio": base64.b64encode(SOUND).decode()}
    for name in ("response.output_audio.delta", "response.audio.delta"):
        event = {"type": name, "item_id": "it/em", "content_index": 1, "delta": base64.b64encode(SOUND).decode()}
        assert said(event) == [Speech(SOUND, "it/em/1")]


def test_an_interruption_says_how_much_was_heard() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    assert said({"type": "input_audio_buffer.speech_started", "audio_start_ms": 5}, bot) == [Clear()]
    first, second = (json.loads(one) for one in bot.cleared({"a/0": 1.2345, "b/1": 0.0}))
    assert first == {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 1234}
    assert second["item_id"] == "b" and second["content_index"] == 1 and second["audio_end_ms"] == 0


def test_keys_are_told_as_text() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    item, create = (json.loads(one) for one in bot.pressed("7"))
    assert item["item"]["content"][0]["text"] == "(The caller pressed the key 7)"
    assert create == {"type": "response.create"}


def test_a_key_cancels_what_is_being_said() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    assert bot.keys_interrupt
    said({"type": "response.created"}, bot)
    assert json.loads(bot.pressed("7")[0]) == {"type": "response.cancel"}
    said({"type": "response.done"}, bot)
    assert len(bot.pressed("7")) == 2


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            calls("book", '{"day": "Friday", "guests": 3, "room": "in", "else": 1}'),
            [Kept({"day": "Friday", "guests": 3, "room": "in"}), Given("completed")],
        ),
        (
            calls("to_sales", '{"summary": "Wants a price"}'),
            [Kept({"summary": "Wants a price"}, "Wants a price"), Given("transfer_requested", "sales")],
        ),
        (calls("to_anybody", '{"target": "Anna"}'), [Kept({"target": "Anna"}), Given("transfer_requested", "Anna")]),
        (calls("bye", ""), [Kept(), Given("completed", end_call=True)]),
        (
            {"type": "response.function_call_arguments.done", "name": "bye", "call_id": "c", "arguments": "{}"},
            [Kept(), Given("completed", end_call=True)],
        ),
        ({"type": "response.function_call_arguments.done", "call_id": "c", "arguments": "{}"}, []),
        ({"type": "response.output_item.done", "item": {"type": "message"}}, []),
    ],
)
def test_tools_give_the_call_back(event: dict[str, Any], expected: list[object]) -> None:
    assert said(event) == expected


def test_a_note_keeps_values_and_the_conversation_goes_on_once() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    event = calls("remember", '{"colour": "red"}')
    kept, output, go_on = said(event, bot)
    assert kept == Kept({"colour": "red"})
    assert isinstance(output, Send) and json.loads(output.message)["item"] == {
        "type": "function_call_output",
        "call_id": "c1",
        "output": "kept",
    }
    assert json.loads(go_on.message) == {"type": "response.create"}
    assert said(event, bot) == []


@pytest.mark.parametrize(
    ("name", "arguments"), [("nothing", "{}"), ("book", "[]"), ("book", "{"), ("book", "[" * 9999)]
)
def test_a_tool_that_cannot_be_used_is_answered(name: str, arguments: str) -> None:
    found = said(calls(name, arguments))
    assert isinstance(found[0], Send) and "function_call_output" in str(found[0].message)


def test_a_call_with_a_very_long_id_is_left_out_of_account() -> None:
    event = {"type": "response.function_call_arguments.done", "name": "no_tool", "call_id": "c" * 100_000}
    assert said(event) == [Odd("a tool call with a very long id")]


def test_the_transcript_is_kept() -> None:
    asked = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "A table, please"}
    answered = {"type": "response.output_audio_transcript.done", "transcript": "For how many?"}
    assert said(asked) == [Kept(turns=({"role": "user", "text": "A table, please"},))]
    assert said(answered) == [Kept(turns=({"role": "assistant", "text": "For how many?"},))]
    assert said({**answered, "transcript": ""}) == []


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"x", "a binary frame"),
        ("{", "a message that is no JSON"),
        ("[]", "a message without type"),
        ('{"type": "surprise"}', "an event that is not known"),
        ('{"type": "response.output_audio.delta"}', "sound without content"),
        ('{"type": "response.output_audio.delta", "delta": "A"}', "sound that is no base64"),
    ],
)
def test_what_means_nothing_is_left_out_of_account(message: str | bytes, text: str) -> None:
    assert list(OpenAiRealtime(agent(), FACTS).received(message)) == [Odd(text)]


kinds = st.sampled_from(
    [
        "error",
        "session.updated",
        "response.output_audio.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.output_audio_transcript.done",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(
    ["delta", "item_id", "content_index", "item", "error", "name", "call_id", "arguments", "transcript"]
)


@given(kinds, st.dictionaries(names, values, max_size=5))
def test_no_event_raises(kind: str, more: dict[str, Any]) -> None:
    list(OpenAiRealtime(agent(), FACTS).received(json.dumps({"type": kind, **more})))
