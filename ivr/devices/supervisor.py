"""The daemon's side of lines on hardware: a process for each, started, watched, restarted and ended.

daemon                                  python -m ivr.devices
  socket 127.0.0.1:N ------ inherited ----->  SIP of the line: nobody else can ever have its port
  standard input  -- one line of JSON ----->  name, settings, where the daemon listens
                  -- end of file ---------->  hang up, let go of the hardware, end
  standard output <- ready, then back WHAT, gone WHY, and alive once a second
  standard error  <- log lines as JSON; whatever libraries print
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ivr.errors import ConfigError, Fault
from ivr.lines import LOOPBACK, DeviceEnd, end_of
from ivr.settings import DeviceLine, Settings

__all__ = ["Devices", "LineProcess"]

log = logging.getLogger("ivr.devices")

START_SECONDS: Final = 30.0
"""Until a process is ready: it loads NumPy and the driver, on a slow disk after a cold start."""
SILENT_SECONDS: Final = 10.0
"""Without a sign of life a process hangs in its driver, and is replaced."""
END_SECONDS: Final = 5.0
"""For a process to hang up and let go of its hardware; then it is killed."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds before a process is started anew: twice as many after each one that ended at once."""
STEADY_SECONDS: Final = 60.0
"""A process that ran for so long counts as one that works."""
LAST_WORDS: Final = 20
"""Lines that libraries printed last; they are logged when the process dies of itself."""
MAX_LINE: Final = 1 << 16
"""Octets of a line that is read."""

STARTING: Final = "its process is starting"

_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


@dataclass(slots=True)
class LineProcess:
    """One line: its socket, and what is known of its process."""

    name: str
    line: DeviceLine
    socket: socket.socket
    """Bound for as long as the daemon lives."""
    trouble: str = "its process has not been started"
    """Why no call can be taken; empty while one can."""
    hardware: str = ""
    """Maker and model, as far as it tells; empty while it is not there."""
    starts: int = 0
    """How often a process was started."""
    pid: int | None = None
    """None while there is none."""
    heard: float = 0.0
    """Monotonic time of the last sign of life."""
    words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its SIP."""
        host, port = self.socket.getsockname()
        return host, port


class Devices:
    """The processes of all lines on hardware. :attr:`ends` is what the rest of the daemon knows of them."""

    def __init__(self, settings: Settings, command: Sequence[str] = (sys.executable, "-m", "ivr.devices")) -> None:
        """Bind a port for each; ConfigError where there is none. `command` is what is run."""
        self._command = command
        self._level = settings.log.level
        self.lines: dict[str, LineProcess] = {}
        self.on_change: Callable[[str], None] = lambda name: None
        """Called with the name of a line when its trouble or its hardware has changed."""
        self.on_death: Callable[[tuple[str, int]], None] = lambda address: None
        """Called when a process has ended by itself: calls with this address are over, and nobody else says so."""
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        for name, line in settings.lines.items():
            if isinstance(line, DeviceLine):
                bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                try:
                    bound.bind((LOOPBACK, 0))
                except OSError as error:
                    self._release()
                    raise ConfigError([Fault(f"no port of the loopback: {error}", field=f"lines.{name}")]) from error
                self.lines[name] = LineProcess(name, line, bound)
        self.ends: dict[str, DeviceEnd] = {
            name: end_of(name, one.line, one.address[1]) for name, one in self.lines.items()
        }

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports of all processes."""
        return [one.address for one in self.lines.values()]

    def trouble(self, name: str) -> str:
        """Why a line cannot be used; empty for lines that are none of these."""
        one = self.lines.get(name)
        return one.trouble if one is not None else ""

    def hardware(self, name: str) -> str | None:
        """What a line's hardware is; None for lines that are none of these."""
        one = self.lines.get(name)
        return one.hardware if one is not None else None

    def start(self, daemon: tuple[str, int] | None) -> None:
        """Start all processes, which call `daemon`; nothing is waited for."""
        if daemon is not None:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._keep(one, daemon)) for one in self.lines.values()]

    async def close(self) -> None:
        """End all processes: their calls are hung up."""
        self._closing.set()
        for error in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("a line on hardware did not end well", exc_info=error)
        self._release()

    def _release(self) -> None:
        for one in self.lines.values():
            one.socket.close()

    # One process after the other

    async def _keep(self, one: LineProcess, daemon: tuple[str, int]) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            begun = time.monotonic()
            one.starts += 1
            try:
                why = await self._run(one, daemon)
            except OSError as error:
                why = f"it cannot be started: {error}"
            one.pid = None
            if self._closing.is_set():
                break
            if time.monotonic() - begun >= STEADY_SECONDS:
                pause = FIRST_PAUSE
            self.on_death(one.address)
            self._tell(one, f"its process ended: {why}", "")
            log.error("line %s: %s; another process is started in %g s", one.name, why, pause)
            for word in one.words:
                log.warning("line %s: %s", one.name, word)
            one.words.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run(self, one: LineProcess, daemon: tuple[str, int]) -> str:
        """One process, from its start to its end; why it ended."""
        self._tell(one, STARTING, "")
        number = one.socket.fileno()
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(number,),
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": _python_path()},
            limit=MAX_LINE,
        )
        one.pid, one.heard = process.pid, time.monotonic()
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        config = {
            "name": one.name,
            "line": one.line.model_dump(mode="json"),
            "socket": number,
            "daemon": list(daemon),
            "level": self._level,
        }
        readers = [
            asyncio.create_task(self._read_state(one, process.stdout)),
            asyncio.create_task(self._read_log(one, process.stderr)),
        ]
        over = asyncio.create_task(process.wait())
        try:
            process.stdin.write(json.dumps(config).encode() + b"\n")
            return await self._watch(one, over)
        finally:
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await asyncio.shield(over)
            if process.returncode is None:
                log.warning("line %s: its process does not end, and is killed", one.name)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            # One that hangs in a driver cannot be killed either, and one that it has left behind may hold its pipes.
            _, left = await asyncio.wait((over, *readers), timeout=END_SECONDS)
            if over in left:
                log.error("line %s: process %d cannot be ended", one.name, process.pid)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _watch(self, one: LineProcess, over: asyncio.Task[int]) -> str:
        """Until it ends, hangs, or is to end; what has become of it."""
        closing = asyncio.create_task(self._closing.wait())
        ready_by = time.monotonic() + START_SECONDS
        try:
            while True:
                await asyncio.wait((over, closing), timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                now = time.monotonic()
                if over.done():
                    return _how_it_ended(over.result())
                if closing.done():
                    return "the daemon ends"
                if one.trouble == STARTING:
                    if now > ready_by:
                        return f"it was not ready within {START_SECONDS:g} s"
                elif now - one.heard > SILENT_SECONDS:
                    return f"it gave no sign of life for {SILENT_SECONDS:g} s"
        finally:
            closing.cancel()

    async def _read_state(self, one: LineProcess, stream: asyncio.StreamReader) -> None:
        async for text in _lines(stream):
            one.heard = time.monotonic()
            word, _, rest = text.partition(" ")
            match word:
                case "ready":
                    log.info("line %s: its process is ready (%s)", one.name, rest)
                    self._tell(one, "its hardware is being looked for", "")
                case "back":
                    log.info("line %s: %s is there", one.name, rest or "its hardware")
                    self._tell(one, "", rest)
                case "gone":
                    log.warning("line %s: %s", one.name, rest)
                    self._tell(one, rest or "its hardware is gone", "")
                case "alive":
                    pass
                case _:
                    one.words.append(text)

    async def _read_log(self, one: LineProcess, stream: asyncio.StreamReader) -> None:
        async for text in _lines(stream):
            record = _record(text)
            if record is None:
                one.words.append(text)
                log.debug("line %s: %s", one.name, text)
            else:
                level, name, message = record
                logging.getLogger(name).log(logging.getLevelName(level), "line %s: %s", one.name, message)

    def _tell(self, one: LineProcess, trouble: str, hardware: str) -> None:
        if (trouble, hardware) != (one.trouble, one.hardware):
            one.trouble, one.hardware = trouble, hardware
            self.on_change(one.name)


def _how_it_ended(code: int) -> str:
    return f"it ended with exit code {code}" if code >= 0 else f"it was ended by signal {-code}"


def _python_path() -> str:
    """Where this program is looked for, first of all."""
    return os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of a stream to its end; what is too long for one is left out."""
    while True:
        try:
            data = await stream.readline()
        except ValueError:
            continue
        if not data:
            return
        text = "".join(c if c.isprintable() else " " for c in data.decode(errors="replace").rstrip("\r\n"))
        if text.strip():
            yield text


def _record(text: str) -> tuple[str, str, str] | None:
    """Level, logger and message of a line of :mod:`ivr.devices.process`; None of any other one."""
    if not text.startswith("{"):
        return None
    try:
        data: Mapping[str, Any] = json.loads(text)
        level, name, message = data["level"], data["logger"], data["message"]
    except (ValueError, KeyError, TypeError):
        return None
    known = isinstance(name, str) and isinstance(message, str) and level in _LEVELS
    return (level, name, message) if known else None
