"""Calls at servers of AudioSocket, and calls that Asterisk connects to; sockets are real, the caller is made up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid

import pytest

from ivr.flow import ports
from ivr.handoff import ai_listener
from ivr.handoff.ai_listener import Lobby
from tests.kit.ai import CALL_ID, KEY, House
from tests.kit.waiting import until

NAME = b"\x01\x00\x10" + uuid.UUID(KEY).bytes
OWN = "11111111-2222-4333-8444-555555555555"
HANG_UP = b"\x00\x00\x00"


async def test_as_client() -> None:
    heard: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(19))
        writer.write(b"\x10\x01\x40" + bytes(320))
        heard.append(await reader.readexactly(323))
        heard.append(await reader.readexactly(4))
        writer.write(HANG_UP)
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
        assert heard[0] == b"\x01\x00\x10" + uuid.UUID(CALL_ID).bytes
        assert heard[1:] == [b"\x10\x01\x40" + b"\x01\x00" * 160, b"\x03\x00\x015", b""]


async def test_a_server_that_speaks_something_else_is_an_error() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x13\x03\xc0" + bytes(960) + b"\x42\x00\x01x")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        call = House(f"url: 'tcp://127.0.0.1:{port}', protocol: audiosocket").call()
        done = await call.outcome()
        assert done.reason == "endpoint_error" and "0x42" in done.text
        assert call.port.taken > 240, "sound of 24 kHz was taken"


async def opened(fields: str = "") -> tuple[House, Lobby]:
    house = House(f"protocol: audiosocket, listen: '127.0.0.1:0'{fields}")
    house.desk.knows_key = lambda key: key == KEY
    await house.desk.open()
    (found,) = house.desk.lobbies.values()
    return house, found


class Asterisk:
    """A connection to a lobby."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, lobby: Lobby, first: bytes = NAME) -> Asterisk:
        found = cls(*await asyncio.open_connection("127.0.0.1", lobby.port))
        found.writer.write(first)
        return found

    async def rest(self) -> bytes:
        """What comes until the other side closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), 30.0)
        except ConnectionError:
            return b""
        finally:
            self.writer.close()


@pytest.mark.parametrize("first", ["call", "asterisk"])
async def test_asterisk_connects_and_gets_the_call_of_its_uuid(first: str) -> None:
    house, lobby = await opened()
    call = house.call() if first == "call" else None
    asterisk = await Asterisk.of(lobby)
    if call is None:
        await until(lambda: lobby._kept)
        call = house.call()
    await until(lambda: "AiAgentStarted" in call.kinds())
    asterisk.writer.write(b"\x10\x01\x40" + bytes(320) + b"\x03\x00\x017")
    await until(lambda: call.port.queued and call.sent_keys)
    assert call.sent_keys == ["7"]
    call.port.speak(b"\x02\x00" * 160)
    assert await asterisk.reader.readexactly(323) == b"\x10\x01\x40" + b"\x02\x00" * 160
    call.desk.stop(call, ports.StopAiAgent(7))  # type: ignore[arg-type]
    assert await asterisk.rest() == HANG_UP
    assert (await call.outcome()).reason == "completed"
    house.desk.close()


async def test_asterisk_hangs_up() -> None:
    house, lobby = await opened()
    call = house.call()
    asterisk = await Asterisk.of(lobby)
    await until(lambda: "AiAgentStarted" in call.kinds())
    asterisk.writer.close()
    assert (await call.outcome()).reason == "completed"
    house.desk.close()


async def test_a_flow_may_name_the_uuid() -> None:
    house, lobby = await opened()
    call = house.call(parameters={"uuid": OWN})
    asterisk = await Asterisk.of(lobby, b"\x01\x00\x10" + uuid.UUID(OWN).bytes)
    await until(lambda: "AiAgentStarted" in call.kinds())
    asterisk.writer.close()
    await call.outcome()
    house.desk.close()


# Who is let in


async def test_who_says_no_uuid_that_is_waited_for_is_hung_up_at_once(caplog: pytest.LogCaptureFixture) -> None:
    house, lobby = await opened()
    call = house.call()
    guesses = (uuid.uuid4(), uuid.UUID(int=0), uuid.UUID(CALL_ID))
    with caplog.at_level(logging.WARNING, "ivr.handoff"):
        for guess in guesses:
            asterisk = await Asterisk.of(lobby, b"\x01\x00\x10" + guess.bytes + b"\x10\x00\x02ab")
            assert await asterisk.rest() == HANG_UP
        for first in (b"\x10\x00\x02ab", b"\x01\x00\x02ab", b"GET / HTTP/1.1\r\n\r\n", b"\x01\xff\xff"):
            assert await (await Asterisk.of(lobby, first)).rest() == b""
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == "a connection of AudioSocket from 127.0.0.1 is hung up: no call waits for its UUID"
    assert "AiAgentStarted" not in call.kinds() and not call.done.done()
    assert not lobby._unnamed and not lobby._kept and not lobby._timers
    asterisk = await Asterisk.of(lobby)
    await until(lambda: "AiAgentStarted" in call.kinds())
    asterisk.writer.close()
    await call.outcome()
    house.desk.close()


async def test_a_uuid_lets_one_connection_in() -> None:
    house, lobby = await opened()
    call = house.call()
    first = await Asterisk.of(lobby)
    await until(lambda: "AiAgentStarted" in call.kinds())
    house.desk.knows_key = lambda key: False  # so that a further one is not kept for a later hand-off
    assert await (await Asterisk.of(lobby)).rest() == HANG_UP
    assert not call.done.done()
    first.writer.close()
    await call.outcome()
    house.desk.close()


async def test_of_two_that_come_early_the_first_is_kept() -> None:
    house, lobby = await opened()
    first = await Asterisk.of(lobby)
    await until(lambda: lobby._kept)
    assert await (await Asterisk.of(lobby)).rest() == HANG_UP
    house.desk.close()
    assert await first.rest() == b""


async def test_one_that_comes_early_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_listener, "KEPT", 0.05)
    house, lobby = await opened()
    assert await (await Asterisk.of(lobby)).rest() == HANG_UP
    assert not lobby._kept and not lobby._timers
    house.desk.close()


async def test_nineteen_octets_have_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_listener, "NAMED_WITHIN", 0.1)
    house, lobby = await opened()
    call = house.call()
    slow = await Asterisk.of(lobby, b"")

    async def drip() -> None:
        for octet in NAME[:-1]:  # each comes in time for itself
            slow.writer.write(bytes((octet,)))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    with contextlib.suppress(ConnectionResetError):  # octets that come after the end
        assert await slow.rest() == HANG_UP
    dripping.cancel()
    assert "AiAgentStarted" not in call.kinds()
    call.desk.gone(call)  # type: ignore[arg-type]
    house.desk.close()


async def test_connections_that_say_nothing_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_listener, "MAX_UNNAMED", 3)
    house, lobby = await opened()
    idle = [await Asterisk.of(lobby, b"") for _ in range(3)]
    await until(lambda: len(lobby._unnamed) == 3)
    assert await (await Asterisk.of(lobby, b"")).rest() == HANG_UP
    assert len(lobby._unnamed) == 3
    for one in idle:
        one.writer.close()
    await until(lambda: not lobby._unnamed)
    house.desk.close()


async def test_peers_alone_may_connect() -> None:
    house, lobby = await opened(", peers: [192.0.2.0/24]")
    call = house.call()
    assert await (await Asterisk.of(lobby)).rest() == HANG_UP
    assert "AiAgentStarted" not in call.kinds()
    call.desk.gone(call)  # type: ignore[arg-type]
    house.desk.close()


async def test_two_calls_do_not_wait_for_the_same_connection() -> None:
    house, lobby = await opened()
    first = house.call(parameters={"uuid": OWN})
    await until(lambda: lobby._calls)
    done = await house.call(parameters={"uuid": OWN}).outcome()
    assert (done.reason, done.text) == ("not_started", "another call waits for a connection with its UUID")
    asterisk = await Asterisk.of(lobby, b"\x01\x00\x10" + uuid.UUID(OWN).bytes)
    await until(lambda: "AiAgentStarted" in first.kinds())
    asterisk.writer.close()
    await first.outcome()
    house.desk.close()


async def test_a_call_that_nobody_connects_to_comes_back() -> None:
    house, lobby = await opened(", connect_timeout: 0.1s")
    done = await house.call().outcome()
    assert (done.reason, done.text) == ("not_started", "no answer in time")
    assert not lobby._calls
    house.desk.close()
