"""Endpoints on sockets of the loopback: transports, registration, and what closing leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.endpoint import Endpoint, EndpointCall, EndpointConfig, EndpointError
from ivr.errors import ConfigError
from ivr.net import TlsFiles
from ivr.sip import Account, Capabilities, Challenger, IncomingRequest, Registrar, Verified, make_response
from media.devices import SilentDevice
from tests.kit.certificate import make_certificate
from tests.kit.node import Node
from tests.kit.waiting import until

PASSWORD = "secret"


def endpoint(**config: Any) -> Endpoint:
    return Endpoint(EndpointConfig(**config), SilentDevice)


def answers(other: Endpoint) -> list[EndpointCall]:
    """Let an endpoint answer every call; the calls."""
    calls: list[EndpointCall] = []

    def incoming(call: EndpointCall) -> None:
        calls.append(call)
        call.ring()
        call.answer()

    other.on_incoming = incoming
    return calls


@pytest.mark.parametrize("kind", ["udp", "tcp", "tls"])
async def test_a_call_by_every_transport(kind: str, tmp_path: Path) -> None:
    """The caller listens nowhere where the transport makes a connection: all goes by that."""
    files = TlsFiles()
    if kind == "tls":
        both = make_certificate(tmp_path, "127.0.0.1")
        files = TlsFiles(certificate=both, ca=tmp_path / "cert.pem")
    listen = ("udp", "127.0.0.1", 0) if kind == "udp" else None
    caps = Capabilities(codecs=("pcmu",), srtp="required")
    async with (
        endpoint(user="bert", listen=(kind, "127.0.0.1", 0), tls=files, capabilities=caps) as bert,
        endpoint(user="anna", listen=listen, tls=replace(files, certificate=None), capabilities=caps) as anna,
    ):
        calls = answers(bert)
        _, host, port = bert.addresses[0]
        call = anna.invite(f"sip:bert@{host}:{port};transport={kind}")
        await until(lambda: call.state == "answered" and calls and calls[0].seconds)
        calls[0].hold()
        await until(lambda: call.held.by_peer)
        await until(lambda: call.statistics().packets_in > 5)
        assert call.statistics().encrypted
        calls[0].hang_up()
        await until(lambda: call.finished.is_set() and calls[0].finished.is_set())
        assert call.ended is not None and call.ended.cause == "bye"


class Home(Node):
    """A registrar."""

    def __init__(self, **rules: Any) -> None:
        super().__init__("udp")
        self.registrar = Registrar()
        self.challenger = Challenger("home", bytes(32), **rules)

    def _on_event(self, event: object) -> None:
        if not isinstance(event, IncomingRequest):
            return super()._on_event(event)
        now = asyncio.get_running_loop().time()
        request = event.request
        outcome = self.challenger.verify(
            request.get_all("Authorization"), "REGISTER", request.uri, lambda user: PASSWORD, request.body, now
        )
        if isinstance(outcome, Verified):
            response = self.registrar.answer("anna", request, event.flow, now)
        else:
            headers = [("WWW-Authenticate", value) for value in self.challenger.challenge(now)]
            response = make_response(request, 401, headers=headers)
        self.stack.respond(event.transaction, response, now)
        return None


async def test_registers_and_takes_it_back() -> None:
    async with Home() as home:
        where = f"127.0.0.1:{home.port('udp')}"
        told: list[bool] = []
        async with endpoint(user="anna", account=Account("anna", PASSWORD), registrar=where) as anna:
            anna.on_registration = lambda: told.append(anna.registered)
            assert not anna.registered
            await anna.register()
            assert anna.registered and anna.registration_problem == ""
            now = asyncio.get_running_loop().time()
            (binding,) = home.registrar.lookup("anna", now)
            assert (binding.contact.uri.user, binding.contact.uri.port) == ("anna", anna.addresses[0][2])
            assert told[-1]
        assert home.registrar.lookup("anna", now) == []


async def test_a_registration_that_is_refused() -> None:
    async with (
        Home() as home,
        endpoint(user="anna", account=Account("anna", "wrong"), registrar=f"127.0.0.1:{home.port('udp')}") as anna,
    ):
        with pytest.raises(EndpointError, match="not registered"):
            await anna.register()
        assert not anna.registered and anna.registration_problem


async def test_no_registrar_answers() -> None:
    async with endpoint(user="anna", account=Account("anna", "x"), registrar="127.0.0.1:9") as anna:
        with pytest.raises(EndpointError, match="not registered"):
            await anna.register(0.2)
    async with endpoint() as anna:
        with pytest.raises(EndpointError, match="no registrar"):
            await anna.register()


async def test_closing_hangs_up() -> None:
    async with endpoint(user="bert") as bert:
        calls = answers(bert)
        _, host, port = bert.addresses[0]
        async with endpoint(user="anna") as anna:
            call = anna.invite(f"sip:bert@{host}:{port}")
            await until(lambda: call.state == "answered")
        assert call.ended is not None and call.ended.cause == "hung_up"
        await until(lambda: calls[0].finished.is_set())


async def test_closing_what_has_not_started() -> None:
    await endpoint().close()
    failed = endpoint(listen=("udp", "192.0.2.7", 5060))
    with pytest.raises(ConfigError, match="cannot listen"):
        await failed.start()
    await failed.close()


async def test_nobody_listens_to_calls() -> None:
    async with endpoint() as bert, endpoint() as anna:
        _, host, port = bert.addresses[0]
        call = anna.invite(f"sip:bert@{host}:{port}")
        await until(lambda: call.ended)
        assert call.ended is not None and call.ended.status == 480
        bert.out_of_service = "the card is gone"
        assert bert.out_of_service == "the card is gone"
        call = anna.invite(f"sip:bert@{host}:{port}")
        await until(lambda: call.ended)
        assert call.ended is not None and call.ended.status == 503
