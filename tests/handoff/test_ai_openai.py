"""Calls at a server of OpenAI Realtime; sockets are real, the caller is made up."""

from __future__ import annotations

from aiohttp import web

from tests.kit.ai import SECOND, Endpoint, House
from tests.kit.waiting import until


async def hear(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
    await endpoint.listen(socket)


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
