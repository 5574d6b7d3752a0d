"""A bot of pipecat, unmodified: it is called, speaks, is interrupted, hears, and hangs up by its POST; and what pipecat
makes of Media Streams as the four houses have them.

Its packages (860 MB) have an environment of their own: `deploy/pipecat.sh` makes it in var/pipecat, or IVR_PIPECAT
names its Python.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.handoff.protocols import Clear, Facts, Speech, media_streams
from tests.conftest import free_port
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("IVR_PIPECAT", ROOT / "var/pipecat/bin/python"))
BOT = ROOT / "docs/examples/bots/pipecat_bot.py"
ACCOUNT = "AC" + "5" * 32
READY_SECONDS = 60.0

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not PYTHON.exists(), reason="pipecat is not installed: run deploy/pipecat.sh (860 MB)"),
]

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: talk}
  talk: {type: transfer_to_ai_agent, agent: parrot, parameters: {customer: K-17}, next: done}
  done: {type: hang_up}
"""


class PipecatBot:
    """The bot in a process of its own."""

    def __init__(self, port: int, base_url: str) -> None:
        environment = {**os.environ, "IVR_TOKEN": "token-of-the-bot", "IVR_ACCOUNT": ACCOUNT}
        self.process = subprocess.Popen(
            [str(PYTHON), str(BOT), "--port", str(port), "--base-url", base_url],
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, "the bot does not start"
                time.sleep(0.1)

    def says(self, word: str, seconds: float = 10.0) -> str:
        """The next line that begins so."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if ready.select(0.2):
                    line = self.process.stdout.readline().decode()
                    if line.startswith(word):
                        return line
        raise AssertionError(f"the bot never said: {word}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[Daemon, int]]:
    for part in ("flows", "prompts"):
        (tmp_path / part).mkdir()
    (tmp_path / "flows" / "bot.yaml").write_text(FLOW)
    port = free_port(socket.SOCK_STREAM)
    (tmp_path / "ivr.yaml").write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{free_port()}']}}\n"
        f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}', allow: ['127.0.0.1:{port}']}}\n"
        "media: {ports: '32400-32419', workers: 1}\n"
        "speech: {engine: espeak-ng}\n"
        f"ai_agents: {{parrot: {{url: 'ws://127.0.0.1:{port}/ws', account: {ACCOUNT},"
        " auth_token: token-of-the-bot}}\n"
    )
    with Daemon(tmp_path / "ivr.yaml") as found:
        yield found, port


def loud(ulaw: bytes) -> list[bool]:
    """Whether something is heard, by frames of 20 ms."""
    quiet = set(range(0x70, 0x80)) | set(range(0xF0, 0x100))
    return [sum(octet not in quiet for octet in ulaw[at : at + 160]) > 80 for at in range(0, len(ulaw) - 159, 160)]


def test_it_speaks_is_interrupted_hears_and_hangs_up(daemon: tuple[Daemon, int]) -> None:
    running, port = daemon
    bot = PipecatBot(port, running.http)
    try:
        with RawCaller(running.sip_port) as caller:
            caller.call("100")
            caller.be_silent(1.5)
            call = bot.says("call ")
            assert "K-17" in call and "'from_number': 'caller'" in call and "'to_number': '100'" in call
            greeted = sum(loud(caller.heard()))
            assert greeted > 25, "the greeting is heard"
            voice = bytes((0x20, 0xA0)) * 80
            begun = time.monotonic()
            caller.speak(voice * 25)
            bot.says("interrupted")
            caller.speak(voice * 50)
            caller.be_silent(1.0)
            heard = [packet for packet in caller.packets if packet.payload_type == 0]
            back = next(
                packet.at
                for packet in heard
                if packet.at > begun and sum(b in (0x20, 0xA0) for b in packet.payload) > 100
            )
            assert back - begun < 2.0, "what the caller says comes back, and not behind the greeting of 6 s"
            caller.press("0")
            bot.says("key 0")
            assert caller.ended.wait(5), "the bot hangs up"
            bot.says("over")
        (record,) = running.records(1)
    finally:
        bot.close()
    (entry,) = record["hand_offs"]
    print(
        {name: entry[name] for name in ("connect_seconds", "first_sound_seconds", "clears", "spoken_seconds")},
        f"{back - begun:.3f}",
    )
    assert record["cause"] == "ended_by_api"
    assert (entry["target"], entry["outcome"]) == ("parrot", "completed")
    assert entry["clears"] >= 1 and entry["keys"] == 1 and "odd" not in entry


ASKED = """
import asyncio, json, sys
from types import SimpleNamespace
from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer

class Socket:
    def __init__(self, messages):
        self.messages = list(messages)
    def iter_text(self):
        async def every():
            while self.messages:
                yield self.messages.pop(0)
        return every()

def params(kind):
    return kind.InputParams(auto_hang_up=False)

MAKERS = {
    "twilio": lambda call: TwilioFrameSerializer(call["stream_id"], params=params(TwilioFrameSerializer)),
    "telnyx": lambda call: TelnyxFrameSerializer(
        call["stream_id"], "PCMU", call["outbound_encoding"], params=params(TelnyxFrameSerializer)
    ),
    "plivo": lambda call: PlivoFrameSerializer(call["stream_id"], params=params(PlivoFrameSerializer)),
    "exotel": lambda call: ExotelFrameSerializer(call["stream_id"]),
}

async def main():
    found = {}
    for name, messages in json.load(sys.stdin).items():
        kind, call = await parse_telephony_websocket(Socket(messages["first"]))
        serializer = MAKERS[kind](call)
        await serializer.setup(SimpleNamespace(audio_in_sample_rate=8000, audio_out_sample_rate=8000))
        heard = [await serializer.deserialize(message) for message in messages["media"]]
        key = await serializer.deserialize(messages["key"])
        said = await serializer.serialize(OutputAudioRawFrame(audio=bytes(320), sample_rate=8000, num_channels=1))
        found[name] = {
            "kind": kind,
            "call": [call["stream_id"], call["call_id"]],
            "heard": sum(len(frame.audio) for frame in heard if frame is not None),
            "key": key.button.value,
            "says": [said, await serializer.serialize(InterruptionFrame())],
        }
    print("found " + json.dumps(found))

asyncio.run(main())
"""


def test_what_is_said_as_each_house_is_understood_and_its_answers_are() -> None:
    facts = Facts("0a1b2c3d-0000-4000-8000-000000000001", "CA" + "1" * 32, ACCOUNT, "MZ" + "3" * 32, "+49301", "100")
    asked, bots = {}, {}
    for name in ("twilio", "telnyx", "plivo", "exotel"):
        bot = bots[name] = media_streams(name, facts)
        sound = bytes(320) if bot.encoding == "slin16" else b"\xff" * 160
        first = [str(message) for message in bot.begin()]
        media = [str(bot.heard(sound, number / 50)) for number in range(50)]
        (key,) = bot.pressed("5")
        asked[name] = {"first": [*first, *media][:2], "media": media, "key": str(key)}
    done = subprocess.run(
        [str(PYTHON), "-c", ASKED], input=json.dumps(asked), capture_output=True, text=True, timeout=120
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("found ")), None)
    assert line is not None, done.stderr
    for name, found in json.loads(line.removeprefix("found ")).items():
        assert (found["kind"], found["key"]) == (name, "5")
        assert found["call"] == [facts.stream_sid, facts.call_sid]
        assert found["heard"] >= 49 * 320
        speech, clear = (list(bots[name].received(message)) for message in found["says"])
        assert clear == [Clear()]
        assert all(isinstance(one, Speech) and set(one.payload) <= {0, 0xFF} for one in speech)
