"""Calls at an AI agent, over real sockets; the caller and his port are made up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import pytest

from ivr.flow import ports
from ivr.handoff import ai_call
from tests.kit.ai import VOICE, Endpoint, House, media, script
from tests.kit.waiting import until

# The call


async def test_sound_goes_both_ways_and_the_agent_speaks_once() -> None:
    async with Endpoint(script(media(), {"event": "mark", "mark": {"name": "end"}})) as endpoint:
        call = House(f"url: '{endpoint.url}'").call(parameters={"a": 1})
        assert call.kinds() == ["AiAgentConnecting"] and call.events[0].filler == "music"
        await until(lambda: call.port.queued)
        assert call.kinds() == ["AiAgentConnecting", "AiAgentStarted"]
        call.port.speak(VOICE, 10.0)
        call.port.speak(VOICE, 10.02)
        call.port.play(0.5)
        await until(lambda: len(endpoint.events("media")) == 2)
        assert call.kinds()[2:] == ["AiAgentSpoke"] and not endpoint.events("mark")
        call.port.play(0.5)
        await until(lambda: endpoint.events("mark"))
        assert call.port.heard == VOICE * 50
        call.desk.gone(call)  # type: ignore[arg-type]
        await until(lambda: endpoint.codes)
        assert [message["event"] for message in endpoint.messages] == [
            "connected",
            "start",
            "media",
            "media",
            "mark",
            "stop",
        ]
        numbers = [int(message["sequenceNumber"]) for message in endpoint.messages[1:]]
        assert numbers == [1, 2, 3, 4, 5]
        assert endpoint.codes == [1000] and not call.done.done()
        assert endpoint.messages[1]["start"]["customParameters"]["a"] == "1"
        assert call.events[1].stream == endpoint.messages[1]["streamSid"]
        (entry,) = call.entries
        assert (entry["target"], entry["outcome"], entry["marks"]) == ("bot", "call_ended", 1)
        assert entry["messages_in"] == 2 and entry["messages_out"] == 6 and entry["bytes_in"] > 10_000
        assert [what for what, _ in call.told] == ["ai.started", "ai.ended"]
        assert len(call.desk) == 0 and call.port.open is None


async def test_clear_is_silence_at_once_and_gives_marks_back_in_order() -> None:
    marks = [{"event": "mark", "mark": {"name": name}} for name in "abc"]
    talk = script(media(), marks[0], media(), marks[1], {"event": "clear"}, marks[2])
    async with Endpoint(talk) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        await until(lambda: len(endpoint.events("mark")) == 3)
        assert [message["mark"]["name"] for message in endpoint.events("mark")] == ["a", "b", "c"]
        assert not call.port.queued and call.port.clears == 1
        call.desk.gone(call)  # type: ignore[arg-type]
        assert call.entries[0]["clears"] == 1 and call.entries[0]["marks"] == 3
        assert call.entries[0]["spoken_seconds"] == 0.0, "nothing of it was heard"


async def test_keys_go_to_the_agent_while_it_has_the_call() -> None:
    async with Endpoint(script()) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        assert not call.desk.pressed(call, "1")  # type: ignore[arg-type]
        await until(lambda: "AiAgentStarted" in call.kinds())
        assert call.desk.pressed(call, "5")  # type: ignore[arg-type]
        await until(lambda: endpoint.events("dtmf"))
        assert endpoint.events("dtmf")[0]["dtmf"]["digit"] == "5"
        assert call.desk.agent_of(call) == "bot"  # type: ignore[arg-type]
        call.desk.stop(call, ports.StopAiAgent(7))  # type: ignore[arg-type]
        assert (await call.outcome()).reason == "completed"
        assert call.entries[0]["outcome"] == "taken_back"
        assert call.desk.agent_of(call) is None  # type: ignore[arg-type]
        assert not call.desk.pressed(call, "5")  # type: ignore[arg-type]


async def test_a_key_asks_for_a_person_whatever_the_agent_says() -> None:
    async with Endpoint(script(media())) as endpoint:
        call = House(f"url: '{endpoint.url}', human_key: '0'").call()
        await until(lambda: call.port.queued)
        assert call.desk.pressed(call, "5")  # type: ignore[arg-type]
        await until(lambda: endpoint.events("dtmf"))
        assert call.desk.pressed(call, "0")  # type: ignore[arg-type]
        assert (await call.outcome()).reason == "caller_requested_human"
        await until(lambda: endpoint.events("stop"))
        assert len(endpoint.events("dtmf")) == 1 and not call.port.queued


async def test_a_recording_lasts_as_long_as_the_conversation() -> None:
    async with Endpoint(script(code=1000)) as endpoint:
        call = House(f"url: '{endpoint.url}'").call(record_name="talk")
        await call.outcome()
        assert call.recorded == ["talk", None]


async def test_headers_and_the_signature_are_sent() -> None:
    async with Endpoint(script()) as endpoint:
        call = House(
            f"url: '{endpoint.url}?x=1', headers: {{X-Key: geheim}}, auth_token: token-of-sixteen-signs"
        ).call()
        await until(lambda: endpoint.requests)
        headers = endpoint.requests[0].headers
        made = hmac.new(b"token-of-sixteen-signs", f"{endpoint.url}?x=1".encode(), hashlib.sha1).digest()
        assert headers["X-Twilio-Signature"] == base64.b64encode(made).decode()
        assert headers["X-Key"] == "geheim" and "Sec-WebSocket-Extensions" not in headers
        call.desk.gone(call)  # type: ignore[arg-type]


# How it ends


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (script(code=1000), "completed"),
        (script(code=1001), "endpoint_closed"),
        (script(code=1011), "endpoint_closed"),
        (script({"event": "return", "return": {"reason": "caller_requested_human"}}), "caller_requested_human"),
        (script(b"\x00" * 100, "{", "{}", '{"event":"x"}', code=1000), "completed"),
    ],
)
async def test_the_end_has_a_reason(talk: Any, reason: str) -> None:
    async with Endpoint(talk) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        done = await call.outcome()
        assert (done.id, done.reason, done.end_call) == (7, reason, False)
        assert len(call.entries) == 1 and call.entries[0]["outcome"] == reason


async def test_what_it_found_out_comes_back() -> None:
    note = {"event": "note", "note": {"variables": {"a": 1, "b": 2}, "transcript": [{"role": "user", "text": "hi"}]}}
    back = {"reason": "transfer_requested", "target": "sales", "summary": "wants a price", "variables": {"b": 3}}
    async with Endpoint(script(note, {"event": "return", "return": back})) as endpoint:
        done = await House(f"url: '{endpoint.url}'").call().outcome()
        assert (done.reason, done.target, done.summary) == ("transfer_requested", "sales", "wants a price")
        assert done.variables == {"a": 1, "b": 3} and done.transcript == ({"role": "user", "text": "hi"},)


async def test_what_is_known_so_far_is_told_to_the_flow() -> None:
    notes = [{"event": "note", "note": {"transcript": [{"role": "user", "text": text}]}} for text in ("a", "b", "c")]
    async with Endpoint(script(*notes)) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        await until(lambda: call.kinds().count("AiAgentTold") == 2)
        first, second = (event for event in call.events if isinstance(event, ports.AiAgentTold))
        assert [turn["text"] for turn in first.transcript] == ["a"]
        assert [turn["text"] for turn in second.transcript] == ["a", "b", "c"], "not for each note alone"
        call.desk.gone(call)  # type: ignore[arg-type]


async def test_the_last_words_are_heard_before_the_call_comes_back() -> None:
    async with Endpoint(script(media(), code=1000)) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        await until(lambda: endpoint.codes)
        await asyncio.sleep(0.02)
        assert not call.done.done()
        call.port.play(1.0)
        assert (await call.outcome()).reason == "completed"
        assert call.port.heard == VOICE * 50


async def test_last_words_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_call, "DRAIN", 0.05)
    async with Endpoint(script(media(), code=1000)) as endpoint:
        call = House(f"url: '{endpoint.url}'").call()
        assert (await call.outcome()).reason == "completed"


async def test_the_bot_hangs_up_or_redirects_by_http() -> None:
    async with Endpoint(script()) as endpoint:
        house = House(f"url: '{endpoint.url}'")
        call = house.call()
        assert house.desk.end_call(call)  # type: ignore[arg-type]
        done = await call.outcome()
        assert (done.reason, done.end_call, done.twiml) == ("completed", True, None)
        call = house.call()
        await until(lambda: "AiAgentStarted" in call.kinds())
        assert house.desk.end_call(call, twiml="<Response/>")  # type: ignore[arg-type]
        done = await call.outcome()
        assert (done.end_call, done.twiml, done.twiml_url) == (False, "<Response/>", None)
        await until(lambda: endpoint.events("stop"))
        assert not house.desk.end_call(call)  # type: ignore[arg-type]


async def test_limits_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_call, "LOOK", 0.02)
    async with Endpoint(script()) as endpoint:
        house = House(f"url: '{endpoint.url}', no_input_timeout: 0.2s, silence_timeout: 10s")
        assert (await house.call(max_duration=0.1).outcome()).reason == "max_duration"
        assert (await house.call().outcome()).reason == "no_input_timeout"
        call = House(f"url: '{endpoint.url}', silence_timeout: 0.1s").call()
        done = await call.outcome()
        assert (done.reason, done.text) == ("endpoint_error", "nothing came from it")


async def test_who_speaks_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_call, "LOOK", 0.02)
    async with Endpoint(script()) as endpoint:
        call = House(f"url: '{endpoint.url}', no_input_timeout: 0.2s").call()
        await until(lambda: "AiAgentStarted" in call.kinds())
        for _ in range(20):
            call.port.speak(VOICE)
            await asyncio.sleep(0.02)
        assert not call.done.done()
        assert (await call.outcome()).reason == "no_input_timeout"


async def test_more_than_may_wait_is_dropped_and_noted_once() -> None:
    async with Endpoint(script(media(), media(), media())) as endpoint:
        call = House(f"url: '{endpoint.url}', buffer: 1s").call()
        await until(lambda: call.entries or (call.port.stream_queued(1) == 1.0 and len(call.lines) > 0))
        await asyncio.sleep(0.05)
        call.port.play(0.6)
        call.desk.gone(call)  # type: ignore[arg-type]
        assert call.entries[0]["dropped_seconds"] == 2.0 and call.entries[0]["spoken_seconds"] == 0.6
        assert sum("dropped" in line for line in call.lines) == 1
