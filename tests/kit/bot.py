"""The example bot in a process of its own."""

from __future__ import annotations

import selectors
import subprocess
import sys
import time
from pathlib import Path

BOT = Path(__file__).resolve().parents[2] / "docs/examples/bots/bot.py"
READY_SECONDS = 20.0


class Bot:
    """`bot.py` with a mode and a protocol, on a port of its own; use as a context manager."""

    def __init__(self, mode: str, protocol: str = "media-streams", python: str = sys.executable) -> None:
        self._command = [python, str(BOT), "--mode", mode, "--protocol", protocol, "--port", "0"]
        self.url = ""

    def __enter__(self) -> Bot:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        deadline = time.monotonic() + READY_SECONDS
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline and not self.url:
                if ready.select(0.5):
                    line = self.process.stdout.readline().decode()
                    assert line.startswith("ready "), f"the bot does not start: {line}"
                    self.url = line.split()[1]
        assert self.url, "the bot does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.partition("://")[2].partition("/")[0].rpartition(":")[2])
