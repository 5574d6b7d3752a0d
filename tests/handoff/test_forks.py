"""Copies of a caller's sound for servers of media streams: what they hear, how they end, what is told of them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from twilio.request_validator import RequestValidator

from ivr.flow import ports
from ivr.handoff import ai_links, forks
from ivr.handoff.forks import MAX_FORKS, Forks
from ivr.handoff.protocols.laws import samples_of_ulaw
from ivr.settings import parse_settings
from media import SentFrames, StreamFrames
from tests.kit.media import FakePort

SECRET = "0123456789abcdef"
SOUND = bytes(range(100)) + bytes(60)  # without the second zero of the law


class Ears:
    """A server of media streams."""

    def __init__(self) -> None:
        self.heard: list[list[dict[str, Any]]] = []
        self.headers: list[Any] = []
        self.sockets: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/gone":
            raise web.HTTPNotFound
        self.headers.append(request.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        mine: list[dict[str, Any]] = []
        self.heard.append(mine)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                mine.append(json.loads(message.data))
                # What a one-way stream is sent is of no use to anybody.
                await socket.send_str('{"event": "media", "media": {"payload": "AAAA"}}')
        return socket

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.heard[-1]]


class Call(SimpleNamespace):
    """A call, as far as copies need it."""

    def __hash__(self) -> int:
        return id(self)


class Scene:
    """A call, and the copies of its sound."""

    def __init__(self, ears: Ears, base: str) -> None:
        loop = asyncio.get_running_loop()
        self.ears = ears
        self.base = base
        self.agent = False
        self.told: list[dict[str, Any]] = []
        self.fed: list[dict[str, Any]] = []
        self.port = FakePort(20_000, lambda event: None, lambda then: None)
        info = ports.CallInfo("6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55", "+15550100", "100", None)  # type: ignore[arg-type]
        services = SimpleNamespace(clock=loop.time, call_later=loop.call_later)
        report = SimpleNamespace(id=info.id, tell=lambda kind, data: self.fed.append(data))
        self.call = cast(
            Any,
            Call(
                leg=SimpleNamespace(port=self.port),
                services=services,
                report=report,
                machine=SimpleNamespace(call=info),
                tell_application=lambda command: self.told.append(dict(command.data)),
            ),
        )
        self.forks = Forks(parse_settings("http: {allow: ['127.0.0.0/8']}", None, {}), lambda call: self.agent)

    def start(self, name: str = "ears", path: str = "/x", tracks: Any = ("inbound",)) -> None:
        told = ports.TellApplication("shop", "callback", {"StreamName": name}, "http://app.test/s")
        command = ports.StartStream(name, "MZ1", f"{self.base}{path}", "AC1", SECRET, {"order": "4711"}, told, tracks)
        self.forks.start(self.call, command)

    def speak(self, sound: bytes = SOUND) -> None:
        self.forks.on_media(self.call, StreamFrames(cast(Any, self.port), 1, 10.0, sound))

    def sent(self, sound: bytes = SOUND) -> None:
        self.forks.on_media(self.call, SentFrames(cast(Any, self.port), 10.0, sound))

    @property
    def events(self) -> list[str]:
        return [str(data["StreamEvent"]) for data in self.told]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    ears = Ears()
    app = web.Application()
    app.router.add_get("/{path:.*}", ears.serve)
    async with TestServer(app) as server:
        found = Scene(ears, str(server.make_url("")).rstrip("/").replace("http", "ws"))
        yield found
        found.forks.gone(found.call)
        assert len(found.forks) == 0
        await found.forks.close()


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
