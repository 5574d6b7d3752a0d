"""Calls over TCP, TLS and WebSockets between two shells on loopback, and what peers of these may not do."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr.net import SipShell, TlsFiles
from ivr.sip import Answered, Confirmed, Ended, Flow, IncomingCall, Rejected, Stack, StackConfig
from tests.kit.certificate import make_certificate
from tests.kit.sip import invite, request, sdp


class Node:
    """A stack with listeners on loopback whose events land in a queue."""

    def __init__(self, *kinds: str, host: str = "127.0.0.1", t1: float = 0.05, **shell: Any) -> None:
        self.stack = Stack(StackConfig(t1=t1), os.urandom)
        self.events: asyncio.Queue[object] = asyncio.Queue()
        self.shell = SipShell(self.stack, [(kind, host, 0) for kind in kinds], self.on_event, **shell)

    def on_event(self, event: object) -> None:
        if isinstance(event, IncomingCall):
            event.session.answer(sdp("127.0.0.1"), asyncio.get_running_loop().time())
        self.events.put_nowait(event)

    async def expect(self, kind: type) -> Any:
        async with asyncio.timeout(10):
            event = await self.events.get()
        assert isinstance(event, kind), event
        return event

    def port(self, kind: str) -> int:
        return next(port for transport, _, port in self.shell.addresses if transport == kind)

    def call(self, flow: Flow, **options: Any) -> Any:
        session = self.stack.invite(invite(flow, **options), asyncio.get_running_loop().time())
        self.shell.flush()
        return session

    async def __aenter__(self) -> Node:
        await self.shell.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shell.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the table tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "pbx.example.net")


async def call_through(caller: Node, called: Node, flow: Flow) -> None:
    loop = asyncio.get_running_loop()
    session = caller.call(flow)
    coming = await called.expect(IncomingCall)
    assert coming.request.top_via.transport.lower() == flow.transport
    await caller.expect(Answered)
    await called.expect(Confirmed)
    session.hangup(loop.time())
    caller.shell.flush()
    await called.expect(Ended)


@pytest.mark.parametrize("listens", [True, False])
async def test_a_call_over_tcp(listens: bool) -> None:
    async with Node(*(["udp", "tcp"] if listens else ["udp"])) as caller, Node("udp", "tcp") as called:
        flow = caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp")
        await call_through(caller, called, flow)
        await call_through(caller, called, caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp"))
        assert caller.shell.connections == called.shell.connections == {"tcp": 1}


async def test_the_called_hangs_up_on_the_connection_of_the_call() -> None:
    loop = asyncio.get_running_loop()
    async with Node("udp") as caller, Node("tcp") as called:
        caller.call(caller.shell.flow_to("127.0.0.1", called.port("tcp"), "tcp"))
        coming = await called.expect(IncomingCall)
        await caller.expect(Answered)
        await called.expect(Confirmed)
        coming.session.hangup(loop.time())
        called.shell.flush()
        await caller.expect(Ended)
        assert called.shell.connections == {"tcp": 1}


async def test_a_call_over_tls_to_a_peer_that_proves_its_name(certificate: Path) -> None:
    async with (
        Node("udp", tls=TlsFiles(ca=certificate)) as caller,
        Node("tls", tls=TlsFiles(certificate)) as called,
    ):
        flow = caller.shell.flow_to("127.0.0.1", called.port("tls"), "tls", "pbx.example.net")
        await call_through(caller, called, flow)


async def test_a_peer_that_is_another_is_not_spoken_to(certificate: Path) -> None:
    async with (
        Node("udp", tls=TlsFiles(ca=certificate)) as caller,
        Node("tls", tls=TlsFiles(certificate)) as called,
    ):
        for name in ("pbx.example.com", "example.net", ""):
            caller.call(caller.shell.flow_to("127.0.0.1", called.port("tls"), "tls", name))
            assert (await caller.expect(Rejected)).status == 503
        assert called.events.empty()


async def test_a_browser_by_websocket(certificate: Path) -> None:
    async with Node("ws") as node, aiohttp.ClientSession() as session:
        url = f"ws://127.0.0.1:{node.port('ws')}/"
        async with session.ws_connect(url, protocols=("sip",)) as socket:
            via = "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1;rport"
            await socket.send_str(request("OPTIONS", via=via, call_id="1").decode())
            answer = await socket.receive_str(timeout=5)
            assert answer.startswith("SIP/2.0 200")
            assert f"<sip:127.0.0.1:{node.port('ws')};transport=ws>" in answer
            await socket.send_bytes(request("OPTIONS", via=via.replace("K1", "K2"), call_id="2"))
            assert (await socket.receive_str(timeout=5)).startswith("SIP/2.0 200")
            await socket.send_str("\r\n\r\n")
            assert await socket.receive_str(timeout=5) == "\r\n"
            assert node.shell.connections == {"ws": 1}
        await until(lambda: not node.shell.connections)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url, protocols=("chat",))
