"""One statement after another, and what can go wrong with them as StoreError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from ivr.errors import StoreError
from ivr.store.database import migrate, open_engine

__all__ = ["Table", "insert_missing", "insert_new", "upsert"]


class Table:
    """Access to some tables of the store. Blocks: call it from a thread or a command, not from the event loop."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Access of its own, beside a daemon that may run; the store is made or brought up to date where it must be."""
        engine = open_engine(url)
        try:
            migrate(engine)
        except StoreError:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _begin(self, *, durable: bool = False) -> Iterator[sa.Connection]:
        """One transaction. Where the database can lock early it does: what is read stays true until the end. One that
        is `durable` is on the disk when it is over: a power cut takes it back no more than a crash does."""
        try:
            with self._engine.connect() as connection, _synced(connection, durable):
                if connection.dialect.name == "sqlite":
                    # Two that read first and write later would both fail with a lock that no waiting opens.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        except SQLAlchemyError as error:
            raise _told(error) from error

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(query).mappings())
        except SQLAlchemyError as error:
            raise _told(error) from error


@contextmanager
def _synced(connection: sa.Connection, durable: bool) -> Iterator[None]:
    """SQLite waits for the disk as long as this lasts; other databases always do."""
    if not durable or connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA synchronous=FULL")
    connection.rollback()  # that was no transaction, but counts as one
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")


def _told(error: SQLAlchemyError) -> StoreError:
    """Without the statement and its values: they are personal data."""
    return StoreError(f"the store cannot be used: {getattr(error, 'orig', None) or type(error).__name__}")


def upsert(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> None:
    """Insert a row, or change the one that has its key: to `changes`, else to all of the row."""
    keys = [column.name for column in table.primary_key]
    rest = changes or {name: value for name, value in values.items() if name not in keys}
    connection.execute(
        _insert(connection, table).values(**values).on_conflict_do_update(index_elements=keys, set_=rest)
    )


def insert_new(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any], unique: str) -> bool:
    """Insert a row unless there is one with the same value in the column `unique`; whether it is new."""
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing(index_elements=[unique])
    return connection.execute(statement.returning(table.c[unique])).first() is not None


def insert_missing(
    connection: sa.Connection, table: sa.Table, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> int:
    """Insert rows but those that are there already, by any of their keys; how many are new."""
    statement = _insert(connection, table).on_conflict_do_nothing()
    if connection.dialect.name == "postgresql":  # which does not count what many statements did
        return len(connection.execute(statement.returning(*table.primary_key), rows).all())
    return connection.execute(statement, rows).rowcount


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An insertion that can say what to do where the row is there already: each database has its own."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
