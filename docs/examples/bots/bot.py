#!/usr/bin/env python3
"""A voice bot that needs no network: it echoes, repeats what it heard, or has a menu of keys.

    python bot.py --mode menu                              # Media Streams, ws://127.0.0.1:8765/ws
    python bot.py --mode echo --protocol audiosocket       # AudioSocket, tcp://127.0.0.1:8765
    python bot.py --mode parrot --protocol openai-realtime # what OpenAI's server says, without OpenAI

It needs aiohttp, and for its voice espeak-ng; without that it beeps. What a bot does (`echo`, `parrot`, `menu`) is
apart from how it is connected (the three `Line`s): take what you need.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import base64
import contextlib
import functools
import json
import math
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

RATE = 8000
FRAME = 160
"""Octets of µ-law in 20 ms."""
SILENCE = b"\xff"

# Sound: octets of µ-law, 8 kHz


def _ulaw(sample: int) -> int:
    sign, magnitude = (0x80 if sample < 0 else 0), min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 255


def _linear(octet: int) -> int:
    octet = ~octet & 255
    magnitude = (((octet & 15) << 3) + 132) << ((octet & 0x70) >> 4)
    return 132 - magnitude if octet & 0x80 else magnitude - 132


LINEAR = [_linear(octet) for octet in range(256)]


def ulaw_of(samples: bytes) -> bytes:
    """µ-law of signed 16-bit little-endian samples."""
    return bytes(_ulaw(sample) for (sample,) in struct.iter_unpack("<h", samples[: len(samples) & ~1]))


def samples_of(ulaw: bytes) -> bytes:
    """Signed 16-bit little-endian samples of µ-law."""
    return struct.pack(f"<{len(ulaw)}h", *(LINEAR[octet] for octet in ulaw))


def loud(ulaw: bytes) -> bool:
    """Whether somebody speaks in it."""
    return sum(abs(LINEAR[octet]) > 600 for octet in ulaw) > len(ulaw) // 6


@functools.lru_cache(64)
def voice(text: str) -> bytes:
    """A text, spoken; a beep where espeak-ng is not installed."""
    try:
        wav = subprocess.run(
            ["espeak-ng", "--stdout", "-s", "160", text], capture_output=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        tone = (round(8000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(RATE // 2))
        return bytes(_ulaw(sample) for sample in tone)
    rate = struct.unpack_from("<I", wav, 24)[0]
    found = array.array("h", wav[44 : 44 + (len(wav) - 44) // 2 * 2])
    if sys.byteorder == "big":
        found.byteswap()
    step = rate / RATE
    parts = (found[int(at * step) : int((at + 1) * step)] for at in range(int(len(found) / step)))
    return bytes(_ulaw(sum(part) // max(1, len(part))) for part in parts)


# Lines: one caller each, whatever the protocol


class Line:
    """What a bot sees of its caller."""

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.ready = asyncio.Event()
        """Set when the caller is there."""
        self.heard: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue(500)

    def happened(self, kind: str, value: Any) -> None:
        """`sound`, `key` or `mark`; what a bot does not take in time is lost."""
        with contextlib.suppress(asyncio.QueueFull):
            self.heard.put_nowait((kind, value))

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """What happens, until the caller is gone."""
        while (event := await self.heard.get()) is not None:
            yield event

    async def say(self, ulaw: bytes) -> None:
        """Play to the caller, behind what he is still to hear."""
        raise NotImplementedError

    async def clear(self) -> None:
        """Be silent at once."""

    async def mark(self, name: str) -> None:
        """Have ("mark", name) come when all of this was heard."""

    async def give_back(self, reason: str, **more: Any) -> None:
        """End the conversation: `completed`, `transfer_requested`, `caller_requested_human`, `hang_up`."""


class MediaStream(Line):
    """Media Streams, as Twilio's."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.socket = socket
        self.stream = ""

    async def _send(self, event: str, **content: Any) -> None:
        if not self.socket.closed:
            await self.socket.send_json({"event": event, "streamSid": self.stream, **content})

    async def say(self, ulaw: bytes) -> None:
        for at in range(0, len(ulaw), 50 * FRAME):
            payload = base64.b64encode(ulaw[at : at + 50 * FRAME]).decode()
            await self._send("media", media={"payload": payload})

    async def clear(self) -> None:
        await self._send("clear")

    async def mark(self, name: str) -> None:
        await self._send("mark", mark={"name": name})

    async def give_back(self, reason: str, **more: Any) -> None:
        await self._send("return", **{"return": {"reason": reason, **more}})

    async def run(self) -> None:
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            match event["event"]:
                case "start":
                    self.stream = event["start"]["streamSid"]
                    self.parameters = event["start"]["customParameters"]
                    self.ready.set()
                case "media":
                    self.happened("sound", base64.b64decode(event["media"]["payload"]))
                case "dtmf":
                    self.happened("key", event["dtmf"]["digit"])
                case "mark":
                    self.happened("mark", event["mark"]["name"])
                case "stop":
                    return


class AudioSocket(Line):
    """AudioSocket, as Asterisk's: it has neither marks nor reasons, and cannot be silenced, so sound is sent as it is
    spoken."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self.reader, self.writer = reader, writer
        self.queue = bytearray()
        self.marks: list[tuple[int, str]] = []
        self.sent = 0
        self.over = False

    async def say(self, ulaw: bytes) -> None:
        self.queue += ulaw

    async def clear(self) -> None:
        self.queue.clear()

    async def mark(self, name: str) -> None:
        self.marks.append((self.sent + len(self.queue), name))

    async def give_back(self, reason: str, **more: Any) -> None:
        self.over = True

    async def speak(self) -> None:
        begun = time.monotonic()
        while not (self.over and not self.queue):
            frame, self.queue[:FRAME] = bytes(self.queue[:FRAME]), b""
            if frame:
                sound = samples_of(frame)
                self.writer.write(struct.pack("!BH", 0x10, len(sound)) + sound)
                self.sent += len(frame)
            while self.marks and (self.marks[0][0] <= self.sent or not self.queue):
                self.happened("mark", self.marks.pop(0)[1])
            begun = max(begun + 0.02, time.monotonic() - 0.1)
            await asyncio.sleep(max(0.0, begun - time.monotonic()))
        self.writer.write(struct.pack("!BH", 0, 0))  # hang up

    async def run(self) -> None:
        speaking = asyncio.create_task(self.speak())
        try:
            while True:
                kind, length = struct.unpack("!BH", await self.reader.readexactly(3))
                payload = await self.reader.readexactly(length)
                if kind == 0x01:
                    self.parameters = {"uuid": payload.hex()}
                    self.ready.set()
                elif kind == 0x10:
                    self.happened("sound", ulaw_of(payload))
                elif kind == 0x03:
                    self.happened("key", payload.decode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            speaking.cancel()
            self.writer.close()


class Realtime(Line):
    """The events of OpenAI's Realtime server that a telephone call needs, to try things without it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.socket = socket
        self.items = 0
        self.speaking = False

    async def _send(self, kind: str, **content: Any) -> None:
        if not self.socket.closed:
            await self.socket.send_json({"type": kind, **content})

    async def say(self, ulaw: bytes) -> None:
        self.items += 1
        for at in range(0, len(ulaw), 50 * FRAME):
            delta = base64.b64encode(ulaw[at : at + 50 * FRAME]).decode()
            await self._send("response.output_audio.delta", item_id=f"item_{self.items}", content_index=0, delta=delta)

    async def give_back(self, reason: str, **more: Any) -> None:
        name = {"hang_up": "end_call", "completed": "end_call"}.get(reason, "transfer_to_human")
        arguments = json.dumps({"summary": more.get("summary", "")})
        item = {"type": "function_call", "name": name, "call_id": "call_1", "arguments": arguments}
        await self._send("response.output_item.done", item=item)

    async def run(self) -> None:
        await self._send("session.created", session={})
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            match event["type"]:
                case "session.update":
                    await self._send("session.updated", session=event["session"])
                    self.ready.set()
                case "input_audio_buffer.append":
                    sound = base64.b64decode(event["audio"])
                    if loud(sound) and not self.speaking:
                        await self._send("input_audio_buffer.speech_started")
                    self.speaking = loud(sound)
                    self.happened("sound", sound)
                case "conversation.item.create":
                    text = event["item"]["content"][0]["text"]
                    self.happened("key", text.rstrip(")")[-1])
                case "conversation.item.truncate":
                    self.happened("mark", f"truncated at {event['audio_end_ms']} ms")


# Bots


async def echo(line: Line) -> None:
    """Say at once what was heard."""
    async for kind, value in line.events():
        if kind == "sound":
            await line.say(value)
        elif kind == "key" and value == "0":
            await line.give_back("completed", summary="the caller has heard himself")


async def parrot(line: Line) -> None:
    """Listen until the caller is silent for a moment, and repeat what he said."""
    await line.say(voice("Say something, and I repeat it."))
    said, quiet = bytearray(), 0
    async for kind, value in line.events():
        if kind == "key":
            await line.give_back("caller_requested_human", summary="the caller pressed a key")
        if kind != "sound":
            continue
        if loud(value):
            if not said:
                await line.clear()
            said += value
            quiet = 0
        elif said:
            said += value
            quiet += 1
            if quiet == 40:
                await line.say(voice("You said:") + bytes(said))
                said.clear()


MENU = "Press one for the time. Press two to talk to a person. Press zero to hang up."


async def menu(line: Line) -> None:
    """A menu of keys; a key interrupts."""
    await line.say(voice(f"Hello. {MENU}"))
    await line.mark("menu")
    async for kind, value in line.events():
        if kind != "key":
            continue
        await line.clear()
        match value:
            case "1":
                await line.say(voice(time.strftime("It is %H %M.")))
                await line.mark("time")
            case "2":
                await line.say(voice("One moment, please."))
                more = {"target": "support", "summary": "wants a person", "variables": {"chosen": "person"}}
                await line.give_back("transfer_requested", **more)
            case "0":
                await line.say(voice("Goodbye."))
                await line.give_back("hang_up")
            case _:
                await line.say(voice(MENU))


BOTS: dict[str, Callable[[Line], Awaitable[None]]] = {"echo": echo, "parrot": parrot, "menu": menu}

# Servers


async def talk(line: Any, bot: Callable[[Line], Awaitable[None]]) -> None:
    """Run a bot for as long as the caller is there."""

    async def run() -> None:
        await line.ready.wait()
        await bot(line)

    talking = asyncio.create_task(run())
    try:
        await line.run()
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def serve(mode: str, protocol: str, port: int) -> None:
    """Take calls until told to stop."""
    bot = BOTS[mode]
    for text in ("Goodbye.", "One moment, please.", f"Hello. {MENU}", "Say something, and I repeat it.", "You said:"):
        await asyncio.to_thread(voice, text)  # spoken ahead, so that no caller waits for it

    async def on_socket(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await talk(MediaStream(socket) if protocol == "media-streams" else Realtime(socket), bot)
        return socket

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(AudioSocket(reader, writer), bot)

    async with contextlib.AsyncExitStack() as exits:
        if protocol == "audiosocket":
            server = await asyncio.start_server(on_connection, "127.0.0.1", port)
            exits.callback(server.close)
            url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        else:
            app = web.Application()
            app.router.add_get("/ws", on_socket)
            runner = web.AppRunner(app, shutdown_timeout=1)
            await runner.setup()
            exits.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", port).start()
            url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
        print(f"ready {url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mode", choices=sorted(BOTS), default="menu")
    parser.add_argument(
        "--protocol", choices=("media-streams", "audiosocket", "openai-realtime"), default="media-streams"
    )
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.mode, options.protocol, options.port))


if __name__ == "__main__":
    main()
