"""A thread that appends copied packets to files: the tick hands over octets and never waits for a disk."""

from __future__ import annotations

import contextlib
import os
import threading
from queue import Full, Queue
from typing import Final

__all__ = ["SpoolWriter"]

MAX_WAITING: Final = 20_000
"""Hand-overs that may wait: some seconds of a disk that stands still; beyond it packets are left out."""
_MODE: Final = 0o600  # what somebody says is in them


class SpoolWriter:
    """One thread, started when it is first needed."""

    def __init__(self) -> None:
        self._waiting: Queue[tuple[str, bytes | None] | None] = Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self.lost = 0
        """Packets left out."""

    def write(self, path: str, data: bytes | None) -> None:
        """Append to a file, which the first octets make anew; None closes it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((path, data))
        except Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        files: dict[str, int] = {}
        while (told := self._waiting.get()) is not None:
            path, data = told
            with contextlib.suppress(OSError):  # a full disk ends the copy, and nothing else
                if data is None:
                    if path in files:
                        os.close(files.pop(path))
                    continue
                if path not in files:
                    files[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
                os.write(files[path], data)
        for descriptor in files.values():
            os.close(descriptor)
