"""STUN on the sockets of SIP."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from ivr.net.nat import ANSWERS_PER_SOURCE, SOURCES_PER_SECOND, BindingAnswers
from ivr.sip import Flow, IncomingCall
from ivr.sip.stun import binding_request, binding_response, read_request, read_response
from tests.kit.node import Node
from tests.kit.waiting import until

TRANSACTION = b"transaction!"


async def test_phones_that_ask_are_answered() -> None:
    loop = asyncio.get_running_loop()
    async with Node("udp") as node:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.setblocking(False)
            for junk in (b"\0", b"\0\1", b"\1" * 40, binding_request(TRANSACTION) + b"\0"):
                await loop.sock_sendto(phone, junk, ("127.0.0.1", node.port("udp")))
            await loop.sock_sendto(phone, binding_request(TRANSACTION), ("127.0.0.1", node.port("udp")))
            async with asyncio.timeout(10):
                answer = await loop.sock_recv(phone, 1000)
            assert read_response(answer, TRANSACTION) == phone.getsockname()


def test_answers_are_few() -> None:
    answers, request = BindingAnswers(), binding_request(TRANSACTION)

    def ask(host: str, now: float) -> bool:
        return answers.answer(request, Flow("udp", ("192.0.2.2", 5060), (host, 4000)), now) is not None

    assert sum(ask("192.0.2.1", 5.5) for _ in range(100)) == ANSWERS_PER_SOURCE
    hosts = [f"10.0.{number // 250}.{number % 250}" for number in range(2 * SOURCES_PER_SECOND)]
    assert sum(ask(host, 5.6) for host in hosts) == SOURCES_PER_SECOND - 1
    assert ask("192.0.2.1", 6.0)


class Server:
    """A STUN server on loopback that says what it is told to."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.says = ("203.0.113.7", 40000)
        self.silent_for = 0
        self.asked = 0
        asyncio.get_running_loop().add_reader(self.socket, self._answer)

    def _answer(self) -> None:
        data, peer = self.socket.recvfrom(1000)
        transaction = read_request(data)
        assert transaction is not None
        self.asked += 1
        if self.asked > self.silent_for:
            self.socket.sendto(binding_response(transaction, *self.says), peer)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


async def test_our_address_is_asked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("ivr.net.nat.RENEW_SECONDS", 0.02)
    monkeypatch.setattr("ivr.net.nat.RETRIES", (0.02,) * 5)
    server = Server()
    server.silent_for = 2
    try:
        async with Node("udp", stun=server.socket.getsockname()) as node, Node("udp") as peer:
            assert node.shell.media_address("192.0.2.1") == "203.0.113.7"
            assert node.shell.media_address("127.0.0.1") == "127.0.0.1", "who is on this machine knows better"
            node.call(node.shell.flow_to("127.0.0.1", peer.port("udp")))
            coming = await peer.expect(IncomingCall)
            assert coming.request.contacts[0].uri.host == "127.0.0.1"
            # The port that the socket is seen by counts too, for who is beyond the NAT.
            far = Flow("udp", ("127.0.0.1", node.port("udp")), ("192.0.2.1", 5060))
            assert node.stack.layer.names(far).uri == "sip:203.0.113.7:40000"
            server.says = ("203.0.113.8", 40000)
            await until(lambda: node.shell.media_address("192.0.2.1") == "203.0.113.8")
    finally:
        server.close()
    assert "our public address is 203.0.113.8" in caplog.text


async def test_a_silent_server_delays_the_start_but_little(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ivr.net.nat.FIRST_WAIT", 0.05)
    async with Node("udp", stun=("127.0.0.1", 9)) as node:
        assert node.shell.media_address("127.0.0.1") == "127.0.0.1"
    async with Node("udp", stun=("no.such.host.invalid", 3478)):
        pass
    assert "does not answer yet" in caplog.text
