from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.handoff.ai_found import AiFound
from ivr.handoff.protocols.openai_realtime import OpenAiRealtime
from ivr.handoff.protocols.talk import Accepted, Clear, Facts, Given, Kept, Lost, Odd, Send, Speech
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
def test_tools_give_the_call_back_and_their_use_is_answered(event: dict[str, Any], expected: list[object]) -> None:
    found = said(event)
    assert [one for one in found if not isinstance(one, Send)] == expected
    answers = [json.loads(one.message)["item"] for one in found if isinstance(one, Send)]
    assert [answer["type"] for answer in answers] == ["function_call_output"] * bool(expected)


def test_a_response_is_asked_for_when_the_one_before_is_done() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    said({"type": "response.created", "response": {"id": "r1"}}, bot)
    first = said(calls("remember", '{"colour": "red"}', "c1"), bot)
    second = said(calls("nothing", "{}", "c2"), bot)
    assert "response.create" not in [json.loads(one.message)["type"] for one in first + second if isinstance(one, Send)]
    (create,) = said({"type": "response.done", "response": {"id": "r1", "status": "completed"}}, bot)
    assert json.loads(create.message) == {"type": "response.create"}
    assert said({"type": "response.done", "response": {"id": "r2", "status": "completed"}}, bot) == []


def delta(item: str, response: str) -> dict[str, Any]:
    sound = base64.b64encode(SOUND).decode()
    return {
        "type": "response.output_audio.delta",
        "item_id": item,
        "response_id": response,
        "content_index": 0,
        "delta": sound,
    }


@pytest.mark.parametrize("by_key", [True, False])
def test_what_comes_of_an_interrupted_response_is_not_heard(by_key: bool) -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    said({"type": "response.created", "response": {"id": "r1"}}, bot)
    assert said(delta("i1", "r1"), bot) == [Speech(SOUND, "i1/0")]
    if by_key:
        bot.pressed("1")
    else:
        assert said({"type": "input_audio_buffer.speech_started"}, bot) == [Clear()]
    assert said(delta("i2", "r1"), bot) == []
    said({"type": "response.done", "response": {"id": "r1", "status": "cancelled"}}, bot)
    said({"type": "response.created", "response": {"id": "r2"}}, bot)
    assert said(delta("i3", "r2"), bot) == [Speech(SOUND, "i3/0")]


def test_what_comes_of_an_item_that_was_cut_is_not_heard() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    bot.cleared({"i1/0": 0.5})
    assert said({**delta("i1", "r1"), "response_id": None}, bot) == []


def test_a_caller_who_may_not_interrupt_does_not() -> None:
    bot = OpenAiRealtime(agent(turn_detection={"interrupt": False}), FACTS)
    assert json.loads(bot.begin()[0])["session"]["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "interrupt_response": False,
    }
    assert said({"type": "input_audio_buffer.speech_started"}, bot) == []


def test_the_beta_has_another_shape() -> None:
    (message,) = OpenAiRealtime(agent(interface="beta", voice="sage", transcribe="whisper-1"), FACTS).begin()
    session = json.loads(message)["session"]
    tools = session.pop("tools")
    assert tools[0]["name"] == "book" and session.pop("instructions").startswith("Be kind.")
    assert session == {
        "modalities": ["audio", "text"],
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "whisper-1"},
        "turn_detection": {"type": "server_vad"},
        "voice": "sage",
        "tool_choice": "auto",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"threshold": 0.6, "prefix": "200ms", "silence": "0.7s"},
            {"type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 200, "silence_duration_ms": 700},
        ),
        ({"type": "semantic_vad", "eagerness": "low"}, {"type": "semantic_vad", "eagerness": "low"}),
    ],
)
def test_whose_turn_it_is_can_be_said(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    (message,) = OpenAiRealtime(agent(turn_detection=fields, noise_reduction="near_field", speed=1.2), FACTS).begin()
    audio = json.loads(message)["session"]["audio"]
    assert audio["input"]["turn_detection"] == expected
    assert audio["input"]["noise_reduction"] == {"type": "near_field"} and audio["output"]["speed"] == 1.2


def test_a_session_that_expires_is_lost() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    said({"type": "session.updated"}, bot)
    error = {"type": "error", "error": {"type": "invalid_request_error", "code": "session_expired"}}
    assert said(error, bot) == [Lost("the session has expired")]


def test_a_response_that_fails_is_asked_for_again_once() -> None:
    bot = OpenAiRealtime(agent(), FACTS)
    said({"type": "session.updated"}, bot)
    details = {"type": "failed", "error": {"type": "insufficient_quota", "code": "insufficient_quota"}}
    failed = {"type": "response.done", "response": {"status": "failed", "status_details": details}}
    for _ in range(2):
        odd, again = said(failed, bot)
        assert odd == Odd("a response failed: insufficient_quota")
        assert json.loads(again.message) == {"type": "response.create"}
        assert said({"type": "response.done", "response": {"status": "completed"}}, bot) == []
    said(failed, bot)
    assert said(failed, bot) == [Given("endpoint_error", text="a response failed: insufficient_quota")]


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
    assert said(asked) == [Kept(turns=({"role": "user", "text": "A table, please"},), place=1)]
    assert said(answered) == [Kept(turns=({"role": "assistant", "text": "For how many?"},), place=1)]
    assert said({**answered, "transcript": ""}) == []


def test_a_transcript_that_comes_late_stands_where_it_was_said() -> None:
    bot, found = OpenAiRealtime(agent(), FACTS), AiFound()
    asked = {"type": "conversation.item.input_audio_transcription.completed"}
    answered = {"type": "response.output_audio_transcript.done"}
    for event in (
        {"type": "input_audio_buffer.committed", "item_id": "u1"},
        {"type": "conversation.item.added", "item": {"id": "u1"}},
        {"type": "response.output_item.added", "item": {"id": "a1"}},
        {**answered, "item_id": "a1", "transcript": "For how many?"},
        {"type": "input_audio_buffer.committed", "item_id": "u2"},
        {**asked, "item_id": "u2", "transcript": "Four"},
        {**asked, "item_id": "u1", "transcript": "A table, please"},
        {**answered, "item_id": "a2", "transcript": "Done"},
    ):
        for kept in said(event, bot):
            found.add(kept)
    assert [turn["text"] for turn in found.turns] == ["A table, please", "For how many?", "Four", "Done"]
    found.again()
    found.add(Kept(turns=({"role": "user", "text": "Hello?"},), place=1))
    found.add(Kept(turns=({"role": "user", "text": "Are you there?"},)))
    assert [turn["text"] for turn in found.turns][-2:] == ["Hello?", "Are you there?"]


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
        "response.created",
        "response.done",
        "conversation.item.added",
        "input_audio_buffer.committed",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(
    ["delta", "item_id", "content_index", "item", "error", "name", "call_id", "arguments", "transcript", "response"]
)


@given(kinds, st.dictionaries(names, values, max_size=5))
def test_no_event_raises(kind: str, more: dict[str, Any]) -> None:
    list(OpenAiRealtime(agent(), FACTS).received(json.dumps({"type": kind, **more})))
