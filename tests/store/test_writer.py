from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.store import CallRecord, RecordingRecord, RecordReader, RecordWriter, Store
from ivr.store.database import migrate, open_engine
from ivr.store.people import People

MakeCall = Callable[..., CallRecord]

PATIENCE = 20.0
"""Longest wait for what comes at once on an idle machine."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Somebody else holds the database's write lock."""
    other = sqlite3.connect(folder / "ivr.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def stored(url: str) -> list[int]:
    reader = RecordReader.open(url)
    try:
        return sorted(call.short_id for call in reader.calls(limit=10_000))
    finally:
        reader.close()


def test_what_is_written_is_read(store: Store, make_call: MakeCall) -> None:
    call = make_call(
        1,
        line="pbx",
        sip_call_id="a@b",
        source="192.0.2.1:5060",
        flow_version="3f",
        ringing_at=1.5,
        answered_at=2.25,
        sip_status=200,
        digits=[{"element": "menu", "digits": "1"}],
        hand_offs=[{"target": "sip:200@x"}],
        quality={"mos": 4.4},
        details={"headers": {}},
    )
    recording = RecordingRecord(
        id="r1",
        call_id=call.id,
        kind="voicemail",
        name="mine",
        path="/r/1.wav",
        started_at=3.0,
        seconds=2.5,
        bytes=40_044,
    )
    store.writer.call_ended(call)
    store.writer.recording(recording)
    assert store.writer.flush(PATIENCE)
    assert store.reader.call("1") == call
    assert store.reader.recordings(call.id) == [recording]
    store.writer.recording_deleted("r1", 9.0)
    assert store.writer.flush(PATIENCE)
    assert [r.deleted_at for r in store.reader.recordings(call.id)] == [9.0]
    assert store.reader.recordings() == []


def test_the_end_replaces_the_start(store: Store, make_call: MakeCall) -> None:
    store.writer.call_started(make_call(1, ended_at=None, cause=None))
    assert store.writer.flush(PATIENCE)
    in_progress = store.reader.call("1")
    assert in_progress is not None
    assert in_progress.cause is None
    store.writer.call_ended(make_call(1))
    store.writer.call_started(make_call(2, ended_at=None, cause=None))
    store.writer.call_ended(make_call(2))  # both within one transaction
    assert store.writer.flush(PATIENCE)
    assert store.reader.calls() == [make_call(2), make_call(1)]


def test_closing_writes_what_is_left(url: str, make_call: MakeCall) -> None:
    store = Store.open(url)
    for number in range(1, 3001):
        store.writer.call_ended(make_call(number))
    store.close()
    assert stored(url) == list(range(1, 3001))


def test_a_locked_database_delays_records_and_loses_none(store: Store, tmp_path: Path, make_call: MakeCall) -> None:
    with locked(tmp_path):
        for number in range(1, 11):
            store.writer.call_ended(make_call(number))
        assert not store.writer.flush(0.2)
        assert not store.writer.available
        assert store.writer.backlog >= 10
    assert store.writer.flush(PATIENCE)
    assert store.writer.available
    assert len(store.reader.calls()) == 10


def test_beyond_the_queue_s_limit_records_wait_in_a_file(url: str, tmp_path: Path, make_call: MakeCall) -> None:
    engine = open_engine(url)
    migrate(engine)
    spill = tmp_path / "ivr.spill.jsonl"
    writer = RecordWriter(engine, spill, queue_limit=50)
    writer.start()
    with locked(tmp_path):
        for number in range(1, 2101):
            writer.call_ended(make_call(number))
        # At most a batch of 1,000 is tried again and 50 wait, however the two threads take turns: 1,050 go to the file.
        wait_until(lambda: writer.spilled >= 1000 and spill.exists())
    writer.call_ended(make_call(2101))
    assert writer.flush(PATIENCE)
    writer.close()
    assert stored(url) == list(range(1, 2102))
    assert not spill.exists()
    engine.dispose()


def test_a_thread_that_hangs_does_not_make_the_queue_grow(url: str, tmp_path: Path, make_call: MakeCall) -> None:
    engine = open_engine(url)
    migrate(engine)
    writer = RecordWriter(engine, tmp_path / "ivr.spill.jsonl", queue_limit=0)  # its thread is not even started
    for number in range(1, 1502):
        writer.call_ended(make_call(number))
    assert writer.backlog <= 1000
    writer.close()
    assert writer.spilled == 1501
    engine.dispose()
    Store.open(url).close()
    assert stored(url) == list(range(1, 1502))


def test_closing_while_locked_keeps_records_for_the_next_start(url: str, tmp_path: Path, make_call: MakeCall) -> None:
    store = Store.open(url)
    store.writer.call_started(make_call(1, ended_at=None, cause=None))
    assert store.writer.flush(PATIENCE)
    with locked(tmp_path):
        store.writer.call_ended(make_call(1))
        store.writer.call_ended(make_call(2))
        store.writer.close(timeout=0.1)
    store.close()
    again = Store.open(url)
    assert [(call.short_id, call.cause) for call in again.reader.calls()] == [(2, "user_hung_up"), (1, "user_hung_up")]
    assert again.next_short_id() == 3
    again.close()


def test_an_interrupted_loading_brings_nothing_in_twice(url: str, tmp_path: Path, make_call: MakeCall) -> None:
    store = Store.open(url)
    store.writer.call_ended(make_call(1))
    store.close()
    row = {"kind": "ended", "row": {**_row(make_call(1)), "cause": "other"}}
    fresh = {"kind": "ended", "row": _row(make_call(2))}
    lines = [json.dumps(row), json.dumps(fresh), json.dumps(fresh)[:30]]  # a crash cut the last line
    (tmp_path / "ivr.spill.loading.jsonl").write_text("\n".join(lines))
    Store.open(url).close()
    reader = RecordReader.open(url)
    assert [(call.short_id, call.cause) for call in reader.calls()] == [(2, "user_hung_up"), (1, "user_hung_up")]
    reader.close()
    assert not list(tmp_path.glob("*.jsonl"))


def _row(call: CallRecord) -> dict[str, object]:
    import dataclasses

    return dataclasses.asdict(call)


def test_a_record_that_the_database_refuses_does_not_take_others_along(
    store: Store, tmp_path: Path, make_call: MakeCall, caplog: pytest.LogCaptureFixture
) -> None:
    bad = make_call(2, details={"no JSON": object()})
    for call in (make_call(1), bad, make_call(3)):
        store.writer.call_ended(call)
    assert store.writer.flush(PATIENCE)
    assert [call.short_id for call in store.reader.calls()] == [3, 1]
    assert store.writer.rejected == 1
    assert '"short_id": 2' in (tmp_path / "ivr.spill.rejected.jsonl").read_text()


ODD = b"caf\xe9\0x".decode("utf-8", "surrogateescape")


def test_bytes_that_are_no_text_are_kept_readable(store: Store, make_call: MakeCall) -> None:
    store.writer.call_ended(make_call(1, caller=ODD, called="1" * 1000, details={"x": ODD}))
    store.writer.call_ended(make_call(2, quality={"mos": float("nan")}))
    assert store.writer.flush(PATIENCE)
    call = store.reader.call("1")
    assert call is not None
    assert call.caller == "caf?x"
    assert call.details["x"] == ODD
    assert [call.quality for call in store.reader.calls(limit=1)] == [{"mos": None}]
    assert call.called == "1" * 256


def test_the_log_has_no_personal_data(
    store: Store, tmp_path: Path, make_call: MakeCall, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with locked(tmp_path):
        store.writer.call_ended(make_call(1, caller="+4917012345678", digits=[{"digits": "998877"}]))
        assert not store.writer.flush(0.2)
    store.writer.call_ended(make_call(2, caller="+4917012345678", details={"x": object()}))
    assert store.writer.flush(PATIENCE)
    assert "the store cannot be written" in caplog.text
    assert "the store refuses a record" in caplog.text
    assert "17012345678" not in caplog.text
    assert "998877" not in caplog.text


def test_several_threads_may_write(store: Store, make_call: MakeCall) -> None:
    def produce(first: int) -> None:
        for number in range(first, first + 200):
            store.writer.call_ended(make_call(number))

    threads = [threading.Thread(target=produce, args=(1 + 200 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.writer.flush(PATIENCE)
    assert len(store.reader.calls(limit=1000)) == 800


def _change(writer: RecordWriter, number: int) -> None:
    """Onto the list and off it again by turns, and a field counts: what is applied last can be seen."""
    writer.do_not_contact("+1", float(number), None if number % 2 else "asked")
    writer.profile("+1", {"n": number}, [], float(number))


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_spilled_is_applied_in_its_order(url: str, tmp_path: Path, restart: bool) -> None:
    engine = open_engine(url)
    migrate(engine)
    writer = RecordWriter(engine, tmp_path / "ivr.spill.jsonl", queue_limit=50)
    writer.start()
    with locked(tmp_path):
        for number in range(1000):
            _change(writer, number)
            if number == 500:
                wait_until(lambda: writer.spilled > 0)
        if restart:
            writer.close(0.1)
    if restart:
        Store.open(url).close()
    else:
        _change(writer, 1000)
        _change(writer, 1001)
        assert writer.flush(PATIENCE)
        writer.close()
    people = People(engine)
    assert people.profile("+1").fields == {"n": 999 if restart else 1001}
    assert not people.blocked("+1")
    assert not list(tmp_path.glob("*.jsonl"))
    engine.dispose()


def test_a_thread_that_hangs_keeps_the_order(url: str, tmp_path: Path) -> None:
    engine = open_engine(url)
    migrate(engine)
    writer = RecordWriter(engine, tmp_path / "ivr.spill.jsonl", queue_limit=0)
    for number in range(1000):
        _change(writer, number)
    assert writer.spilled > 0
    writer.start()
    assert writer.flush(PATIENCE)
    writer.close()
    assert People(engine).profile("+1").fields == {"n": 999}
    engine.dispose()


def test_the_files_are_their_owner_s_alone(url: str, tmp_path: Path, make_call: MakeCall) -> None:
    before = os.umask(0o022)
    try:
        store = Store.open(url)
        store.writer.call_ended(make_call(1, details={"no JSON": object()}))
        assert store.writer.flush(PATIENCE)
        with locked(tmp_path):
            store.writer.call_ended(make_call(2))
            store.writer.close(timeout=0.1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    names = ["", "-wal", "-shm", ".lock"]
    assert {*(f"ivr.db{name}" for name in names), "ivr.spill.jsonl", "ivr.spill.rejected.jsonl"} == modes.keys()
    assert set(modes.values()) == {0o600}


def test_the_mode_of_a_file_that_is_there_stays(url: str, tmp_path: Path) -> None:
    (tmp_path / "ivr.db").touch()
    (tmp_path / "ivr.db").chmod(0o640)
    Store.open(url).close()
    assert (tmp_path / "ivr.db").stat().st_mode & 0o777 == 0o640
