"""What drills read out of the records of calls."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from ivr.settings import load_settings
from tests.kit.daemon import Daemon

__all__ = ["ended", "typed"]


def ended(daemon: Daemon) -> int:
    """How many calls are over and written down."""
    path = load_settings(daemon.config).store.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as store:
        return int(store.execute("SELECT count(*) FROM calls WHERE cause IS NOT NULL").fetchone()[0])


def typed(record: dict[str, Any]) -> str:
    """All keys of a call in their order."""
    return "".join(item.get("digits") or "".join(key["key"] for key in item["keys"]) for item in record["digits"])
