"""Who takes part in `ivr demo --handoffs`, each a process of its own: the daemon, an agent's phone, a bot, a web
application."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import ivr
from ivr.cli.daemons import started
from ivr.errors import IvrError
from ivr.settings import load_settings
from ivr.store import Store, new_token

__all__ = ["House", "Say", "opened"]

ROOT = Path(ivr.__file__).resolve().parents[1]
EXAMPLES, BOT, APPLICATION = (
    ROOT / "config" / "examples",
    ROOT / "docs" / "examples" / "bots" / "bot.py",
    ROOT / "docs" / "examples" / "twiml" / "plain.py",
)
PORTS = {"5060": socket.SOCK_DGRAM, **dict.fromkeys(("8080", "8765", "5001"), socket.SOCK_STREAM)}
"""Ports that the examples name, each replaced by a free one: another daemon may have them."""
CHANGES = (("wrap_up: 10s", "wrap_up: 2s"),)
"""Of the examples: the next caller is not to wait for the agent's notes."""
READY_SECONDS = 30.0
LOOK_SECONDS = 0.1
CALLER = "ivr.call.caller"
"""Takes a second to load, in which the daemon starts."""
AGENT, PHONE = "anna", "200"
PROGRAMS = {
    "espeak-ng": "the bot beeps instead of speaking",
    "dot": "the page lists the way of a call instead of drawing it (package graphviz)",
}
"""What the demonstration can do without, and how it looks then."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class House:
    """All of them, ready."""

    url: str
    """Of the daemon's HTTP."""
    sip: str
    """Host and port of its SIP."""
    tokens: Mapping[str, str]
    """For the page, by role: `manager`, and `agent` for Anna's desk."""


@contextlib.contextmanager
def opened(folder: Path, say: Say) -> Iterator[House]:
    """Everybody, while this lasts; `folder` is for the daemon's files. IvrError where somebody cannot be started."""
    missing = [path for path in (EXAMPLES, BOT, APPLICATION) if not path.exists()]
    if missing:
        raise IvrError(f"{missing[0]} is missing: this demonstration needs a copy of the repository")
    for program, without in PROGRAMS.items():
        if shutil.which(program) is None:
            say(f"{program} is not installed: {without}")
    config, ports = _copied(folder)
    settings = load_settings(config)
    tokens = _tokens(settings.store)
    environment = {**os.environ, "IVR_SECRET": settings.applications["menu"].secret.get_secret_value()}
    bot = [sys.executable, str(BOT), "--mode", "menu", "--port", str(ports["8765"])]
    application = [sys.executable, str(APPLICATION), str(ports["5001"])]
    say("starting three processes: the daemon, a bot (docs/examples/bots), a TwiML application (docs/examples/twiml)")
    with contextlib.ExitStack() as exits:
        exits.enter_context(_ended_by_signal())
        answers = [
            exits.enter_context(_running("the bot", bot, ports["8765"], environment)),
            exits.enter_context(_running("the application", application, ports["5001"], environment)),
        ]
        loading = threading.Thread(target=importlib.import_module, args=(CALLER,))
        loading.start()
        fields = exits.enter_context(started(config))
        for answer in answers:
            answer()
        loading.join()
        url = f"http://{fields['http']}"
        phone = [sys.executable, "-m", "ivr", "--config", str(config), "phone", "--as", PHONE]
        exits.enter_context(_running("the agent's phone", [*phone, "--answer", "auto", "--silent", "--plain"]))
        say(f"the daemon is ready; a fourth process is the phone of Anna, an agent. Watch: {url}/console/")
        _until_agent(url)
        yield House(url, f"127.0.0.1:{ports['5060']}", tokens)


def _copied(folder: Path) -> tuple[Path, Mapping[str, int]]:
    """The example configuration in a folder of its own, on free ports: its file, and the ports by those it names."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    ports = {old: _free(kind) for old, kind in PORTS.items()}
    config = folder / "ivr.yaml"
    text = config.read_text()
    for old, new in ports.items():
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    for before, after in CHANGES:
        text = text.replace(before, after)
    config.write_text(text)
    return config, ports


def _free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _tokens(url: str) -> dict[str, str]:
    """Tokens for the page; the daemon does not run yet."""
    store = Store.open(url)
    try:
        found = {}
        for role, agent in (("manager", None), ("agent", AGENT)):
            token, found[role] = new_token(agent or "boss", [], time.time(), roles=[role], agent=agent)
            store.tokens.add(token)
        return found
    finally:
        store.close()


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Whoever ends this process by a signal ends the others, too."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _running(
    name: str, command: Sequence[str], port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], None]]:
    """A process while this lasts; gives what waits until it takes connections at the port."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )

    def ready() -> None:
        deadline = time.monotonic() + READY_SECONDS
        while port is not None and not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                errors = process.communicate()[1].decode(errors="replace").strip().splitlines()
                raise IvrError(f"{name} does not start: {errors[-1] if errors else f'it does not listen at {port}'}")
            time.sleep(LOOK_SECONDS)

    try:
        yield ready
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
        with urllib.request.urlopen(f"{url}/v1/agents/{AGENT}") as answer:
            if json.load(answer)["now"]["free"]:
                return
        time.sleep(LOOK_SECONDS)
    raise IvrError("the agent's phone does not register")
