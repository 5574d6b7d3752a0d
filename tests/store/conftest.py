from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.store import CallRecord, Store

STARTED = 1_772_000_000.0


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.store.writer.GATHER_SECONDS", 0.005)
    monkeypatch.setattr("ivr.store.writer.RETRY_SECONDS", 0.02)
    monkeypatch.setattr("ivr.store.writer.CLOSE_SECONDS", 0.5)
    monkeypatch.setattr("ivr.store.database.SQLITE_BUSY_SECONDS", 0.02)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ivr.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    yield store
    store.close()


@pytest.fixture
def make_call() -> Callable[..., CallRecord]:
    def make(short_id: int, **changes: Any) -> CallRecord:
        values: dict[str, Any] = {
            "id": f"call-{short_id}",
            "short_id": short_id,
            "direction": "inbound",
            "started_at": STARTED + short_id,
            "ended_at": STARTED + short_id + 9,
            "cause": "user_hung_up",
            "flow": "reception",
            "caller": "+15550199",
            "called": "100",
            "path": [{"element": "start", "type": "start_incoming_call", "branch": "next"}],
        }
        return CallRecord(**{**values, **changes})

    return make
