"""How log lines look, and where they go."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.service import logs, set_up_logging
from ivr.settings import LogSettings

CALL = "3f8a1c52-0d6b-4c1e-9a7e-5b1f2c3d4e5f"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    kept = logging.logThreads, logging.logProcesses, logging.logMultiprocessing, logging._srcfile
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing, logging._srcfile = kept
    logging.getLogger("alembic").setLevel(logging.NOTSET)
    logging.getLogger("asyncio").filters.clear()


def record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("ivr.call", level, "", 0, message, (), None)


def test_json_has_the_call_apart() -> None:
    line = json.loads(logs.JsonFormatter().format(record(f"call {CALL}: over, user_hung_up")))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "logger": "ivr.call", "message": "over, user_hung_up", "call": CALL}


def test_json_stays_one_line_with_an_exception() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        broken = record("it failed", logging.ERROR)
        broken.exc_info = sys.exc_info()
    text = logs.JsonFormatter().format(broken)
    assert "\n" not in text
    assert "ValueError: two\nlines" in json.loads(text)["exception"]


def test_every_line_for_the_journal_has_its_priority() -> None:
    assert logs.JournalFormatter().format(record("a\nb", logging.WARNING)) == "<4>ivr.call: a\n<4>b"
    assert logs.JournalFormatter().format(record("a", logging.DEBUG)) == "<7>ivr.call: a"


def test_a_file_is_opened_anew_after_it_was_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "log" / "ivr.log"
    set_up_logging(LogSettings(file=path, level="warning"))
    log = logging.getLogger("ivr.test")
    log.info("not at this level")
    log.warning("first")
    path.rename(tmp_path / "ivr.log.1")
    log.warning("second")
    assert (tmp_path / "ivr.log.1").read_text().endswith("WARNING ivr.test: first\n")
    assert path.read_text().endswith("WARNING ivr.test: second\n")


def test_a_stream_to_the_journal_is_known(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert logs._to_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not logs._to_journal(stream, {"JOURNAL_STREAM": "8:1"})
        assert not logs._to_journal(stream, {})


def test_a_want_of_descriptors_does_not_flood_the_log() -> None:
    sparing = logs.SparingFilter()
    lines = [record(f"{logs.NOT_ACCEPTED}\nsocket: <socket>", logging.ERROR) for _ in range(3)]
    for line, after in zip(lines, (0.0, 1.0, logs.ACCEPT_EVERY + 1.0), strict=True):
        line.created, line.exc_info = 1000.0 + after, (OSError, OSError(24), None)
    assert [sparing.filter(line) for line in lines] == [True, False, True]
    assert lines[0].exc_info is None
    assert sparing.filter(record("another line"))
