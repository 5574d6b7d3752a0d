"""A real daemon in a process of its own, with a configuration made for one test."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

READY_SECONDS = 90.0
"""A cold start loads libraries, makes tones and speaks no prompts: a few seconds, more on a loaded machine."""
STOP_SECONDS = 15.0


class Daemon:
    """`ivr serve` on a configuration; use as a context manager."""

    def __init__(self, config: Path, env: dict[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        """`prefix` is a command that ends by running the rest of its line in its own place."""
        self.config = config
        self._prefix = prefix
        self.folder = config.parent
        self._env = {**os.environ, **(env or {})}
        self.sip_port = 0
        self.http = ""
        self.log_path = self.folder / "daemon.log"

    def __enter__(self) -> Daemon:
        self._log = self.log_path.open("wb")
        self.process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "ivr", "--config", str(self.config), "serve"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._env,
        )
        line = self._ready_line()
        fields = dict(part.split("=", 1) for part in line.split()[1:])
        self.sip_port = int(fields["sip"].split(",")[0].rsplit(":", 1)[1])
        self.http = f"http://{fields['http']}"
        return self

    def _ready_line(self) -> str:
        assert self.process.stdout is not None
        deadline = time.monotonic() + READY_SECONDS
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if ready.select(0.5):
                    line = self.process.stdout.readline().decode()
                    if line.startswith("ready "):
                        return line
                    break
        self.__exit__()
        raise AssertionError(f"the daemon does not start:\n{self.log()}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        self.process.send_signal(number)

    def log(self) -> str:
        """What it has written to standard error so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def get(self, path: str) -> Any:
        """JSON of the HTTP interface."""
        with urllib.request.urlopen(self.http + path, timeout=5) as answer:
            return json.load(answer)

    def post(self, path: str, body: object = None, token: str | None = None) -> Any:
        """JSON of the answer to a JSON body, with the token of this machine unless another one is given."""
        from ivr.settings import load_settings

        request = urllib.request.Request(self.http + path, json.dumps(body or {}).encode())
        request.add_header("Content-Type", "application/json")
        token = token or load_settings(self.config).token_file.read_text()
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def reaches(self, element: str, seconds: float = 30.0) -> None:
        """Wait until a call is at an element of this name."""
        deadline = time.monotonic() + seconds
        while element not in [call["element"] for call in self.get("/v1/calls")["calls"]]:
            assert time.monotonic() < deadline, f"no call reaches {element} within {seconds} s:\n{self.log()}"
            time.sleep(0.05)

    def records(self, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The records of ended calls, oldest first, once there are `count` of them."""
        from ivr.errors import StoreError
        from ivr.settings import load_settings
        from ivr.store import RecordReader

        url = load_settings(self.config).store
        deadline = time.monotonic() + seconds
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            try:
                reader = RecordReader.open(url)
            except StoreError:
                time.sleep(0.1)
                continue
            try:
                rows = [row for row in reader.calls(limit=10_000) if row.cause is not None]
            finally:
                reader.close()
            found = [{name: getattr(row, name) for name in row.__slots__} for row in reversed(rows)]
            if len(found) >= count:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{len(found)} records of {count}:\n{self.log()}")
