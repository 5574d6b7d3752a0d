"""A bot of pipecat, unmodified: it is called, speaks, is interrupted, hears, and hangs up by its POST.

Its packages (860 MB) have an environment of their own: `deploy/pipecat.sh` makes it in var/pipecat, or IVR_PIPECAT
names its Python.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
