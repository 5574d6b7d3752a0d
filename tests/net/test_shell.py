"""The shell: two stacks over real sockets on loopback, driven by a loop."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from ivr.errors import ConfigError, UnreachableError
from ivr.net import SipShell
from ivr.sip import Answered, Confirmed, Ended, IncomingCall, Rejected, Stack, StackConfig
from tests.kit.sip import invite, request, sdp


class Node:
    """A stack on a free port of loopback whose events land in a queue."""

    def __init__(self, host: str = "127.0.0.1", public: str | None = None) -> None:
        self.stack = Stack(StackConfig(t1=0.05), os.urandom)
        self.events: asyncio.Queue[object] = asyncio.Queue()
        self.shell = SipShell(self.stack, [("udp", host, 0)], self.on_event, public_address=public)
        self.answers = True

    def on_event(self, event: object) -> None:
        if isinstance(event, IncomingCall) and self.answers:
            event.session.answer(sdp("127.0.0.1"), asyncio.get_running_loop().time())
            self.shell.flush()
        self.events.put_nowait(event)

    async def expect(self, kind: type) -> object:
        async with asyncio.timeout(10):
            event = await self.events.get()
        assert isinstance(event, kind), event
        return event

    async def __aenter__(self) -> Node:
        await self.shell.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shell.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_call_over_real_sockets(host: str) -> None:
    loop = asyncio.get_running_loop()
    async with Node() as caller, Node(host) as called:
        flow = caller.shell.flow_to("127.0.0.1", called.shell.addresses[0][2])
        session = caller.stack.invite(invite(flow), loop.time())
        caller.shell.flush()
        await called.expect(IncomingCall)
        await caller.expect(Answered)
        await called.expect(Confirmed)
        session.hangup(loop.time())
        caller.shell.flush()
        await called.expect(Ended)


async def test_timers_run_without_packets() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with Node() as caller:
            caller.stack.invite(invite(caller.shell.flow_to(*silent.getsockname())), loop.time())
            caller.shell.flush()
            rejected = await caller.expect(Rejected)
        assert isinstance(rejected, Rejected) and rejected.status == 408
        silent.setblocking(False)
        received = 0
        while True:
            try:
                silent.recv(65535)
            except BlockingIOError:
                break
            received += 1
        assert received == 7


async def test_an_invite_that_cannot_be_sent_fails_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with Node() as caller:
        flow = caller.shell.flow_to("127.0.0.1", 9)
        caller.stack.invite(invite(flow, headers=(("X-Long", "x" * 70_000),)), loop.time())
        caller.shell.flush()
        rejected = await caller.expect(Rejected)
    assert isinstance(rejected, Rejected) and rejected.status == 503


async def test_a_fault_in_a_handler_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with Node() as node:
        node.on_event = lambda event: 1 / 0  # type: ignore[assignment,method-assign]
        node.shell._on_event = node.on_event
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.setblocking(False)
            peer.bind(("127.0.0.1", 0))
            target = ("127.0.0.1", node.shell.addresses[0][2])
            via = "SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK"
            for number, method in enumerate(("INVITE", "OPTIONS")):
                await loop.sock_sendto(peer, request(method, via=f"{via}{number}", call_id=str(number)), target)
            async with asyncio.timeout(10):
                statuses = {(await loop.sock_recv(peer, 65535))[8:11] for _ in range(2)}
    assert statuses == {b"100", b"200"}
    assert "an event could not be handled" in caplog.text


async def test_addresses_that_peers_are_told() -> None:
    async with Node("0.0.0.0", public="198.51.100.7") as node:
        flow = node.shell.flow_to("127.0.0.1", 5060)
        assert node.shell.host_for(flow) == "127.0.0.1"
        assert node.shell.media_address("127.0.0.1") == "127.0.0.1"
        assert node.shell.media_address("203.0.113.5") == "198.51.100.7"
    async with Node() as node:
        assert node.shell.media_address("127.0.0.1") == "127.0.0.1"
        with pytest.raises(UnreachableError):
            node.shell.flow_to("2001:db8::1", 5060)


async def test_a_way_of_datagrams_is_kept_open_by_what_is_no_message() -> None:
    async with Node() as node:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(5)
            flow = node.shell.flow_to(*peer.getsockname())
            node.shell.keep_alive(flow)
            assert peer.recvfrom(100) == (b"\r\n\r\n", flow.local)


async def test_what_cannot_be_listened_on() -> None:
    async with Node() as node:
        _, host, port = node.shell.addresses[0]
        again = SipShell(node.stack, [("udp", host, port)], lambda event: None)
        with pytest.raises(ConfigError, match="cannot listen"):
            await again.start()
        with pytest.raises(ConfigError, match=r"needs sip\.tls\.certificate"):
            await SipShell(node.stack, [("tls", host, 0)], lambda event: None).start()


async def test_new_calls_are_refused_while_packets_wait_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.net.shell.BEHIND_SECONDS", 0.0)
    monkeypatch.setattr("ivr.net.shell.DATAGRAMS_PER_TURN", 2)
    loop = asyncio.get_running_loop()
    async with Node() as caller, Node() as called:
        flow = caller.shell.flow_to("127.0.0.1", called.shell.addresses[0][2])
        for _ in range(6):
            caller.stack.invite(invite(flow), loop.time())
        caller.shell.flush()
        results = [type(await caller.expect(object)) for _ in range(6)]
        assert Answered in results
        assert Rejected in results
        async with asyncio.timeout(10):
            while called.stack.overloaded:  # noqa: ASYNC110 - the stack tells nobody
                await asyncio.sleep(0)
        caller.stack.invite(invite(flow), loop.time())
        caller.shell.flush()
        await caller.expect(Answered)


async def test_inner_peers_have_a_listener_of_their_own_that_hears_nobody_else() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        inner = taken.getsockname()
        daemon, stranger = Node(), Node()
        daemon.shell = SipShell(daemon.stack, [("udp", "127.0.0.1", 0)], daemon.on_event, inner=[inner])
        async with daemon, stranger:
            own = daemon.shell.inner_address
            assert own is not None and own not in [address[1:] for address in daemon.shell.addresses]
            assert daemon.shell.flow_to(*inner).local == own
            assert daemon.shell.flow_to("127.0.0.1", inner[1] ^ 1).local == daemon.shell.addresses[0][1:]
            device = Node()
            device.shell = SipShell(device.stack, [], device.on_event, inner=[own], inner_socket=taken)
            async with device:
                assert device.shell.inner_address == inner
                # Neither of the two hears a third one, which knows both addresses.
                for known in (own, inner):
                    stranger.stack.invite(invite(stranger.shell.flow_to(*known)), loop.time())
                stranger.shell.flush()
                session = device.stack.invite(invite(device.shell.flow_to(*own)), loop.time())
                device.shell.flush()
                called = await daemon.expect(IncomingCall)
                assert isinstance(called, IncomingCall) and called.flow == (
                    *called.flow[:1],
                    own,
                    inner,
                    *called.flow[3:],
                )
                await device.expect(Answered)
                await daemon.expect(Confirmed)
                session.hangup(loop.time())
                device.shell.flush()
                await daemon.expect(Ended)
                assert device.events.qsize() <= 1  # the end of the only call


async def test_inner_peers_are_heard_when_others_of_their_host_are_shut_out() -> None:
    loop = asyncio.get_running_loop()

    class Deaf:
        def message(self, host: str, now: float, size: int) -> bool:
            return False

        def connection(self, host: str, now: float) -> bool:
            return False

    async with Node() as device:
        daemon = Node()
        daemon.shell = SipShell(daemon.stack, [], daemon.on_event, guard=Deaf(), inner=[device.shell.addresses[0][1:]])
        async with daemon:
            own = daemon.shell.inner_address
            assert own is not None
            device.stack.invite(invite(device.shell.flow_to(*own)), loop.time())
            device.shell.flush()
            await daemon.expect(IncomingCall)
