"""Calls at an AI agent, over real sockets; the caller and his port are made up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from ivr.flow import ports
from ivr.handoff import ai_call, ai_links
from tests.kit.ai import CALL_ID, VOICE, Endpoint, FakeCall, House, until
from tests.kit.certificate import make_certificate

SECOND = base64.b64encode(VOICE * 50).decode()


async def hear(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
    await endpoint.listen(socket)


def media(payload: str = SECOND) -> dict[str, Any]:
    return {"event": "media", "media": {"payload": payload}}


def script(*messages: Any, then: str | None = None, code: int | None = None) -> Any:
    """Wait for `start`, send messages, wait for `then`, close with a code or listen."""

    async def run(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
        await endpoint.listen(socket, "start")
        for message in messages:
            await (
                socket.send_bytes(message)
                if isinstance(message, bytes)
                else socket.send_str(message if isinstance(message, str) else json.dumps(message))
            )
        if then is not None:
            await endpoint.listen(socket, then)
        if code is not None:
            await socket.close(code=code)
        else:
            await endpoint.listen(socket)

    return run


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
        call.desk.gone(call)  # type: ignore[arg-type]
        assert call.entries[0]["dropped_seconds"] == 2.0 and call.entries[0]["spoken_seconds"] == 1.0
        assert sum("dropped" in line for line in call.lines) == 1


# Connections that are made anew


async def test_a_lost_connection_is_made_anew() -> None:
    times = 0

    async def talk(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
        nonlocal times
        times += 1
        await endpoint.listen(socket, "start")
        await socket.send_json(media())
        if times == 1:
            assert socket._req is not None and socket._req.transport is not None
            socket._req.transport.abort()
        else:
            await endpoint.listen(socket)

    async with Endpoint(talk) as endpoint:
        call = House(f"url: '{endpoint.url}', reconnect: {{times: 1, within: 10s}}").call()
        await until(lambda: call.port.streams == 2 and call.port.queued)
        call.port.play(1.0)
        kinds = call.kinds()
        assert kinds.count("AiAgentConnecting") == 2 and kinds.count("AiAgentStarted") == 1
        assert kinds[-1] == "AiAgentSpoke" and not call.done.done()
        first, second = endpoint.events("start")
        assert first["streamSid"] != second["streamSid"] and first["start"]["callSid"] == second["start"]["callSid"]
        assert second["start"]["customParameters"]["reconnected"] == "true"
        call.desk.gone(call)  # type: ignore[arg-type]
        assert call.entries[0]["reconnects"] == 1


async def test_an_endpoint_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_call, "RETRY_AFTER", (0.01,))
    async with Endpoint(script(code=1011)) as endpoint:
        call = House(f"url: '{endpoint.url}', reconnect: {{times: 3, within: 60s}}").call()
        assert (await call.outcome()).reason == "endpoint_closed"
        assert len(endpoint.requests) == 4 and call.entries[0]["reconnects"] == 3


# Who does not take the call


async def test_there_is_no_such_agent() -> None:
    house = House("url: 'ws://127.0.0.1:1/'")
    call = FakeCall(house.desk)
    house.desk.start(call, ports.StartAiAgent(3, "nobody", {}))  # type: ignore[arg-type]
    assert (await call.outcome()).reason == "not_started"


async def test_what_is_secret_in_the_url_of_a_stream_is_not_told() -> None:
    house = House("url: 'ws://127.0.0.1:1/'")
    call = FakeCall(house.desk)
    call.services.desks = SimpleNamespace(applications=SimpleNamespace(credentials=lambda call: None))
    house.desk.start(call, ports.StartAiAgent(3, "ws://127.0.0.1:1/ws?key=geheim", {}))  # type: ignore[arg-type]
    assert (await call.outcome()).reason == "not_started"
    assert call.entries[0]["target"] == call.told[-1][1]["agent"] == "ws://127.0.0.1:1/ws"
    assert "geheim" not in f"{call.entries} {call.told} {call.lines}"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ws://127.0.0.1:1/ws", "ConnectionRefusedError"),
        ("ws://10.0.0.1:1/ws", "10.0.0.1 is not a public address"),
        ("ws://169.254.169.254/latest", "169.254.169.254 is not a public address"),
        ("ws://[::1]:1/ws", "::1 is not a public address"),
        ("ws://127.1:1/ws", "127.1 is not a public address"),
    ],
)
async def test_nobody_or_nowhere(url: str, text: str) -> None:
    done = await House(f"url: '{url}'").call().outcome()
    assert done.reason == "not_started" and done.text.startswith(text)


async def test_a_certificate_that_nobody_vouches_for() -> None:
    from tests.handoff.test_ai_vices import tls_server

    async with tls_server() as port:
        done = await House(f"url: 'wss://127.0.0.1:{port}/ws'").call().outcome()
        assert (done.reason, done.text) == ("not_started", "SSLCertVerificationError")


async def test_the_caller_leaves_while_it_is_called() -> None:
    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        closed.set()

    closed = asyncio.Event()
    async with await asyncio.start_server(sleep, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        call = House(f"url: 'ws://127.0.0.1:{port}/ws'").call()
        await asyncio.sleep(0.05)
        call.desk.gone(call)  # type: ignore[arg-type]
        await asyncio.wait_for(closed.wait(), 5)
        assert call.entries[0]["outcome"] == "call_ended" and not call.done.done()


# OpenAI Realtime


async def test_an_interruption_says_what_was_heard() -> None:
    async def talk(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
        await endpoint.listen(socket, "session.update")
        await socket.send_json({"type": "session.updated"})
        await socket.send_json(
            {"type": "response.output_audio.delta", "item_id": "i1", "content_index": 0, "delta": SECOND}
        )
        await endpoint.listen(socket, "input_audio_buffer.append")
        await socket.send_json({"type": "input_audio_buffer.speech_started"})
        await endpoint.listen(socket)

    async with Endpoint(talk) as endpoint:
        call = House(f"url: '{endpoint.url}', protocol: openai-realtime").call()
        await until(lambda: call.port.queued)
        assert "model=gpt-realtime" in endpoint.requests[0].query_string
        call.port.play(0.46)
        call.port.speak()
        await until(lambda: endpoint.events("conversation.item.truncate"))
        (found,) = endpoint.events("conversation.item.truncate")
        assert found["item_id"] == "i1" and found["audio_end_ms"] == 460 and not call.port.queued
        call.desk.gone(call)  # type: ignore[arg-type]


async def test_a_session_that_is_refused_was_never_started() -> None:
    async def talk(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
        await endpoint.listen(socket, "session.update")
        await socket.send_json({"type": "error", "error": {"code": "invalid_api_key"}})
        await endpoint.listen(socket)

    async with Endpoint(talk) as endpoint:
        done = await House(f"url: '{endpoint.url}', protocol: openai-realtime").call().outcome()
        assert (done.reason, done.text) == ("not_started", "the session is refused: invalid_api_key")


async def test_a_session_that_is_never_set_up_times_out() -> None:
    async with Endpoint(hear) as endpoint:
        call = House(f"url: '{endpoint.url}', protocol: openai-realtime").call(connect_timeout=0.1)
        done = await call.outcome()
        assert (done.reason, done.text) == ("not_started", "no answer in time")


# AudioSocket


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def test_audiosocket_as_client() -> None:
    heard: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(19))
        writer.write(b"\x10\x01\x40" + bytes(320))
        heard.append(await reader.readexactly(323))
        heard.append(await reader.readexactly(4))
        writer.write(b"\x00\x00\x00")
        heard.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        call = House(f"url: 'tcp://127.0.0.1:{port}', protocol: audiosocket").call()
        await until(lambda: call.port.queued)
        assert call.port.encoding == "slin16" and len(call.port.queued) == 320
        call.port.play(1.0)
        call.port.speak(b"\x01\x00" * 160)
        call.desk.pressed(call, "5")  # type: ignore[arg-type]
        assert (await call.outcome()).reason == "completed"
        await until(lambda: len(heard) == 4)
        assert heard[0] == b"\x01\x00\x10" + bytes.fromhex(CALL_ID.replace("-", ""))
        assert heard[1:] == [b"\x10\x01\x40" + b"\x01\x00" * 160, b"\x03\x00\x015", b""]


async def lobby(fields: str = "") -> tuple[House, int]:
    house = House(f"protocol: audiosocket, listen: '127.0.0.1:0'{fields}")
    await house.desk.open()
    (found,) = house.desk.lobbies.values()
    return house, found.port


UUID_FRAME = b"\x01\x00\x10" + bytes.fromhex(CALL_ID.replace("-", ""))


@pytest.mark.parametrize("first", ["call", "asterisk"])
async def test_asterisk_connects_and_gets_the_call_of_its_uuid(first: str) -> None:
    house, port = await lobby()
    call = house.call() if first == "call" else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UUID_FRAME)
    if call is None:
        await asyncio.sleep(0.05)
        call = house.call()
    await until(lambda: "AiAgentStarted" in call.kinds())
    writer.write(b"\x10\x01\x40" + bytes(320) + b"\x03\x00\x017")
    await until(lambda: call.port.queued and call.sent_keys)
    assert call.sent_keys == ["7"]
    call.port.speak(b"\x02\x00" * 160)
    assert await reader.readexactly(323) == b"\x10\x01\x40" + b"\x02\x00" * 160
    call.desk.stop(call, ports.StopAiAgent(7))  # type: ignore[arg-type]
    assert await reader.read() == b"\x00\x00\x00"
    assert (await call.outcome()).reason == "completed"
    writer.close()
    house.desk.close()


async def test_asterisk_hangs_up() -> None:
    house, port = await lobby()
    call = house.call()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UUID_FRAME)
    await until(lambda: "AiAgentStarted" in call.kinds())
    writer.close()
    assert (await call.outcome()).reason == "completed"
    house.desk.close()


async def test_a_connection_that_nobody_waits_for_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.handoff import ai_listener

    monkeypatch.setattr(ai_listener, "KEPT", 0.05)
    monkeypatch.setattr(ai_listener, "NAMED_WITHIN", 0.05)
    house, port = await lobby()
    for first in (UUID_FRAME, b"", b"\x10\x00\x02ab", b"\x01\x00\x02ab", UUID_FRAME[:9]):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        assert await asyncio.wait_for(reader.read(), 2) == b"\x00\x00\x00"
        writer.close()
    (found,) = house.desk.lobbies.values()
    assert not found._links and not found._kept and not found._timers
    house.desk.close()


async def test_a_call_that_nobody_connects_to_comes_back() -> None:
    house, _ = await lobby(", connect_timeout: 0.1s")
    done = await house.call().outcome()
    assert (done.reason, done.text) == ("not_started", "no answer in time")
    (found,) = house.desk.lobbies.values()
    assert not found._calls
    house.desk.close()


async def test_a_flow_may_name_the_uuid() -> None:
    house, port = await lobby()
    call = house.call(parameters={"uuid": "11111111-2222-4333-8444-555555555555"})
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x01\x00\x10" + bytes.fromhex("11111111222243338444555555555555"))
    await until(lambda: "AiAgentStarted" in call.kinds())
    writer.close()
    await call.outcome()
    house.desk.close()


def test_limits_are_sane() -> None:
    assert ai_links.HIGH_WATER < ai_links.MOST_WAITING


async def test_over_tls_with_a_certificate_that_somebody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with Endpoint(script(media(), code=1000), context) as endpoint:
        assert endpoint.url.startswith("wss://localhost:")
        call = House(f"url: '{endpoint.url}'").call()
        await until(lambda: call.port.queued)
        call.port.play(1.0)
        assert (await call.outcome()).reason == "completed"
        done = await House(f"url: '{endpoint.url.replace('localhost', '127.0.0.1')}'").call().outcome()
        assert (done.reason, done.text) == ("not_started", "SSLCertVerificationError")
