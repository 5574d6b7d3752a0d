"""Opening the store: engines, and the migrations that run at start under a lock."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.exc import SQLAlchemyError

from ivr.errors import StoreError
from ivr.store import schema

__all__ = ["check_version", "migrate", "open_engine"]

SQLITE_BUSY_SECONDS = 1.0
"""How long one statement waits for another process's lock. Short: the writer keeps its rows and tries again, and what
it must not do is hang while the queue fills."""

MIGRATION_LOCK = 0x1F2_0001
"""Key of PostgreSQL's advisory lock around migrations."""


def open_engine(url: str, *, readonly: bool = False) -> sa.Engine:
    """An engine for the URL. SQLite gets WAL and makes its folder; StoreError where that cannot be."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed, readonly)
        return sa.create_engine(parsed, pool_pre_ping=True, hide_parameters=True, json_serializer=_json)
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise StoreError(f"the store {url!r} cannot be opened: {error}") from error


def _open_sqlite(url: sa.URL, readonly: bool) -> sa.Engine:
    path = sqlite_path(url)
    if path is not None:
        if readonly and not path.exists():
            raise StoreError(f"there are no records yet: {path} does not exist")
        if not readonly:
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_private(path)
    pool: dict[str, Any] = {"poolclass": sa.StaticPool} if path is None else {}
    engine = sa.create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,
        json_serializer=_json,
        **pool,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # NORMAL with WAL: a power cut may lose the last batches, never the file; a batch is a write without an fsync.
        cursor = connection.cursor()
        if not readonly:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        if readonly:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return engine


def _create_private(path: Path) -> None:
    """A new file is its owner's alone; SQLite gives those beside it (-wal, -shm) the same mode. One that is there is
    not even opened: to close it would take the locks of other connections away."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _json(value: object) -> str:
    """JSON text at a tenth of the standard library's cost, which would be half of a record's."""
    try:
        # PostgreSQL takes no NaN
        return to_json(value, inf_nan_mode="null").decode()
    except (
        ValueError
    ):  # lone surrogates, from bytes of a SIP header that are no text; and what has no JSON, told by json
        return json.dumps(value)


def sqlite_path(url: sa.URL) -> Path | None:
    """The file of a SQLite URL; None for a store in memory and for other databases."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to `schema.HEAD`. Several processes may call this at once: one works, the others wait."""
    try:
        # Locked from the first look on: who looks at a new SQLite file makes it a WAL, at which others fail.
        with _locked(engine), engine.connect() as connection:
            if _version(engine) != schema.HEAD:
                _upgrade(connection)
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"the store cannot be brought up to date: {error}") from error


def check_version(engine: sa.Engine) -> None:
    """StoreError where the schema is not the one that this program reads."""
    try:
        version = _version(engine)
    except SQLAlchemyError as error:
        raise StoreError(f"the store cannot be read: {getattr(error, 'orig', None) or error}") from error
    if version != schema.HEAD:
        raise StoreError(
            "the store is of another version than this program: a start of the daemon brings it up to date"
        )


def _version(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return None if version is None else str(version)


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # costs 0.3 s and is needed once in the life of a schema
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"the store is of a newer version than this program: {error}") from error
    connection.commit()


@contextmanager
def _locked(engine: sa.Engine) -> Iterator[None]:
    path = sqlite_path(engine.url)
    if path is not None:
        with open(path.with_name(path.name + ".lock"), "w", opener=_open_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    elif engine.url.get_backend_name() == "postgresql":
        with engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(MIGRATION_LOCK)))
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(MIGRATION_LOCK)))
    else:
        yield


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
