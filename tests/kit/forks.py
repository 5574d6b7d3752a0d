"""A call, servers of media streams, and copies of the call's sound for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from ivr.flow import ports
from ivr.handoff.forks import Forks
from ivr.settings import parse_settings
from media import SentFrames, StreamFrames
from tests.kit.media import FakePort

__all__ = ["SECRET", "SOUND", "Ears", "Scene", "forking", "until"]

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


@contextlib.asynccontextmanager
async def forking() -> AsyncIterator[Scene]:
    """A scene; copies that go on at its end are ended."""
    ears = Ears()
    app = web.Application()
    app.router.add_get("/{path:.*}", ears.serve)
    async with TestServer(app) as server:
        found = Scene(ears, str(server.make_url("")).rstrip("/").replace("http", "ws"))
        yield found
        found.forks.gone(found.call)
        assert len(found.forks) == 0
        await found.forks.close()
