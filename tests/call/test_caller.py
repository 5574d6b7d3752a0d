"""The caller of our own, against a peer that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ivr.call.caller import Caller, CallerOptions, CallFailedError
from ivr.errors import IvrError
from ivr.sip import Request, make_response, parse_message

PORTS = (33_002, 33_021)


class Peer(asyncio.DatagramProtocol):
    """Answers every INVITE with `status`; None: with nothing."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.methods: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(data)
        assert isinstance(message, Request)
        self.methods.append(message.method)
        if message.method == "INVITE" and self.status is not None:
            self.transport.sendto(make_response(message, self.status, to_tag="peer").encode(), addr)


@pytest.fixture
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Peer, str]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Peer(request.param), local_addr=("127.0.0.1", 0))
    yield protocol, f"sip:100@127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    transport.close()


@pytest.mark.parametrize("peer", [486], indirect=True)
async def test_a_refused_call_says_why(peer: tuple[Peer, str]) -> None:
    async with Caller(replace(CallerOptions(), media_ports=PORTS)) as caller:
        with pytest.raises(CallFailedError) as raised:
            await caller.call(peer[1])
        assert raised.value.status == 486
        assert caller.ended.is_set()
        assert caller.end_cause == "rejected"


@pytest.mark.parametrize("peer", [180], indirect=True)
async def test_a_call_that_rings_too_long_is_cancelled(peer: tuple[Peer, str]) -> None:
    async with Caller(replace(CallerOptions(), media_ports=PORTS)) as caller:
        with pytest.raises(CallFailedError) as raised:
            await caller.call(peer[1], ring_timeout=0.3)
        assert raised.value.status == 408
    assert peer[0].methods[-1] == "CANCEL"


@pytest.mark.parametrize("peer", [None], indirect=True)
async def test_one_call_at_a_time(peer: tuple[Peer, str]) -> None:
    async with Caller(replace(CallerOptions(), media_ports=PORTS)) as caller:
        with pytest.raises(IvrError, match="there is no call"):
            await caller.press("1")
        with pytest.raises(CallFailedError):
            await caller.call(peer[1], ring_timeout=0.1)
        with pytest.raises(IvrError, match="hang up first"):
            await caller.call(peer[1])
