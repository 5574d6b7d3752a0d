"""A SIP stack with its shell on loopback, for tests of transports."""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

from ivr.net import SipShell
from ivr.sip import Flow, IncomingCall, Stack, StackConfig
from tests.kit.sip import invite, request, sdp


class Node:
    """Listens on free ports, answers every call, and puts all events into a queue."""

    def __init__(self, *kinds: str, host: str = "127.0.0.1", t1: float = 0.05, **shell: Any) -> None:
        self.stack = Stack(StackConfig(t1=t1), os.urandom)
        self.events: asyncio.Queue[object] = asyncio.Queue()
        self.shell = SipShell(self.stack, [(kind, host, 0) for kind in kinds], self._on_event, **shell)

    def _on_event(self, event: object) -> None:
        if isinstance(event, IncomingCall):
            event.session.answer(sdp("127.0.0.1"), asyncio.get_running_loop().time())
        self.events.put_nowait(event)

    async def expect(self, kind: type) -> Any:
        """The next event, which is of this kind."""
        async with asyncio.timeout(30):
            event = await self.events.get()
        assert isinstance(event, kind), event
        return event

    def port(self, kind: str) -> int:
        """Of the first listener of a transport."""
        return next(port for transport, _, port in self.shell.addresses if transport == kind)

    def call(self, flow: Flow, **options: Any) -> Any:
        """Place a call; the session."""
        session = self.stack.invite(invite(flow, **options), asyncio.get_running_loop().time())
        self.shell.flush()
        return session

    async def __aenter__(self) -> Node:
        await self.shell.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for peer in Peer.made:
            peer.close()
        Peer.made.clear()
        await self.shell.close()


class Peer:
    """A plain TCP client; the end of a node closes all."""

    made: ClassVar[list[Peer]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.made.append(self)

    @classmethod
    async def to(cls, port: int, host: str = "127.0.0.1", **options: Any) -> Peer:
        """Connect to a node."""
        return cls(*await asyncio.open_connection(host, port, **options))

    @classmethod
    async def refused(cls, port: int) -> bool:
        """Whether a connection is closed without a word."""
        try:
            return await (await cls.to(port)).closed() == b""
        except ConnectionError:
            return True

    def write(self, data: bytes) -> None:
        """Send octets as they stand."""
        self.writer.write(data)

    async def read(self, count: int = 65536) -> bytes:
        """What came; empty when the node closed the connection."""
        async with asyncio.timeout(30):
            try:
                return await self.reader.read(count)
            except ConnectionError:
                return b""

    async def closed(self) -> bytes:
        """What came until the node closed the connection."""
        found = b""
        while data := await self.read():
            found += data
        return found

    def close(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


def options(call_id: str = "1", transport: str = "TCP", branch: str = "z9hG4bK1") -> bytes:
    """An OPTIONS outside any dialog."""
    via = f"SIP/2.0/{transport} 127.0.0.1:5060;branch={branch}{call_id};rport"
    return request("OPTIONS", via=via, call_id=call_id)
