"""How endpoints of AI agents are connected, again too; sockets are real, the caller is made up."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from ivr.flow import ports
from ivr.handoff import ai_connecting
from tests.kit.ai import Endpoint, FakeCall, House, media, script
from tests.kit.certificate import make_certificate
from tests.kit.waiting import until

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
    monkeypatch.setattr(ai_connecting, "RETRY_AFTER", (0.01,))
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


@pytest.mark.parametrize("url", ["ws://me:geheim@127.0.0.1:1/ws?key=geheim", "gopher://h/?geheim"])
async def test_what_is_secret_in_a_url_that_is_none_is_not_told(url: str) -> None:
    house = House("url: 'ws://127.0.0.1:1/'")
    call = FakeCall(house.desk)
    call.services.desks = SimpleNamespace(applications=SimpleNamespace(credentials=lambda call: None))
    house.desk.start(call, ports.StartAiAgent(3, url, {}))  # type: ignore[arg-type]
    done = await call.outcome()
    assert done.reason == "not_started" and "geheim" not in f"{done} {call.entries} {call.told} {call.lines}"


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
        await asyncio.wait_for(closed.wait(), 30.0)
        assert call.entries[0]["outcome"] == "call_ended" and not call.done.done()


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
