"""`ivr demo --handoffs`: three callers are handed over, to an agent, an AI voice agent and a TwiML application.

All parties are processes of their own: the daemon with config/examples, an agent's phone, the bot and the application
of docs/examples; the callers are in this one. What happens is shown as the daemon tells it (`GET /v1/events`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ivr
from ivr.cli.daemons import started
from ivr.errors import IvrError
from ivr.settings import load_settings

__all__ = ["show_handoffs"]

ROOT = Path(ivr.__file__).resolve().parents[1]
EXAMPLES, BOT, APPLICATION = (
    ROOT / "config" / "examples",
    ROOT / "docs" / "examples" / "bots" / "bot.py",
    ROOT / "docs" / "examples" / "twiml" / "plain.py",
)
PORTS = {"5060": socket.SOCK_DGRAM, **dict.fromkeys(("8080", "8765", "5001"), socket.SOCK_STREAM)}
"""Ports that the examples name, each replaced by a free one: another daemon may have them."""
FIRST_PORT, PORT_SETS, PORTS_OF_CALLER = 34_002, 60, 100
"""Ports for the callers' sound, another set for each process."""
READY_SECONDS = 30.0
AGENT = "200"
TALK_SECONDS = 4.0
"""That the caller and the agent hear each other."""
LISTEN_SECONDS = 12.0
"""Longest wait for the pause after which a key is pressed."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Visit:
    """One caller."""

    title: str
    """What it shows."""
    number: str
    """Whom he calls."""
    keys: tuple[str, ...]
    """What he presses, each when he hears a pause."""


VISITS = (
    Visit("to an agent: the support desk, its queue, and Anna's phone", "211", ("2", "4711#")),
    Visit("to an AI voice agent, which asks for a person: the bot of docs/examples/bots", "212", ("2",)),
    Visit("to a voice application that answers with TwiML: docs/examples/twiml", "213", ("2",)),
)


def show_handoffs(folder: Path, say: Say, *, stay: bool = False) -> None:
    """Show all three; IvrError where something cannot be started. `folder` is for the daemon's files; with `stay` the
    daemon goes on until it is interrupted."""
    missing = [path for path in (EXAMPLES, BOT, APPLICATION) if not path.exists()]
    if missing:
        raise IvrError(f"{missing[0]} is missing: this demonstration needs a copy of the repository")
    config, ports = _copied(folder)
    signs = load_settings(config).applications["menu"].secret
    environment = {**os.environ, "IVR_SECRET": signs.get_secret_value()}
    with contextlib.ExitStack() as exits:
        run = [sys.executable, str(BOT), "--mode", "menu", "--port", str(ports["8765"])]
        exits.enter_context(_running("the bot", run, ports["8765"], environment))
        run = [sys.executable, str(APPLICATION), str(ports["5001"])]
        exits.enter_context(_running("the application", run, ports["5001"], environment))
        fields = exits.enter_context(started(config))
        say(f"the daemon is ready: http://{fields['http']}/console/ shows what you read here")
        phone = [sys.executable, "-m", "ivr", "--config", str(config), "phone", "--as", AGENT]
        exits.enter_context(_running("the agent's phone", [*phone, "--answer", "auto", "--silent", "--plain"]))
        exits.enter_context(_told(f"http://{fields['http']}", say))
        _until_agent(f"http://{fields['http']}")
        for visit in VISITS:
            say("")
            say(f"A caller is handed over {visit.title}")
            sound = folder / f"{visit.number}.wav"
            asyncio.run(_call(f"sip:{visit.number}@127.0.0.1:{ports['5060']}", visit.keys, sound, say))
            say(f"   the sound of both sides: {sound}")
        if stay:
            say("")
            say("Interrupt (Ctrl-C) to end the daemon.")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()


def _copied(folder: Path) -> tuple[Path, Mapping[str, int]]:
    """The example configuration in a folder of its own, on free ports: its file, and the ports by those it names."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    ports = {old: _free(kind) for old, kind in PORTS.items()}
    config = folder / "ivr.yaml"
    text = config.read_text()
    for old, new in ports.items():
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    config.write_text(text)
    return config, ports


def _free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(
    name: str, command: Sequence[str], port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A process while this lasts; with a port, once it takes connections there."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while port is not None and not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                errors = process.communicate()[1].decode(errors="replace").strip().splitlines()
                raise IvrError(f"{name} does not start: {errors[-1] if errors else 'it does not listen'}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.communicate()


def _listens(port: int) -> bool:
    with socket.socket() as found:
        found.settimeout(1.0)
        return found.connect_ex(("127.0.0.1", port)) == 0


def _until_agent(url: str) -> None:
    """Wait until the agent's phone is registered."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/v1/agents") as answer:
            if any(agent["now"].get("free") for agent in json.load(answer)["agents"]):
                return
        time.sleep(0.1)
    raise IvrError("the agent's phone does not register")


async def _call(target: str, keys: Sequence[str], sound: Path, say: Say) -> None:
    """One caller: presses his keys, listens for a while to who takes him, and hangs up."""
    from ivr.call.caller import Caller, CallerOptions

    first = FIRST_PORT + os.getpid() % PORT_SETS * PORTS_OF_CALLER
    options = CallerOptions(user="demo", display="ivr demo", media_ports=(first, first + PORTS_OF_CALLER - 1))
    async with Caller(options) as caller:
        await caller.call(target)
        caller.record(sound)
        for pressed in keys:
            await caller.quiet(1.2, longest=LISTEN_SECONDS)
            if caller.ended.is_set():
                break
            await caller.press(pressed)
            say(f"   the caller presses {pressed}")
        await caller.wait(TALK_SECONDS + 2.0)
        await caller.hang_up()


# What the daemon tells


@contextlib.contextmanager
def _told(url: str, say: Say) -> Iterator[None]:
    """Say what happens, while this lasts."""
    stream = urllib.request.urlopen(f"{url}/v1/events", timeout=60)

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            event = ""
            for line in stream:
                field, _, value = line.decode().rstrip("\r\n").partition(": ")
                if field == "event":
                    event = value
                elif field == "data" and (text := sentence(event, json.loads(value))):
                    say(f"   {text}")

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        yield
    finally:
        # A reader that waits lets go of the connection when the daemon, which ends first, has closed it.
        with contextlib.suppress(OSError):
            stream.close()


def sentence(event: str, told: Mapping[str, Any]) -> str | None:
    """An event for people; None for those that the demonstration does not show."""
    data: Mapping[str, Any] = told.get("data", told)
    match event:
        case "call.element":
            return f"the flow {data['flow']} is at {data['element']} ({data['type']})"
        case "queue.joined":
            return f"the caller waits in the queue {data['queue']}, place {data['position']}"
        case "agent.offered":
            return f"{data['agent']}'s phone rings; the desk shows: {data['origin']}"
        case "agent.answered":
            return f"{data['agent']} answers after {data['waited']:.2f} s; the two hear each other"
        case "queue.left":
            return f"over between the two: {data['outcome']}, {data['talk_time']:.1f} s"
        case "ai.started":
            return f"the AI agent {data['agent']} has the caller ({data['protocol']})"
        case "ai.ended":
            return f"the AI agent gives the call back: {data['reason']}"
        case "application.offered":
            return f"the application {data['application']} has the caller ({data['protocol']})"
        case "call.forwarded":
            return f"connected with {data['target']}: {data['outcome']}"
        case "call.ended":
            return f"the call is over: {data['cause']}, {data['seconds']:.1f} s"
    return None
