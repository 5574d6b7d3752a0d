"""Copies of a caller's sound for servers of media streams: what they hear, how they end, what is told of them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from ivr.flow import ports
from ivr.handoff import ai_links, forks
from ivr.handoff.forks import MAX_FORKS
from ivr.handoff.protocols.laws import samples_of_ulaw
from tests.kit.forks import SECRET, SOUND, Scene, forking, until


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with forking() as found:
        yield found


async def test_a_server_hears_what_the_caller_says(scene: Scene) -> None:
    scene.start()
    assert (scene.port.stream, scene.port.encoding) == (1, "ulaw")
    await until(lambda: scene.events == ["stream-started"])
    scene.speak()
    scene.speak(samples_of_ulaw(SOUND))
    await until(lambda: scene.ears.heard and scene.ears.events.count("media") == 2)
    connected, start, *media = scene.ears.heard[0]
    assert connected["event"] == "connected"
    assert start["start"]["streamSid"] == "MZ1"
    assert start["start"]["tracks"] == ["inbound"]
    assert start["start"]["customParameters"]["order"] == "4711"
    assert base64.b64decode(media[0]["media"]["payload"]) == SOUND
    assert base64.b64decode(media[1]["media"]["payload"]) == SOUND, "sound that an AI agent hears in another form"
    signature = scene.ears.headers[0]["X-Twilio-Signature"]
    assert RequestValidator(SECRET).validate(f"{scene.base}/x", {}, signature)
    scene.forks.stop(scene.call, ports.StopStream("ears"))
    await until(lambda: scene.ears.events[-1] == "stop")
    assert scene.events == ["stream-started", "stream-stopped"]
    assert scene.port.stream is None
    assert [data["event"] for data in scene.fed] == scene.events


async def test_a_server_that_is_not_there_costs_nothing(scene: Scene) -> None:
    scene.start(path="/gone")
    await until(lambda: scene.events == ["stream-error"])
    assert "404" in str(scene.told[0]["StreamError"])
    assert len(scene.forks) == 0
    scene.base = "ws://10.0.0.1"
    scene.start()
    await until(lambda: scene.events == ["stream-error"] * 2)
    assert len(scene.forks) == 0


async def test_a_server_that_leaves(scene: Scene) -> None:
    scene.start()
    await until(lambda: scene.ears.sockets)
    await scene.ears.sockets[0].close()
    await until(lambda: scene.events == ["stream-started", "stream-stopped"])


async def test_a_name_that_is_taken_and_too_many(scene: Scene) -> None:
    scene.start()
    await until(lambda: scene.events == ["stream-started"])
    scene.start()
    await until(lambda: scene.events == ["stream-started", "stream-stopped", "stream-started"])
    for number in range(MAX_FORKS):
        scene.start(f"more{number}")
    assert scene.events[-1] == "stream-error"


async def test_the_sound_comes_back_when_an_agent_leaves_it(scene: Scene) -> None:
    scene.start()
    await until(lambda: scene.events == ["stream-started"])
    scene.agent = True
    mine = scene.port.open_stream("slin16")
    await asyncio.sleep(0)
    assert scene.port.stream == mine
    scene.port.close_stream(mine)
    scene.agent = False
    await until(lambda: scene.port.stream not in (None, mine))


async def test_nothing_goes_on_once_the_last_server_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_links, "STALL", -1.0)
    monkeypatch.setattr(forks, "LOOK", 0.02)
    scene.start()
    await until(lambda: scene.events == ["stream-started"])
    link = scene.forks._calls[scene.call].forks["ears"]._link
    assert link is not None
    link.pause_writing()
    await until(lambda: scene.events == ["stream-started", "stream-error", "stream-stopped"])
    assert scene.port.stream is None
    await asyncio.sleep(0.1)  # some looks later
    assert scene.port.stream is None, "the sound is opened again, for nobody"


async def test_a_connection_that_comes_too_late_is_closed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, network = asyncio.Event(), scene.forks._network
    connect = network.connect
    links: list[ai_links.Link] = []

    async def late(url: Any, make: Callable[[], ai_links.Link]) -> None:
        def made() -> ai_links.Link:
            links.append(make())
            return links[-1]

        await gate.wait()
        await connect(url, made)

    monkeypatch.setattr(network, "connect", late)
    scene.start()
    await asyncio.sleep(0)
    scene.forks.stop(scene.call, ports.StopStream("ears"))
    gate.set()
    await scene.forks._tasks.wait(20)
    assert [link._over for link in links] == [True]
    assert scene.events == [] and not scene.ears.sockets


async def test_a_server_that_takes_the_connection_and_says_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "CONNECT", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        scene.base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        scene.start()
        await until(lambda: scene.events == ["stream-error"])
        assert scene.told[0]["StreamError"] == "no answer in time"
        assert len(scene.forks) == 0


async def test_what_the_caller_hears_is_a_track_of_its_own(scene: Scene) -> None:
    scene.start("both", tracks=("inbound", "outbound"))
    await until(lambda: scene.events == ["stream-started"])
    assert scene.port.tells_sent and scene.port.stream is not None
    for _ in range(2):
        scene.speak()
        scene.sent(bytes(reversed(SOUND)))
    await until(lambda: scene.ears.heard and scene.ears.events.count("media") == 4)
    _, start, *media = scene.ears.heard[0]
    assert start["start"]["tracks"] == ["inbound", "outbound"]
    found = [(one["media"]["track"], one["media"]["chunk"], one["sequenceNumber"]) for one in media]
    assert found == [("inbound", "1", "2"), ("outbound", "1", "3"), ("inbound", "2", "4"), ("outbound", "2", "5")]
    assert base64.b64decode(media[1]["media"]["payload"]) == bytes(reversed(SOUND))
    scene.start("ears")
    await until(lambda: scene.events == ["stream-started"] * 2)
    scene.forks.stop(scene.call, ports.StopStream("both"))
    await until(lambda: not scene.port.tells_sent)
    assert scene.port.stream is not None, "the other one hears the caller still"


async def test_what_the_caller_hears_alone_leaves_the_sound_stream_alone(scene: Scene) -> None:
    scene.start(tracks=("outbound",))
    await until(lambda: scene.events == ["stream-started"])
    assert scene.port.tells_sent and scene.port.stream is None
    scene.agent = True
    scene.speak()
    scene.sent()
    await until(lambda: scene.ears.heard and scene.ears.events.count("media") == 1)
    assert scene.ears.heard[0][1]["start"]["tracks"] == ["outbound"]
    assert scene.ears.heard[0][2]["media"]["track"] == "outbound"
    scene.forks.stop(scene.call, ports.StopStream("ears"))
    assert len(scene.forks) == 0
    await until(lambda: not scene.port.tells_sent)
