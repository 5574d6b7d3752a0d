from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from ivr.errors import StoreError
from ivr.store import RUNNING, CallRecord, KeptWait, RecordReader, Store, schema
from ivr.store.database import migrate, open_engine

MakeCall = Callable[..., CallRecord]
PATIENCE = 20.0


def test_migrations_give_the_schema(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = open_engine(url)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.HEAD
    folder = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [schema.HEAD]
    engine.dispose()


def test_the_schema_is_postgresql_too() -> None:
    for table in schema.metadata.sorted_tables:
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
        assert "DOUBLE PRECISION" in text or table in (schema.meta, schema.pace_slots)


def test_migrating_leaves_the_logging_of_the_process_alone(url: str) -> None:
    before = logging.getLogger("ivr").disabled, logging.getLogger().level, list(logging.getLogger().handlers)
    Store.open(url).close()
    assert before == (logging.getLogger("ivr").disabled, logging.getLogger().level, list(logging.getLogger().handlers))


def test_many_may_start_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.store.database.SQLITE_BUSY_SECONDS", 20.0)  # who ends last closes the WAL
    failures: list[Exception] = []

    def start() -> None:
        engine = open_engine(url)
        try:
            migrate(engine)
        except Exception as error:
            failures.append(error)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_store_of_a_newer_version_is_refused(url: str, tmp_path: Path) -> None:
    Store.open(url).close()
    with sqlite3.connect(tmp_path / "ivr.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store.open(url)


@pytest.mark.parametrize("bad", ["nonsense://x/y", "sqlite:////proc/nowhere/ivr.db"])
def test_a_store_that_cannot_be_opened_is_a_clear_error(bad: str) -> None:
    with pytest.raises(StoreError, match=r"^the store .* cannot be opened"):
        Store.open(bad)


def test_a_file_that_is_no_database_is_a_clear_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "ivr.db").write_text("this is a letter, not a database" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(url)


def test_short_ids_go_on_after_a_restart(url: str, make_call: MakeCall) -> None:
    store = Store.open(url)
    assert [store.next_short_id() for _ in range(3)] == [1, 2, 3]
    store.writer.call_ended(make_call(3))
    store.close()
    again = Store.open(url)
    assert again.next_short_id() == 4
    again.close()


def test_calls_of_a_run_that_died_are_known_to_the_next(url: str, make_call: MakeCall) -> None:
    store = Store.open(url, node="a")
    store.writer.call_started(make_call(1, node="a", ended_at=None, cause=None))
    store.writer.call_started(make_call(2, node="b", ended_at=None, cause=None))
    store.close()
    again = Store.open(url, node="a")
    assert [(one.record, one.goes_on) for one in again.cut_off] == [
        (make_call(1, node="a", ended_at=None, cause=None), False)
    ]
    again.writer.call_ended(make_call(1, node="a", cause="system"))
    assert again.writer.flush(5.0)
    assert [(call.short_id, call.cause) for call in again.reader.calls()] == [(2, None), (1, "system")]
    again.close()


def test_of_flows_that_go_on_those_are_cut_off_that_were_recorded(url: str, make_call: MakeCall) -> None:
    store = Store.open(url)
    running = [{"id": "r", "kind": "call", "name": "x.wav", "path": "/x.wav", "started_at": 1.0}]
    for number, details in ((1, {RUNNING: running}), (2, {}), (3, {RUNNING: []})):
        store.writer.call_completed(make_call(number, ended_at=None, cause=None, details=details))
        wait = KeptWait(
            id=f"w{number}", call_id=f"call-{number}", node="local", flow="f", version=1, snapshot={}, events=[],
            after_event=0, wake_at=None, created_at=1.0, last_step_at=1.0,
        )  # fmt: skip
        store.waits.change([wait], [])
    store.close()
    again = Store.open(url)
    assert [(one.record.short_id, one.goes_on) for one in again.cut_off] == [(1, True)]
    again.close()


def test_a_call_that_is_told_of_again_is_one_row_in_any_batches(store: Store, make_call: MakeCall) -> None:
    for steps, flushes in (([1], True), ([2, 3], True), ([4], False)):
        for step in steps:
            path = [{"element": f"m{n}", "type": "menu", "branch": None} for n in range(step)]
            store.writer.call_started(make_call(1, ended_at=None, cause=None, path=path))
        assert not flushes or store.writer.flush(PATIENCE)
        if flushes:
            assert [len(call.path) for call in store.reader.calls()] == [steps[-1]]
    store.writer.call_ended(make_call(1))
    assert store.writer.flush(PATIENCE)
    assert store.reader.calls() == [make_call(1)]


def test_reading_by_flow_cause_time_and_place(store: Store, make_call: MakeCall) -> None:
    for number in range(1, 6):
        flow = "sales" if number % 2 else "reception"
        store.writer.call_ended(make_call(number, flow=flow, cause="network" if number == 4 else "user_hung_up"))
    assert store.writer.flush(PATIENCE)

    def numbers(**filters: object) -> list[int]:
        return [call.short_id for call in store.reader.calls(**filters)]  # type: ignore[arg-type]

    assert numbers() == [5, 4, 3, 2, 1]
    assert numbers(limit=2) == [5, 4]
    assert numbers(before=3) == [2, 1]
    assert numbers(flow="sales") == [5, 3, 1]
    assert numbers(cause="network") == [4]
    assert numbers(since=make_call(4).started_at) == [5, 4]


def test_a_call_is_found_by_either_id(store: Store, make_call: MakeCall) -> None:
    store.writer.call_ended(make_call(7))
    assert store.writer.flush(PATIENCE)
    assert store.reader.call("7") == store.reader.call("call-7") == make_call(7)
    assert store.reader.call("8") is None
    assert store.reader.call("9" * 30) is None


def test_reading_beside_the_daemon_changes_nothing(url: str, store: Store) -> None:
    reader = RecordReader.open(url)
    with pytest.raises(sa.exc.OperationalError, match="readonly"), reader._engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM calls"))
    reader.close()


def test_without_a_store_reading_says_so(url: str) -> None:
    with pytest.raises(StoreError, match="there are no records yet"):
        RecordReader.open(url)


def test_reading_a_store_of_another_version_says_so(url: str, tmp_path: Path) -> None:
    Store.open(url).close()
    with sqlite3.connect(tmp_path / "ivr.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    with pytest.raises(StoreError, match="of another version than this program"):
        RecordReader.open(url)


def test_lists_read_no_more_than_they_show(store: Store, make_call: MakeCall) -> None:
    store.writer.call_ended(make_call(1, hand_offs=[{"target": "queue:sales"}], details={"n": 1}))
    assert store.writer.flush(PATIENCE)
    (plain,) = store.reader.calls(parts=())
    assert (plain.id, plain.path, plain.hand_offs, plain.details) == ("call-1", [], [], {})
    (some,) = store.reader.calls(parts=("hand_offs",))
    assert (some.path, some.hand_offs, some.details) == ([], [{"target": "queue:sales"}], {})


def test_calls_that_name_somebody(store: Store, make_call: MakeCall) -> None:
    ways = {
        1: {"path": [{"element": "a", "application": "shop"}]},
        2: {"details": {"application": "shop"}},
        3: {"path": [{"element": "a", "said": ['"application":"shop"']}]},
        4: {"path": [{"element": "a", "agent": "sh_p"}]},
        5: {"path": [{"element": "a", "agent": "shop"}], "caller": "+49301"},
        6: {"details": {"application": "shop"}, "cause": None, "ended_at": None},
        7: {"details": {"application": "shop", "note": "\ud800"}, "called": "200"},
    }
    for number, fields in ways.items():
        store.writer.call_ended(make_call(number, **{"cause": "network", "ended_at": 9.0, **fields}))
    assert store.writer.flush(PATIENCE)

    def found(*names: tuple[str, str], **wanted: object) -> list[int]:
        return [call.short_id for call in store.reader.calls_naming(names, limit=10, **wanted)]  # type: ignore[arg-type]

    assert found(("application", "shop")) == [7, 2, 1]
    assert found(("application", "shop"), ("agent", "shop")) == [7, 5, 2, 1]
    assert found(("agent", "sh_p")) == [4]
    assert found(("application", "shop"), before=7, least=2) == [2]
    assert found(("application", "shop"), called="200") == [7]
    assert found(("application", "shop"), ("agent", "shop"), caller="+49301") == [5]
    assert store.reader.far_below(None, 3) == 5
    assert store.reader.far_below(5, 4) == 1
    assert store.reader.far_below(5, 5) is None
