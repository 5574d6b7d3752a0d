"""A daemon of our own on this machine for a while, for commands."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ivr.errors import IvrError

__all__ = ["started"]

START_SECONDS = 60.0
"""For a daemon that has to be started: it speaks its prompts first."""
STOP_SECONDS = 10.0


@contextlib.contextmanager
def started(config: Path | None) -> Iterator[dict[str, str]]:
    """A daemon with this configuration (None: the defaults) while this lasts; the fields of its ready line.

    Raises IvrError with the end of its log where it does not start.
    """
    arguments = [] if config is None else ["--config", str(config)]
    with subprocess.Popen(
        [sys.executable, "-m", "ivr", *arguments, "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield dict(part.split("=", 1) for part in _ready_line(process).split()[1:])
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None and process.stderr is not None
    errors: list[str] = []
    stderr = process.stderr
    threading.Thread(target=lambda: errors.extend(stderr), daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if ready.select(deadline - time.monotonic()):
                line = process.stdout.readline()
                if line.startswith("ready "):
                    return line
                break
    process.terminate()
    process.wait(STOP_SECONDS)
    told = [line for line in errors if " INFO " not in line] or errors
    raise IvrError("the daemon does not start:\n" + "".join(told[-20:]))
