"""Reading records, for people and reports: `ivr calls`, `ivr trace`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ivr.errors import StoreError
from ivr.store import schema
from ivr.store.database import check_version, open_engine
from ivr.store.records import LAST_WORDS, RUNNING, STATUS_CALLBACK, CallRecord, CutOff, RecordingRecord

__all__ = ["RecordReader"]

DEFAULT_ROWS = 20
MAX_ROWS = 10_000
"""Of one answer; older ones are asked for with `before`."""
MARKS = (RUNNING, LAST_WORDS, STATUS_CALLBACK)
"""In the details of calls that were cut off: what is still to be done for those whose flows go on."""


class RecordReader:
    """Read-only view of a store. Blocks: call it from a thread or a command, not from the event loop."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> RecordReader:
        """A reader of its own connection; StoreError where there is no store, or one of another version."""
        engine = open_engine(url, readonly=True)
        try:
            check_version(engine)
        except StoreError:
            engine.dispose()
            raise
        return cls(engine)

    def calls(
        self,
        *,
        limit: int = DEFAULT_ROWS,
        before: int | None = None,
        flow: str | None = None,
        cause: str | None = None,
        since: float | None = None,
        until: float | None = None,
        over: bool = False,
    ) -> list[CallRecord]:
        """Calls, newest first: of a flow, of a cause, started at or after `since` and before `until`, with a short id
        below `before`; those that are `over` alone."""
        columns = schema.calls.c
        query = sa.select(schema.calls).order_by(columns.short_id.desc()).limit(min(limit, MAX_ROWS))
        if before is not None:
            query = query.where(columns.short_id < before)
        if flow is not None:
            query = query.where(columns.flow == flow)
        if cause is not None:
            query = query.where(columns.cause == cause)
        if since is not None:
            query = query.where(columns.started_at >= since)
        if until is not None:
            query = query.where(columns.started_at < until)
        if over:
            query = query.where(columns.cause.is_not(None))
        return [CallRecord(**row) for row in self._rows(query)]

    def call(self, name: str) -> CallRecord | None:
        """The call of an id, or of a short id."""
        columns = schema.calls.c
        condition = columns.id == name
        if name.isascii() and name.isdecimal() and len(name) < len(str(2**63)):
            condition |= columns.short_id == int(name)
        query = sa.select(schema.calls).where(condition).order_by(columns.started_at.desc()).limit(1)
        return next((CallRecord(**row) for row in self._rows(query)), None)

    def cut_off(self, node: str) -> list[CutOff]:
        """Calls without an end of a process that has just begun, the oldest first: they were up when it died. Where
        their flows go on without them, those alone that were recorded, or whose end somebody waits for."""
        column = schema.calls.c
        goes_on = column.id.in_(sa.select(schema.waits.c.call_id)).label("goes_on")
        text = sa.cast(column.details, sa.Text)
        marked = sa.or_(*(text.like(f'%"{name}"%') for name in MARKS))
        query = (
            sa.select(schema.calls, goes_on)
            .where(column.cause.is_(None), column.node == node, sa.or_(sa.not_(goes_on), marked))
            .order_by(column.short_id)
        )
        return [
            CutOff(CallRecord(**{name: row[name] for name in CallRecord.__slots__}), bool(row["goes_on"]))
            for row in self._rows(query)
            if not row["goes_on"] or any(row["details"].get(name) for name in MARKS)
        ]

    def recordings(self, call_id: str | None = None, *, limit: int = MAX_ROWS) -> list[RecordingRecord]:
        """Recordings of a call, or all that still have their file; oldest first."""
        columns = schema.recordings.c
        condition = columns.deleted_at.is_(None) if call_id is None else columns.call_id == call_id
        query = sa.select(schema.recordings).where(condition).order_by(columns.started_at).limit(limit)
        return [RecordingRecord(**row) for row in self._rows(query)]

    def recording(self, name: str) -> RecordingRecord | None:
        """The recording of an id."""
        query = sa.select(schema.recordings).where(schema.recordings.c.id == name)
        return next((RecordingRecord(**row) for row in self._rows(query)), None)

    def recording_page(
        self,
        limit: int,
        before: tuple[float, str] | None = None,
        *,
        call_id: str | None = None,
        kind: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> list[RecordingRecord]:
        """Recordings that have their files, newest first: of a call, of a kind, begun at or after `since` and before
        `until`, after the one that began at a time and has an id (`before`)."""
        columns = schema.recordings.c
        query = (
            sa.select(schema.recordings)
            .where(columns.deleted_at.is_(None))
            .order_by(columns.started_at.desc(), columns.id.desc())
            .limit(min(limit, MAX_ROWS))
        )
        if before is not None:
            at, name = before
            query = query.where((columns.started_at < at) | ((columns.started_at == at) & (columns.id < name)))
        for column, wanted in ((columns.call_id, call_id), (columns.kind, kind)):
            if wanted is not None:
                query = query.where(column == wanted)
        if since is not None:
            query = query.where(columns.started_at >= since)
        if until is not None:
            query = query.where(columns.started_at < until)
        return [RecordingRecord(**row) for row in self._rows(query)]

    def last_short_id(self) -> int:
        """The highest short id given out; 0 in an empty store."""
        for row in self._rows(sa.select(sa.func.max(schema.calls.c.short_id).label("last"))):
            return int(row["last"] or 0)
        return 0

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _rows(self, query: sa.Select[Any]) -> Iterable[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).mappings().all()
        except SQLAlchemyError as error:
            raise StoreError(f"the records cannot be read: {getattr(error, 'orig', None) or error}") from error
