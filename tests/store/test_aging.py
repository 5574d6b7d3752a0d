"""Records that leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.store import CallRecord, RecordingRecord, Store, aging
from tests.store.conftest import STARTED

Make = Callable[..., CallRecord]


@pytest.fixture
def calls(store: Store, make_call: Make, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Ten calls, one second after the other, in batches smaller than that."""
    monkeypatch.setattr(aging, "BATCH", 3)
    monkeypatch.setattr(aging, "BREATH", 0.0)
    for number in range(1, 11):
        store.writer.call_ended(make_call(number))
    assert store.writer.flush(5.0)
    return store


def left(store: Store) -> list[int]:
    return sorted(call.short_id for call in store.reader.calls())


def test_by_age(calls: Store) -> None:
    assert calls.aging.forget_calls(STARTED + 6, None) == 5
    assert left(calls) == [6, 7, 8, 9, 10]


def test_by_number(calls: Store) -> None:
    assert calls.aging.forget_calls(None, 4) == 6
    assert left(calls) == [7, 8, 9, 10]
    assert calls.aging.forget_calls(None, 4) == 0


def test_the_newest_stays_as_numbers_go_on_from_it(calls: Store) -> None:
    assert calls.aging.forget_calls(STARTED + 1000, None) == 9
    assert (left(calls), calls.reader.last_short_id()) == ([10], 10)


def test_calls_that_are_up_stay(store: Store, make_call: Make) -> None:
    store.writer.call_started(make_call(1, cause=None, ended_at=None))
    store.writer.call_ended(make_call(2))
    assert store.writer.flush(5.0)
    assert store.aging.forget_calls(STARTED + 1000, None) == 0


def test_rows_of_recordings_go_where_the_file_has_gone(calls: Store) -> None:
    for name in ("r1", "r2"):
        calls.writer.recording(
            RecordingRecord(id=name, call_id="call-1", kind="call", name="x", path=f"/{name}", started_at=STARTED)
        )
    calls.writer.recording_deleted("r1", STARTED)
    assert calls.writer.flush(5.0)
    calls.aging.forget_calls(STARTED + 2, None)
    assert [row.id for row in calls.reader.recordings("call-1")] == ["r2"]


def test_the_way_is_forgotten_and_the_rest_stays(calls: Store) -> None:
    assert calls.aging.forget_ways(STARTED + 5) == 4
    assert calls.aging.forget_ways(STARTED + 5) == 0
    old, new = calls.reader.call("1"), calls.reader.call("5")
    assert old is not None and new is not None
    assert (old.path, old.digits, old.details, old.cause) == ([], [], {}, "user_hung_up")
    assert new.path
