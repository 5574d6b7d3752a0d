"""The phone on pyVoIP, an independent stack, for comparison: a process of its own that is spoken to by lines of JSON.

pyVoIP is GPL-3.0 and is not imported here. What it cannot do: be without a registrar, TCP and TLS, hold, transfer,
telephone-events and INFO (keys go as tones), other codecs than G.711; its sound has 8 bits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import soundfile
import soxr

from ivr.cli.phone.engine import IDLE, CallView, PhoneError, PhoneEvent, PhoneView, Quality
from ivr.endpoint.config import read_target
from ivr.net.udp import local_address_towards
from media.devices import RTP_PORTS, digits_samples

if TYPE_CHECKING:
    from ivr.cli.phone.command import Options

__all__ = ["PyvoipEngine", "make_pyvoip"]

CHILD: Final = Path(__file__).with_name("pyvoip_child.py")
PYTHON: Final = "IVR_PYVOIP_PYTHON"
"""Environment variable that names the Python of another environment, one that has pyVoIP."""
START_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 4.0
RATE: Final = 8000
_MISSING: Final = (
    "pyVoIP is not installed: pip install 'ivr[pyvoip]' (GPL-3.0, Python below 3.13), or name the Python of an "
    f"environment that has it in {PYTHON}"
)


def make_pyvoip(options: Options) -> PyvoipEngine:
    """The engine. PhoneError where pyVoIP is missing, or for what it cannot do."""
    python = os.environ.get(PYTHON, sys.executable)
    found = subprocess.run([python, "-c", "import pyVoIP"], capture_output=True, check=False)
    if found.returncode:
        raise PhoneError(_MISSING)
    if not options.registrar or not options.password:
        raise PhoneError("pyVoIP needs an account: --registrar, --user and --password, or --as")
    if options.dtmf in ("events", "info"):
        raise PhoneError("pyVoIP sends no telephone-events and no INFO: --dtmf tones")
    if options.input is not None or options.output is not None:
        raise PhoneError("pyVoIP is used with files only: --play and --record")
    return PyvoipEngine(options, python)


class PyvoipEngine:
    """Speaks with the child."""

    def __init__(self, options: Options, python: str) -> None:
        self.on_event: Callable[[PhoneEvent], None] = lambda event: None
        self._options = options
        self._python = python
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._registered = asyncio.Event()
        self._refused = False
        self._call = IDLE
        self._answered_at = 0.0
        self._folder = tempfile.TemporaryDirectory(prefix="ivr-pyvoip-")
        self._raw: tuple[Path, Path] | None = None
        self._files = 0

    # Life

    async def start(self) -> None:
        """Run the child and register."""
        options = self._options
        home = read_target(options.registrar, None)
        if home.params.get("transport") not in (None, "udp"):
            raise PhoneError("pyVoIP speaks UDP alone")
        try:
            server = socket.gethostbyname(home.host)
            host = options.listen[1] if options.listen else local_address_towards(server)
        except OSError as error:
            raise PhoneError(f"{home.host} cannot be reached: {error}") from error
        self._process = await asyncio.create_subprocess_exec(
            self._python, str(CHILD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._reader = asyncio.ensure_future(self._read())
        self._order(
            "start",
            server=server,
            port=home.port or 5060,
            user=options.user,
            password=options.password,
            host=host,
            sip_port=(options.listen[2] if options.listen else 0) or _free_port(host),
            rtp_port=RTP_PORTS[0] + os.getpid() % 100 * 20,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._registered.wait()
        except TimeoutError:
            self._refused = True
        if self._refused:
            raise PhoneError("pyVoIP did not register")

    async def close(self) -> None:
        """Hang up, take the registration back, and end the child."""
        process = self._process
        if process is not None:
            self._order("quit")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        self._write_wav()
        self._folder.cleanup()

    def _order(self, do: str, **fields: object) -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise PhoneError("pyVoIP has ended")
        process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        while line := await self._process.stdout.readline():
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and "event" in told:
                    self._happened(told.pop("event"), told)
        self._refused = True
        self._registered.set()
        if self._call.phase in ("calling", "incoming", "answered"):
            self._happened("ended", {})

    def _happened(self, kind: str, told: dict[str, Any]) -> None:
        text = ""
        if kind == "level":
            self._call = replace(self._call, **told)
            return
        if kind in ("registered", "not_registered"):
            self._refused = kind == "not_registered"
            self._registered.set()
            text = f"registered as {self._options.user}" if not self._refused else "pyVoIP did not register"
        elif kind == "incoming":
            self._call = CallView("incoming", told["caller"], told["name"])
            text = f"{told['name'] or told['caller']} calls"
        elif kind == "answered":
            self._answered_at = time.monotonic()
            quality = Quality(told["codec"], False, 0.0, 0.0, None, 0.0)
            self._call = replace(self._call, phase="answered", quality=quality)
            text = f"connected with {self._call.remote}"
        elif kind == "ended":
            self._call = replace(self.call(), phase="ended", cause="ended")
            self._write_wav()
            text = "the call is over"
            told = {"seconds": round(self._call.seconds, 2), "remote": self._call.remote}
        elif kind == "error":
            text = told["text"]
        elif kind == "closed":
            return
        self.on_event(PhoneEvent(kind, text or kind, told))
        if kind == "incoming" and self._options.answer:
            self.answer()
        elif kind == "answered":
            if self._options.play is not None:
                self.play(self._options.play)
            if self._options.record is not None:
                self.record(self._options.record)

    # What is shown

    def phone(self) -> PhoneView:
        """The phone now."""
        return PhoneView(
            f"sip:{self._options.user}@{self._options.registrar} (pyVoIP)",
            self._registered.is_set() and not self._refused,
        )

    def call(self) -> CallView:
        """The call now."""
        if self._call.phase == "answered":
            return replace(self._call, seconds=time.monotonic() - self._answered_at)
        return self._call

    # What is done

    def dial(self, target: str) -> None:
        """Call somebody."""
        uri = read_target(target, read_target(self._options.registrar, None))
        self._call = CallView("calling", uri.user)
        self._order("dial", to=uri.user)

    def answer(self) -> None:
        """Take the call."""
        self._order("answer")

    def reject(self, status: int = 486) -> None:
        """Refuse the call."""
        self._order("reject")

    def hang_up(self) -> None:
        """End the call."""
        if self._call.phase in ("idle", "ended"):
            raise PhoneError("there is no call")
        self._order("hang_up")

    def keys(self, keys: str, way: str | None = None) -> None:
        """Press keys, as tones."""
        if way in ("events", "info"):
            raise PhoneError("pyVoIP sends no telephone-events and no INFO: tones")
        self._play(digits_samples(keys, ms=120.0, gap_ms=100.0))

    def hold(self) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP cannot hold")

    def resume(self) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP cannot hold")

    def mute(self, muted: bool) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP has no microphone here")

    def transfer(self, target: str) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP cannot transfer")

    def connect(self) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP cannot transfer")

    def swap(self) -> None:
        """Not possible."""
        raise PhoneError("pyVoIP has one call at a time here")

    def play(self, path: Path) -> None:
        """Play a file."""
        try:
            samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise PhoneError(f"{path} cannot be played: {error}") from error
        self._play((soxr.resample(samples.mean(axis=1), rate, RATE) * 32767).astype(np.int16))

    def _play(self, samples: Any) -> None:
        self._files += 1
        path = Path(self._folder.name) / f"{self._files}.raw"
        path.write_bytes(((samples.astype(np.int32) >> 8) + 128).astype(np.uint8).tobytes())
        self._order("play", path=str(path))

    def record(self, path: Path) -> None:
        """Record what is heard, mono."""
        self._files += 1
        raw = Path(self._folder.name) / f"{self._files}.heard"
        self._raw = (raw, path)
        self._order("record", path=str(raw))

    def _write_wav(self) -> None:
        """What was heard as 16-bit WAV."""
        kept, self._raw = self._raw, None
        if kept is None or not kept[0].exists():
            return
        samples = (np.frombuffer(kept[0].read_bytes(), np.uint8).astype(np.int16) - 128) * 256
        with wave.open(str(kept[1]), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.astype("<i2").tobytes())


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
