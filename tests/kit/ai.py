"""A call, its port and an endpoint for tests of AI agents: everything but the network is made up."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiohttp import WSMsgType, web

from ivr.flow import ports
from ivr.handoff.ai import AiDesk
from ivr.settings import parse_settings
from media import MediaEvent, StreamFrames, StreamFull, StreamMark, StreamStarted

SILENCE = b"\xff" * 160
VOICE = b"\x10\x90" * 80
SECOND = base64.b64encode(VOICE * 50).decode()
KEY = "5e7d1c9a-3b1f-4c55-9c0e-8f2f6f0f4b11"
CALL_ID = "0a1b2c3d-0000-4000-8000-000000000001"


class FakePort:
    """A port whose stream is heard when the test says so."""

    def __init__(self, on_event: Callable[[MediaEvent], None]) -> None:
        self.on_event = on_event
        self.streams = 0
        self.open: int | None = None
        self.encoding = ""
        self.most = 0.0
        self.queued = bytearray()
        self.marks: list[tuple[int, int]] = []
        self.heard = bytearray()
        self.clears = 0
        self.taken = 0
        """Octets that were to be heard, whatever became of them."""
        self.started = False
        self.room: int | None = None

    @property
    def width(self) -> int:
        return 2 if self.encoding == "slin16" else 1

    def open_stream(self, encoding: str, seconds: float) -> int:
        self.streams += 1
        self.open, self.encoding, self.most, self.started = self.streams, encoding, seconds, False
        return self.streams

    def stream_audio(self, stream: int, data: bytes) -> None:
        assert stream == self.open
        self.taken += len(data)
        room = round(self.most * 8000) * self.width - len(self.queued)
        self.queued += data[:room]
        if len(data) > room:
            self.on_event(StreamFull(self, stream, (len(data) - room) / self.width / 8000))  # type: ignore[arg-type]

    def stream_queued(self, stream: int) -> float:
        return len(self.queued) / self.width / 8000

    def stream_mark(self, stream: int, number: int) -> bool:
        self.marks.append((len(self.queued), number))
        self.play(0)
        return True

    def stream_clear(self, stream: int) -> None:
        self.clears += 1
        self.queued.clear()
        self._reach(cleared=True)

    def close_stream(self, stream: int) -> None:
        self.open = None
        self.queued.clear()

    def _reach(self, *, cleared: bool = False) -> None:
        while self.marks and (cleared or self.marks[0][0] <= 0) and self.open is not None:
            _, number = self.marks.pop(0)
            self.on_event(StreamMark(self, self.open, number, cleared))  # type: ignore[arg-type]

    def play(self, seconds: float) -> None:
        """So much is heard."""
        octets = min(len(self.queued), round(seconds * 8000) * self.width)
        if octets and not self.started and self.open is not None:
            self.started = True
            self.on_event(StreamStarted(self, self.open, asyncio.get_running_loop().time()))  # type: ignore[arg-type]
        self.heard += self.queued[:octets]
        del self.queued[:octets]
        self.marks = [(at - octets, number) for at, number in self.marks]
        self._reach()

    def speak(self, frame: bytes = SILENCE, at: float | None = None) -> None:
        """20 ms of the caller."""
        if self.open is not None:
            now = asyncio.get_running_loop().time() if at is None else at
            self.on_event(StreamFrames(self, self.open, now, frame))  # type: ignore[arg-type]


class FakeCall:
    """What a hand-off needs of a call."""

    def __init__(self, desk: AiDesk) -> None:
        loop = asyncio.get_running_loop()
        self.desk = desk
        self.port = FakePort(lambda event: desk.on_media(self, event))  # type: ignore[arg-type]
        self.leg = SimpleNamespace(port=self.port, send_keys=lambda keys, now: self.sent_keys.append(keys))
        self.sent_keys: list[str] = []
        self.events: list[Any] = []
        self.entries: list[dict[str, Any]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.recorded: list[str | None] = []
        self.log = SimpleNamespace(info=lambda *args: self.lines.append(args[0] % args[1:]))
        self.lines: list[str] = []
        self.report = SimpleNamespace(
            id=CALL_ID,
            cause=None,
            log=self.log,
            tell=lambda what, data: self.told.append((what, data)),
            handed_over=self.entries.append,
        )
        self.services = SimpleNamespace(
            loop=loop, clock=loop.time, wall=lambda: 1.0, call_later=loop.call_later, flush=lambda: None
        )
        self.machine = SimpleNamespace(call=ports.CallInfo("x", "+49301", "100", datetime.now(UTC), key=KEY))
        self.done: asyncio.Future[ports.AiAgentDone] = loop.create_future()

    def feed(self, event: Any) -> None:
        self.events.append(event)
        if isinstance(event, ports.AiAgentDone):
            self.done.set_result(event)

    def record_both(self, name: str) -> None:
        self.recorded.append(name)

    def stop_recording_both(self) -> None:
        self.recorded.append(None)

    def kinds(self) -> list[str]:
        """Names of the events that the flow heard."""
        return [type(event).__name__ for event in self.events]

    async def outcome(self, seconds: float = 30.0) -> ports.AiAgentDone:
        """How it ended."""
        return await asyncio.wait_for(self.done, seconds)


class House:
    """A desk with one agent called `bot`."""

    def __init__(self, fields: str) -> None:
        text = f"http: {{allow: [127.0.0.1, localhost]}}\nai_agents: {{bot: {{{fields}}}}}\n"
        self.desk = AiDesk(parse_settings(text, None, {}))

    def call(self, **fields: Any) -> FakeCall:
        """A call that is handed over now."""
        call = FakeCall(self.desk)
        command = ports.StartAiAgent(7, "bot", {}, **fields)
        self.desk.start(call, command)  # type: ignore[arg-type]
        return call


Script = Callable[["Endpoint", web.WebSocketResponse], Awaitable[None]]


class Endpoint:
    """A WebSocket server that keeps what comes and runs a script for each connection."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self.messages: list[dict[str, Any]] = []
        self.requests: list[web.Request] = []
        self.codes: list[int | None] = []

    async def __aenter__(self) -> Endpoint:
        app = web.Application()
        app.router.add_get("/ws", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        where = "ws://127.0.0.1" if self._tls is None else "wss://localhost"
        self.url = f"{where}:{self._runner.addresses[0][1]}/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.requests.append(request)
        await self._script(self, socket)
        self.codes.append(socket.close_code)
        return socket

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Messages of these kinds."""
        return [message for message in self.messages if message.get("event", message.get("type")) in kinds]

    async def listen(self, socket: web.WebSocketResponse, until: str | None = None) -> None:
        """Keep what comes, to the end or to an event."""
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                found = json.loads(message.data)
                self.messages.append(found)
                if until is not None and found.get("event", found.get("type")) == until:
                    return


def media(payload: str = SECOND) -> dict[str, Any]:
    """Sound, as Media Streams has it; a second of a voice unless told otherwise."""
    return {"event": "media", "media": {"payload": payload}}


def script(*messages: Any, then: str | None = None, code: int | None = None) -> Script:
    """Wait for `start`, send messages, wait for `then`, close with a code or listen."""

    async def run(endpoint: Endpoint, socket: web.WebSocketResponse) -> None:
        await endpoint.listen(socket, "start")
        for message in messages:
            await (
                socket.send_bytes(message)
                if isinstance(message, bytes)
                else socket.send_str(message if isinstance(message, str) else json.dumps(message))
            )
        if then is not None:
            await endpoint.listen(socket, then)
        if code is not None:
            await socket.close(code=code)
        else:
            await endpoint.listen(socket)

    return run
