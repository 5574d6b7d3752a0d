"""How long hand-overs take: from a caller, a key, an answer or a request to the sound that follows from it.

    flock /tmp/bench.lock .venv/bin/python -m tests.bench.handovers --repeats 20

A whole daemon as it is installed, with callers, agents, a bot and a web application in one process beside it: they
share a clock. Each says a value of its own in every octet of its sound, so that whoever hears knows whom. One call at a
time; their packets are sent at another moment of the daemon's 20 ms in each.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import socket
import struct
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from ivr.settings import load_settings
from media.codecs.g711 import ULAW_DECODE
from tests.bench.harness import machine
from tests.conftest import free_port
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import CallerPeer, Peers, agent_uri

CALLER, AGENT, BOT, FIRST, SECOND = 0x31, 0xA1, 0xB1, 0x21, 0x41
"""Who says what."""
SECRET = "0123456789abcdef0123456789abcdef"
SETTLED = 0.3
"""Seconds in which nothing happens before what is measured, so that nothing is still under way."""

FLOWS = {
    "people": """
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, queue: desk, branches: {call_not_forwarded: bye}}
""",
    "machines": """
  start: {type: start_incoming_call, numbers: ["101"], next: talk}
  talk: {type: transfer_to_ai_agent, agent: bot, filler: none, next: bye}
""",
    "documents": """
  start: {type: start_incoming_call, numbers: ["102"], next: app}
  app: {type: transfer_to_voice_application, application: twiml, filler: none, branches: {call_not_transferred: bye}}
""",
    "events": """
  start: {type: start_incoming_call, numbers: ["103"], next: app}
  app: {type: transfer_to_voice_application, application: events, filler: none, branches: {call_not_transferred: bye}}
""",
    "prompt": """
  start: {type: start_incoming_call, numbers: ["104"], next: one}
  one: {type: play, file: one.wav, loop: 100, next: bye}
""",
    "elsewhere": """
  start: {type: start_from_flow, next: two}
  two: {type: play, file: two.wav, loop: 100, next: bye}
""",
}
CONFIG = """
sip: {{listen: ['udp:127.0.0.1:{sip}'], trusted: [127.0.0.0/8]}}
http: {{listen: '127.0.0.1:{http}', allow: [127.0.0.1]}}
media: {{ports: '20002-29999', workers: 1}}
speech: {{engine: espeak-ng, language: en}}
limits: {{drain_timeout: 1s, calls_per_second_per_source: 100000}}
agents:
  anna: {{phones: ["{agent}"], queues: [desk], wrap_up: 0s}}
queues:
  desk: {{}}
ai_agents:
  bot: {{url: 'ws://127.0.0.1:{web}/bot'}}
applications:
  twiml: {{protocol: twiml, url: 'http://127.0.0.1:{web}/voice', secret: {secret}}}
  events: {{url: 'http://127.0.0.1:{web}/events', secret: {secret}}}
"""


class Web:
    """The bot and the web applications; notes when what comes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.at: dict[str, float] = {}
        """When each thing happened last, in this call."""
        self.session: aiohttp.ClientSession
        self._bot: web.WebSocketResponse | None = None
        self._control: dict[str, Any] = {}

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/bot", self._talk),
                web.post("/voice", self._voice),
                web.post("/next", self._next),
                web.post("/events", self._events),
                web.get("/{name}.wav", self._sound),
            ]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.session = aiohttp.ClientSession()

    def note(self, what: str) -> None:
        """It happens for the first time in this call."""
        self.at.setdefault(what, time.monotonic())

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        stream = ""
        async for message in ws:
            told = json.loads(message.data)
            if told["event"] == "start":
                stream = told["start"]["streamSid"]
            elif told["event"] == "media" and stream:
                payload = base64.b64decode(told["media"]["payload"])
                if payload.count(CALLER) == 160 and "bot hears" not in self.at:
                    self.note("bot hears")
                    said = base64.b64encode(bytes([BOT]) * 16000).decode()
                    self.note("bot speaks")
                    await ws.send_json({"event": "media", "streamSid": stream, "media": {"payload": said}})
        return ws

    def _document(self, verbs: str) -> web.Response:
        return web.Response(text=f"<Response>{verbs}</Response>", content_type="text/xml")

    async def _voice(self, _: web.Request) -> web.Response:
        play = f'<Play loop="100">http://127.0.0.1:{self.port}/one.wav</Play>'
        return self._document(f'<Gather numDigits="1" action="/next" timeout="30">{play}</Gather>')

    async def _next(self, _: web.Request) -> web.Response:
        self.note("application knows")
        return self._document(f'<Play loop="100">http://127.0.0.1:{self.port}/two.wav</Play>')

    async def _events(self, request: web.Request) -> web.Response:
        told = await request.json()
        if told["type"] == "call.offered":
            self._control = told["data"]["control"]
            return web.json_response({"accept": True})
        if told["type"] == "call.accepted":
            asyncio.get_running_loop().create_task(
                self.control("collect", {"max_digits": 1, "wait_first": 30, "prompt": {"file": "one.wav"}})
            )
        elif told["type"] == "digits.collected":
            self.note("application knows")
            asyncio.get_running_loop().create_task(self.control("play", {"file": "two.wav", "loop": 100}))
        return web.Response()

    async def control(self, verb: str, body: dict[str, Any]) -> None:
        """Ask something of the call that was offered."""
        url, headers = f"{self._control['url']}/{verb}", {"Authorization": f"Bearer {self._control['token']}"}
        async with self.session.post(url, json=body, headers=headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(await answer.text())

    async def _sound(self, request: web.Request) -> web.Response:
        return web.Response(
            body=sound(SECOND if request.match_info["name"] == "two" else FIRST), content_type="audio/wav"
        )


def sound(value: int) -> bytes:
    """A WAV file of 5 s of which each octet of mu-law is ``value``."""
    with tempfile.TemporaryFile() as file:
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            out.writeframes(np.full(40000, ULAW_DECODE[value], "<i2").tobytes())
        file.seek(0)
        return file.read()


class House:
    """The daemon and everybody around it."""

    def __init__(self, daemon: Daemon, peers: Peers, site: Web) -> None:
        self.daemon, self.peers, self.web = daemon, peers, site
        self.headers = {"Authorization": f"Bearer {load_settings(daemon.config).token_file.read_text()}"}

    async def call(self, number: str) -> CallerPeer:
        """A caller, once he is answered."""
        self.web.at.clear()
        peers = self.peers
        if peers._ticking is not None:
            peers._ticking.cancel()
        await asyncio.sleep(random.uniform(0, 0.02))
        peers._ticking = asyncio.create_task(peers._tick())
        caller = await self.peers.caller(CALLER)
        caller.call(number)
        async with asyncio.timeout(10):
            await caller.answered.wait()
        self.web.note("answered")
        return caller

    async def hears(self, peer: Any, value: int) -> float:
        """When a peer heard ``value`` first."""
        async with asyncio.timeout(10):
            while value not in peer.heard_first:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return float(peer.heard_first[value])

    async def over(self, caller: CallerPeer) -> None:
        """He hangs up, and all is quiet."""
        caller.hang_up()
        await asyncio.sleep(SETTLED)
        self.peers.callers.remove(caller)
        await caller.close()

    async def press(self, caller: CallerPeer) -> float:
        """He presses 5 for 80 ms: when the first packet left."""
        begun = time.monotonic()
        stamp = caller._sequence * 160
        for step in range(7):
            caller._sequence += 1
            flags = 0x8A if step > 3 else 0x0A
            packet = struct.pack("!BBHII", 0x80, 101, caller._sequence & 0xFFFF, stamp, caller.value)
            assert caller._rtp is not None
            caller._rtp.sendto(packet + struct.pack("!BBH", 5, flags, 160 * min(step + 1, 4)), caller._to)
            if step < 4:
                await asyncio.sleep(0.02)
        return begun

    async def call_id(self) -> str:
        """Id of the call that is up."""
        async with self.web.session.get(f"{self.daemon.http}/v1/calls", headers=self.headers) as answer:
            (call,) = (await answer.json())["calls"]
            return str(call["id"])

    async def transfer(self, body: dict[str, Any]) -> float:
        """Move the call that is up: when the request left."""
        call = await self.call_id()
        begun = time.monotonic()
        url = f"{self.daemon.http}/v1/calls/{call}/transfer"
        async with self.web.session.post(url, json=body, headers=self.headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(await answer.text())
        return begun


Times = dict[str, float]


async def agent_answers(house: House) -> Times:
    """An agent answers a caller who waits."""
    carl = house.peers.agents[AGENT]
    before = len(carl.talks)
    caller = await house.call("100")
    spoke = await house.hears(caller, AGENT)
    heard = await house.hears(carl, CALLER)
    await asyncio.sleep(SETTLED)
    await house.over(caller)
    async with asyncio.timeout(5):
        while len(carl.talks) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    answered = carl.talks[-1]["answered"]
    return {
        "agent's 200 OK → agent hears caller": heard - answered,
        "agent's 200 OK → caller hears agent": spoke - answered,
        "agent's 200 OK → both": max(heard, spoke) - answered,
    }


async def bot_takes(house: House) -> Times:
    """An AI agent takes a caller, and answers his first sound at once."""
    caller = await house.call("101")
    spoke = await house.hears(caller, BOT)
    at = house.web.at
    await house.over(caller)
    return {
        "caller answered → first frame of his at the AI agent, connection included": at["bot hears"] - at["answered"],
        "first frame of the AI agent → caller hears it": spoke - at["bot speaks"],
    }


def key_at(number: str, name: str) -> Callable[[House], Awaitable[Times]]:
    """A key that an application waits for, and what it does then."""

    async def measure(house: House) -> Times:
        caller = await house.call(number)
        await house.hears(caller, FIRST)
        await asyncio.sleep(SETTLED)
        pressed = await house.press(caller)
        heard = await house.hears(caller, SECOND)
        knows = house.web.at["application knows"]
        await house.over(caller)
        return {
            f"key → {name} knows it": knows - pressed,
            f"{name} knows a key → caller hears the next verb": heard - knows,
            f"key → caller hears the next verb of {name}": heard - pressed,
        }

    return measure


async def moved(house: House) -> Times:
    """A request moves a call to another flow."""
    caller = await house.call("104")
    await house.hears(caller, FIRST)
    await asyncio.sleep(SETTLED)
    asked = await house.transfer({"flow": "elsewhere"})
    heard = await house.hears(caller, SECOND)
    await house.over(caller)
    return {"transfer by HTTP to a flow → first packet of its prompt": heard - asked}


async def moved_to_bot(house: House) -> Times:
    """A request moves a call to an AI agent."""
    caller = await house.call("104")
    await house.hears(caller, FIRST)
    await asyncio.sleep(SETTLED)
    asked = await house.transfer({"ai_agent": "bot"})
    spoke = await house.hears(caller, BOT)
    at = house.web.at["bot hears"]
    await house.over(caller)
    return {
        "transfer by HTTP to an AI agent → first frame of the caller there": at - asked,
        "the same → caller hears its answer to that": spoke - asked,
    }


async def moved_to_queue(house: House) -> Times:
    """A request moves a call to a queue whose agent is free."""
    caller = await house.call("104")
    await house.hears(caller, FIRST)
    await asyncio.sleep(SETTLED)
    carl = house.peers.agents[AGENT]
    rang: list[float] = []
    plan = carl.plan

    def noted() -> tuple[str, float, float]:
        rang.append(time.monotonic())
        return plan()

    carl.plan = noted
    asked = await house.transfer({"queue": "desk"})
    await house.hears(caller, AGENT)
    carl.plan = plan
    await house.over(caller)
    await asyncio.sleep(SETTLED)
    return {"transfer by HTTP to a queue → INVITE at a free agent": rang[0] - asked}


CASES: dict[str, Callable[[House], Awaitable[Times]]] = {
    "agent": agent_answers,
    "bot": bot_takes,
    "twiml": key_at("102", "an application of TwiML"),
    "events": key_at("103", "an application of events"),
    "flow": moved,
    "to_bot": moved_to_bot,
    "to_queue": moved_to_queue,
}


async def measure(options: argparse.Namespace) -> None:
    """All cases, each of them once before it counts."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        for part in ("flows", "prompts"):
            (folder / part).mkdir()
        for flow, text in FLOWS.items():
            (folder / "flows" / f"{flow}.yaml").write_text(f"elements:{text}  bye: {{type: hang_up}}\n")
        for prompt, value in (("one", FIRST), ("two", SECOND)):
            (folder / "prompts" / f"{prompt}.wav").write_bytes(sound(value))
        port, site = free_port(), Web(free_port(socket.SOCK_STREAM))
        config = CONFIG.format(
            sip=free_port(), http=free_port(socket.SOCK_STREAM), web=site.port, agent=agent_uri(port), secret=SECRET
        )
        (folder / "ivr.yaml").write_text(config)
        await site.start()
        daemon = Daemon(folder / "ivr.yaml")
        await asyncio.to_thread(daemon.__enter__)
        try:
            async with Peers(daemon.sip_port) as peers:
                agent = await peers.agent(AGENT, port)
                agent.plan = lambda: ("answer", 0.2, 0.0)
                house = House(daemon, peers, site)
                print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {options.repeats} calls each, ms")
                for case in options.only or CASES:
                    await show(CASES[case], house, options.repeats)
        finally:
            await site.session.close()
            await asyncio.to_thread(daemon.__exit__)


async def show(case: Callable[[House], Awaitable[Times]], house: House, repeats: int) -> None:
    """The lines of one case."""
    await case(house)
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        for what, seconds in (await case(house)).items():
            found.setdefault(what, []).append(1000 * seconds)
    for what, times in found.items():
        p50, p90 = np.percentile(times, [50, 90])
        print(f"| {what} | {p50:.0f} | {p90:.0f} | {max(times):.0f} |", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--only", nargs="*", choices=CASES)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
