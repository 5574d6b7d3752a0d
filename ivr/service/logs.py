"""Log lines: as text, as JSON, or as journald reads them; to standard error or to a file that may be moved away."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from ivr.settings import LogSettings

__all__ = ["JournalFormatter", "JsonFormatter", "SparingFilter", "set_up_logging"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JOURNAL = "%(name)s: %(message)s"
"""The journal knows the time."""

NOT_ACCEPTED = "socket.accept() out of system resource"
"""How asyncio begins to say that a connection cannot be accepted."""
ACCEPT_EVERY = 10.0

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Levels and the priorities of syslog(3); below, 7."""
_CALL = re.compile(r"call ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}): ")
"""Lines about a call begin like this."""


class SparingFilter(logging.Filter):
    """One line each `ACCEPT_EVERY` seconds, without its traceback, about connections that cannot be accepted: asyncio
    writes a hundred a second while file descriptors are wanting."""

    def __init__(self) -> None:
        super().__init__()
        self._again = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(NOT_ACCEPTED):
            return True
        if record.created < self._again:
            return False
        self._again = record.created + ACCEPT_EVERY
        record.exc_info = None
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, and where there are, `call` (the id
    of its record) and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{whole}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        call = _CALL.match(message)
        if call is not None:
            line["call"] = call[1]
            line["message"] = message[call.end() :]
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class JournalFormatter(logging.Formatter):
    """Each line with its priority before it, as sd-daemon(3) says."""

    def __init__(self) -> None:
        super().__init__(JOURNAL)

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def set_up_logging(settings: LogSettings | None = None) -> None:
    """Send log lines where the configuration says; before it is read, to standard error. OSError for a file that cannot
    be written.

    Without what nobody reads: a call logs two lines, and who logs need not be looked up.
    """
    settings = settings or LogSettings()
    handler: logging.Handler
    if settings.file is not None:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.WatchedFileHandler(settings.file, encoding="utf-8", errors="replace")
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    asyncio_log = logging.getLogger("asyncio")
    asyncio_log.filters[:] = [SparingFilter()]
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way to not walk the stack for each line


def _formatter(settings: LogSettings) -> logging.Formatter:
    kind = settings.format
    if kind == "auto":
        kind = "journal" if settings.file is None and _to_journal(sys.stderr, os.environ) else "text"
    if kind == "json":
        return JsonFormatter()
    return JournalFormatter() if kind == "journal" else logging.Formatter(TEXT)


def _to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream goes to journald, as systemd.exec(5) tells by `JOURNAL_STREAM`."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
