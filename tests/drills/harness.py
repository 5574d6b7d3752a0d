"""What every drill has: a daemon with a configuration of its own, the tools of the proving ground, figures to report.

A drill is a module of `tests/drills/suite` with a `DRILL`. Its `run` does something to a daemon that a carrier, a
phone, an attacker or the machine might do, measures what came of it, and returns figures: what is asked, what was
measured, whether that is enough. It raises `AbsentError` where something it needs is not here.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
import pkgutil
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.conftest import free_port
from tests.kit.daemon import Daemon
from tests.kit.processes import children
from tests.kit.sound import speechlike, write_wav

__all__ = ["AbsentError", "Bench", "Drill", "Figure", "Result", "Scale", "at_least", "at_most", "drills", "exactly"]

ROOT = Path(__file__).resolve().parents[2]
PROVING = ROOT.parent / "shared" / "proving"
"""Corpora and tools that are not part of this repository."""
SUITE = Path(__file__).with_name("suite")

FIRST_RTP_PORT, LAST_RTP_PORT, RTP_RANGE = 27_400, 29_999, 200
"""Apart from those of tests, and below those that the kernel gives; each daemon has the next 200 of them."""
FIRST_PORT_OF_MANY = 25_000
"""Of a daemon that needs more."""
_ranges = itertools.count(os.getpid())

LOOK_EVERY = 0.01
"""Seconds between two looks at what another process does."""

Scale = Literal["full", "quick", "short"]
"""As asked; in some seconds each, for every night; in a second or two, for every change."""

FLOWS = {
    "quiet": """
        elements:
          start: {type: start_incoming_call, numbers: ["101"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 600s, responses: {"9": done}, branches: {no_match: wait}}
          done: {type: hang_up}
    """,
    "short": """
        elements:
          start: {type: start_incoming_call, numbers: ["100"], next: done}
          done: {type: hang_up}
    """,
    "music": """
        elements:
          start: {type: start_incoming_call, numbers: ["102"], next: sound}
          sound: {type: play, file: played.wav, loop: forever, interruptible: true, next: done}
          done: {type: hang_up}
    """,
    "message": """
        elements:
          start: {type: start_incoming_call, numbers: ["103"], next: message}
          message: {type: record_voicemail, max_duration: 600s, max_silence: 0, beep: false, next: done,
                    branches: {error: sorry}}
          sorry: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
    "keys": """
        elements:
          start: {type: start_incoming_call, numbers: ["104"], next: ask}
          ask: {type: collect, max_digits: 50, wait: 600s, wait_between: 60s, terminator: none, next: ask,
                branches: {no_match: ask}}
    """,
    "once": """
        elements:
          start: {type: start_incoming_call, numbers: ["105"], next: sound}
          sound: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
}
"""What a drill's daemon answers: 100 to 105."""


class AbsentError(Exception):
    """Something that the drill needs is not here; says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was asked of the daemon."""

    asked: str
    measured: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Drill:
    """One thing done to a daemon."""

    done: str
    """What is done to it, in a sentence."""
    run: Callable[[Bench], Awaitable[list[Figure]]]
    short: bool = False
    """Whether it has a form of a second or two, for every change."""
    seconds: float = 120.0
    """By which the full form is over, else it has failed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a drill."""

    name: str
    done: str
    figures: list[Figure]
    seconds: float
    skipped: str = ""
    """Why it did not run."""
    error: str = ""
    """What ended it before it was over."""

    @property
    def passed(self) -> bool:
        """Whether all that was asked came true."""
        return not self.error and all(figure.passed for figure in self.figures)


def at_most(what: str, bound: float, value: float, unit: str = "", form: str = "g") -> Figure:
    """A figure with an upper bound."""
    unit = f" {unit}" if unit else ""
    return Figure(f"{what} ≤ {bound:g}{unit}", f"{value:{form}}{unit}", value <= bound)


def at_least(what: str, bound: float, value: float, unit: str = "", form: str = "g") -> Figure:
    """A figure with a lower bound."""
    unit = f" {unit}" if unit else ""
    return Figure(f"{what} ≥ {bound:g}{unit}", f"{value:{form}}{unit}", value >= bound)


def exactly(what: str, wanted: object, value: object) -> Figure:
    """A figure that has one right value."""
    return Figure(f"{what}: {wanted}", str(value), value == wanted)


def drills() -> dict[str, Drill]:
    """All drills by name."""
    found = {}
    for module in sorted(pkgutil.iter_modules([str(SUITE)]), key=lambda module: module.name):
        name = module.name.replace("_", "-")
        found[name] = importlib.import_module(f"tests.drills.suite.{module.name}").DRILL
    return found


@dataclass
class Bench:
    """What a drill is given."""

    folder: Path
    """Empty, its own."""
    scale: Scale = "full"
    _daemons: Iterator[int] = field(default_factory=itertools.count)

    def pick(self, full: Any, quick: Any, short: Any = None) -> Any:
        """A size for this scale; without `short` the form for every night is the smallest."""
        return {"full": full, "quick": quick, "short": quick if short is None else short}[self.scale]

    def config(
        self,
        flows: dict[str, str] | None = None,
        *,
        listen: str = "",
        sip: str = "trusted: [127.0.0.0/8]",
        media: str = "",
        ports: int = RTP_RANGE,
        limits: str = "",
        extra: str = "",
    ) -> Path:
        """A configuration in a folder of its own. `sip`, `media` and `limits` are further keys of these sections, in
        flow style; `listen` replaces the one UDP listener; `ports` is how many RTP ports it has."""
        folder = self.folder / f"daemon-{next(self._daemons)}"
        (folder / "flows").mkdir(parents=True)
        (folder / "prompts").mkdir()
        for name, text in (flows or FLOWS).items():
            (folder / "flows" / f"{name}.yaml").write_text(text)
        write_wav(folder / "prompts" / "played.wav", speechlike(4.0, 7))
        first = _free_range(ports)
        path = folder / "ivr.yaml"
        sections = {
            "sip": [f"listen: [{listen or f'udp:127.0.0.1:{free_port()}'}]", sip],
            "http": [f"listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'"],
            "media": [f"ports: '{first}-{first + ports - 1}'", "workers: 1" if "workers" not in media else "", media],
            "speech": ["engine: espeak-ng", "language: en"],
            "phones": ["'200': {password: secret-200}", "'201': {password: secret-201}"],
            "limits": ["drain_timeout: 2s" if "drain_timeout" not in limits else "", limits],
        }
        lines = [f"{name}: {{{', '.join(key for key in keys if key)}}}" for name, keys in sections.items()]
        path.write_text("\n".join(lines) + "\n" + extra)
        return path

    def daemon(self, *args: Any, env: dict[str, str] | None = None, **options: Any) -> Daemon:
        """A daemon with a configuration as `config` makes it."""
        return Daemon(self.config(*args, **options), env)

    def with_config(self, config: Path) -> Daemon:
        """A daemon with a configuration that was made before."""
        return Daemon(config)

    def with_small_disk(self, config: Path, size: str) -> Daemon:
        """A daemon whose `var` is a file system of `size` (as of tmpfs), in a mount namespace of its own; AbsentError
        where that is not permitted."""
        probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
        if probe.returncode:
            raise AbsentError("making a mount namespace is not permitted here (run as root)")
        folder = config.parent / "var"
        folder.mkdir()
        mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
        return Daemon(config, prefix=["unshare", "-m", "sh", "-c", mount, str(folder)])

    def proving(self, *parts: str) -> Path:
        """A file of the proving ground; AbsentError where it is not part of this copy."""
        path = PROVING.joinpath(*parts)
        if not path.exists():
            raise AbsentError(f"../shared/proving/{'/'.join(parts)} is not part of this copy")
        return path

    async def tool(self, *parts: str, options: list[str], seconds: float) -> dict[str, Any]:
        """Run a script of the proving ground; the JSON it ends with."""
        path = self.proving(*parts)
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(path), *options, stdout=subprocess.PIPE, cwd=self.folder
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise RuntimeError(f"{path.name} failed: {out.decode(errors='replace')[-2000:]}")
        found: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
        return found

    @contextmanager
    def chaos(self, ways: dict[int, int], **options: float) -> Iterator[None]:
        """Impair UDP between ports of loopback: {port to send to: port of the daemon}; options as of udp_chaos.py."""
        line = [sys.executable, str(self.proving("drills", "udp_chaos.py"))]
        for near, far in ways.items():
            line += ["--map", f"127.0.0.1:{near}=127.0.0.1:{far}"]
        for name, value in options.items():
            line += [f"--{name}", f"{value:g}"]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not all(_bound(near) for near in ways):
                assert process.poll() is None and time.monotonic() < deadline, "udp_chaos.py does not start"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _free_range(ports: int) -> int:
    """The first of so many ports that nobody seems to have: other daemons take such ranges, too."""
    if ports > RTP_RANGE:
        return FIRST_PORT_OF_MANY
    size = RTP_RANGE
    count = (LAST_RTP_PORT + 1 - FIRST_RTP_PORT) // size
    for _ in range(count):
        first = FIRST_RTP_PORT + next(_ranges) % count * size
        if not any(_bound(port) for port in range(first, first + size, size // 20)):
            break
    return first


def _bound(port: int) -> bool:
    return any(f":{port:04X} " in line for line in Path("/proc/net/udp").read_text().splitlines())


def memory(pid: int) -> int:
    """Kilobytes that a process and all below it take: pages shared among them count once (PSS)."""
    total = 0
    for one in (pid, *children(pid)):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        found = re.search(r"^Pss:\s+(\d+)", text, re.M)
        total += int(found[1]) if found else 0
    return total


def need(program: str) -> str:
    """The path of a program; AbsentError without it."""
    path = shutil.which(program)
    if path is None:
        raise AbsentError(f"{program} is not installed")
    return path


async def comes(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    """Whether something comes true in so many seconds; what changes it is outside this process."""
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY)


async def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> float:
    """Wait for something to come true; the seconds that it took."""
    begun = time.monotonic()
    if not await comes(condition, seconds):
        raise AssertionError(f"not within {seconds:g} s: {what}")
    return time.monotonic() - begun


def alive(daemon: Daemon, *expected: str) -> Figure:
    """That the daemon runs, and its log tells of no error that nobody foresaw but those with `expected` in them."""
    if daemon.process.poll() is not None:
        return exactly("daemon", "alive", f"ended with {daemon.process.returncode}")
    for text in daemon.log().split("Traceback (most recent call last):")[1:]:
        error = next((line for line in text.splitlines()[1:] if line and not line.startswith(" ")), "cut off")
        if not any(one in error for one in expected):
            return exactly("daemon", "alive", f"alive, but: {error}")
    return exactly("daemon", "alive", "alive")


def perform(name: str, drill: Drill, scale: Scale) -> Result:
    """Run a drill to its end, whatever that is."""
    begun = time.monotonic()
    skipped = error = ""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix=f"ivr-drill-{name}-") as folder:
        bench = Bench(Path(folder), scale)
        try:
            figures = asyncio.run(_bounded(drill, bench))
        except AbsentError as absent:
            skipped = str(absent)
        except TimeoutError:
            error = f"not over within {drill.seconds:g} s"
        except Exception:
            logs = "".join(path.read_text(errors="replace")[-3000:] for path in Path(folder).glob("*/daemon.log"))
            error = f"{traceback.format_exc(limit=-4)[-2000:]}\n{logs}"
    return Result(name, drill.done, figures, round(time.monotonic() - begun, 1), skipped, error)


async def _bounded(drill: Drill, bench: Bench) -> list[Figure]:
    async with asyncio.timeout(drill.seconds):
        return await drill.run(bench)
