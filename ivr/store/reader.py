"""Reading records, for people and reports: `ivr calls`, `ivr trace`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


PARTS = frozenset({"path", "digits", "hand_offs", "quality", "details"})
"""Of a call, kept as JSON."""


def _select(parts: Collection[str]) -> sa.Select[Any]:
    """Calls with these of their parts."""
    return sa.select(*(column for column in schema.calls.c if column.name not in PARTS or column.name in parts))


def _span(before: int | None, since: float | None, until: float | None) -> list[sa.ColumnElement[bool]]:
    """Calls with a short id below `before`, started at or after `since` and before `until`."""
    columns = schema.calls.c
    wanted = (
        (before, columns.short_id.__lt__), (since, columns.started_at.__ge__), (until, columns.started_at.__lt__),
    )  # fmt: skip
    return [compare(value) for value, compare in wanted if value is not None]


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
        parts: Collection[str] = PARTS,
    ) -> list[CallRecord]:
        """Calls, newest first: of a flow, of a cause, started at or after `since` and before `until`, with a short id
        below `before`; those that are `over` alone. Of their `parts` these are read, others are empty: to read them
        all is most of the work, and threads that do it hold up the loop."""
        columns = schema.calls.c
        query = _select(parts).order_by(columns.short_id.desc()).limit(min(limit, MAX_ROWS))
        query = query.where(*_span(before, since, until))
        if flow is not None:
            query = query.where(columns.flow == flow)
        if cause is not None:
            query = query.where(columns.cause == cause)
        if over:
            query = query.where(columns.cause.is_not(None))
        return [CallRecord(**row) for row in self._rows(query)]

    def far_below(
        self, before: int | None, among: int, *, since: float | None = None, until: float | None = None
    ) -> int | None:
        """The lowest short id of so many calls (`among`) of a time, the newest below one; None where there are not as
        many."""
        columns = schema.calls.c
        query = sa.select(columns.short_id).order_by(columns.short_id.desc()).limit(1).offset(among - 1)
        query = query.where(*_span(before, since, until))
        return next((int(row["short_id"]) for row in self._rows(query)), None)

    def calls_naming(
        self,
        names: Iterable[tuple[str, str]],
        *,
        limit: int,
        before: int | None = None,
        least: int | None = None,
        since: float | None = None,
        until: float | None = None,
        caller: str | None = None,
        called: str | None = None,
    ) -> list[CallRecord]:
        """Calls that are over whose way or details hold one of these pairs of key and text, wherever in them, newest
        first, with short ids from `least` to below `before`. The database alone looks at those that do not."""
        columns = schema.calls.c
        texts = [text for key, value in names for text in (f'"{key}":"{value}"', f'"{key}": "{value}"')]
        held = [
            sa.cast(column, sa.Text).contains(text, autoescape=True)
            for column in (columns.path, columns.details)
            for text in texts
        ]
        query = _select(PARTS).where(columns.cause.is_not(None), *_span(before, since, until))
        if least is not None:
            query = query.where(columns.short_id >= least)
        for column, value in ((columns.caller, caller), (columns.called, called)):
            if value is not None:
                query = query.where(column == value)
        query = query.where(sa.or_(*held)).order_by(columns.short_id.desc()).limit(limit)
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
