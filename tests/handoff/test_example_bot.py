"""What the example bot does, by Media Streams, without a daemon."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from ivr.handoff.protocols import Facts, MediaStreams
from ivr.handoff.protocols.laws import linear_of_ulaw, samples_of_ulaw, ulaw_of_linear, ulaw_of_samples
from tests.kit.ai import SILENCE, VOICE
from tests.kit.bot import BOT

FACTS = Facts("id", "CA" + "1" * 32, "AC" + "2" * 32, "MZ" + "3" * 32, "+49301", "100")


@pytest.fixture(scope="module")
def bot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_bot", BOT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.voice = lambda text: bytes((0x11, 0x91)) * 80 * len(text.split())  # type: ignore[attr-defined]
    return module


class Caller:
    """What the daemon is to a bot."""

    def __init__(self, module: ModuleType, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._serving = asyncio.create_task(module.serve(mode, "media-streams", 0))
        self._capsys = capsys
        self.dialect = MediaStreams(FACTS)
        self.messages: list[dict[str, Any]] = []

    async def __aenter__(self) -> Caller:
        line = ""
        while not line.startswith("ready "):
            await asyncio.sleep(0.01)
            line = self._capsys.readouterr().out
        self._session = aiohttp.ClientSession()
        self.socket = await self._session.ws_connect(line.split()[1])
        for message in self.dialect.begin():
            await self.socket.send_str(str(message))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._session.close()
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)

    async def say(self, *frames: bytes) -> None:
        for frame in frames:
            await self.socket.send_str(str(self.dialect.heard(frame, 0.0)))

    async def press(self, key: str) -> None:
        for message in self.dialect.pressed(key):
            await self.socket.send_str(str(message))

    async def hears(self, octets: int = 0, event: str = "") -> bytes:
        """Sound until there is so much, or until an event."""
        sound = b""
        while True:
            message = await asyncio.wait_for(self.socket.receive_json(), 30.0)
            self.messages.append(message)
            if message["event"] == "media":
                sound += base64.b64decode(message["media"]["payload"])
            if message["event"] == event or (octets and len(sound) >= octets):
                return sound


async def test_echo(bot: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    async with Caller(bot, "echo", capsys) as caller:
        frames = [bytes((number,)) * 160 for number in range(1, 6)]
        await caller.say(*frames)
        assert await caller.hears(800) == b"".join(frames)
        await caller.press("0")
        await caller.hears(event="return")
        assert caller.messages[-1]["return"]["reason"] == "completed"


async def test_parrot(bot: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    async with Caller(bot, "parrot", capsys) as caller:
        await caller.hears(160)
        await caller.say(*[VOICE] * 10, *[SILENCE] * 40)
        await caller.hears(event="clear")
        said = await caller.hears(160 * 52)
        assert said.endswith(VOICE * 10 + SILENCE * 40)
        await caller.press("1")
        await caller.hears(event="return")
        assert caller.messages[-1]["return"]["reason"] == "caller_requested_human"


async def test_menu(bot: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    async with Caller(bot, "menu", capsys) as caller:
        await caller.hears(event="mark")
        await caller.press("1")
        await caller.hears(event="mark")
        assert [message["event"] for message in caller.messages if message["event"] != "media"] == [
            "mark",
            "clear",
            "mark",
        ]
        await caller.press("0")
        await caller.hears(event="return")
        assert caller.messages[-1]["return"] == {"reason": "hang_up"}


def test_its_sound_is_ours(bot: ModuleType) -> None:
    every = bytes(range(256))
    assert bot.samples_of(every) == samples_of_ulaw(every)
    assert bot.ulaw_of(samples_of_ulaw(every)) == ulaw_of_samples(samples_of_ulaw(every))
    assert [bot._ulaw(sample) for sample in range(-32768, 32768, 97)] == [
        ulaw_of_linear(sample) for sample in range(-32768, 32768, 97)
    ]
    assert [linear_of_ulaw(octet) for octet in range(256)] == bot.LINEAR
