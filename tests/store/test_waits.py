from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from ivr.store import KeptWait, Store, WaitTable


def wait(key: str, **changes: Any) -> KeptWait:
    values: dict[str, Any] = {
        "id": key,
        "call_id": "c",
        "node": "local",
        "flow": "reminder",
        "version": 3,
        "snapshot": {"variables": {"n": 1}},
        "events": ["paid"],
        "after_event": 7,
        "wake_at": None,
        "created_at": 1.0,
        "last_step_at": 2.0,
    }
    return KeptWait(**{**values, **changes})


def test_a_wait_is_taken_once(store: Store) -> None:
    store.waits.change([wait("a"), wait("b")], [])
    assert store.waits.take(["a"], 9.0) == [wait("a")]
    assert store.waits.take(["a", "b"], 9.0) == [wait("b")]
    assert store.waits.take(["a", "b"], 9.0) == []


def test_threads_that_race_take_each_wait_once(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.store.database.SQLITE_BUSY_SECONDS", 20.0)
    store.waits.change([wait(str(n)) for n in range(200)], [])
    taken: list[str] = []

    def race() -> None:
        table = WaitTable.open(url)
        for first in range(0, 200, 10):
            taken.extend(w.id for w in table.take([str(n) for n in range(first, first + 10)], 1.0))
        table.close()

    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(n) for n in range(200)]


def test_it_waits_again_or_is_over(store: Store) -> None:
    store.waits.change([wait("a"), wait("b")], [])
    store.waits.take(["a", "b"], 9.0)
    store.waits.change([wait("a", wake_at=20.0, snapshot={"at": 2})], ["b"])
    assert store.waits.take(["a", "b"], 9.0) == [wait("a", wake_at=20.0, snapshot={"at": 2})]
    assert store.waits.count() == 1


def test_a_new_run_finds_what_a_dead_one_had_taken(store: Store) -> None:
    store.waits.change([wait("a"), wait("b", created_at=0.5), wait("c", node="other")], [])
    store.waits.take(["a", "c"], 9.0)
    assert [w.id for w in store.waits.begin("local")] == ["b", "a"]
    assert [w.id for w in store.waits.take(["a", "b", "c"], 9.0)] == ["a", "b"]


def test_what_is_booked_is_on_the_disk(store: Store) -> None:
    """It waits for the disk in that transaction, and in no other."""
    seen: list[str] = []

    def look(connection: sa.Connection) -> None:
        seen.append(str(connection.exec_driver_sql("PRAGMA synchronous").scalar()))

    flow = wait("a")
    store.waits.change([flow], (), (), [look])
    store.waits.change((), (), [flow], [look])
    store.waits.change([flow], (), (), [look])
    assert seen == ["1", "2", "1"]
