"""Records of calls leave by age and by number; before that, what callers did in them may leave."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["Aging"]

BATCH = 500
"""Rows of one transaction: the writer has the database again within some milliseconds."""
BREATH = 0.02
"""Seconds between two, in which it gets its turn."""

_CALL = schema.calls.c


class Aging(Table):
    """Deletes from the tables `calls` and `recordings`. Every method blocks; StoreError where the store cannot be used.

    Calls that are up, calls whose flow goes on without its caller, and the newest call stay: the number of the next one
    is counted from it.
    """

    def forget_calls(self, before: float | None, keep: int | None) -> int:
        """Delete records of calls that began before a moment (seconds since the epoch), and all but the newest so many;
        how many went. Rows of their recordings go where the file has gone."""
        old = self._older(before, keep)
        if old is None:
            return 0

        def delete(connection: sa.Connection, ids: list[str]) -> None:
            rows = schema.recordings.c
            gone = rows.call_id.in_(ids) & rows.deleted_at.is_not(None)
            connection.execute(schema.recordings.delete().where(gone))
            connection.execute(schema.calls.delete().where(_CALL.id.in_(ids)))

        return self._in_batches(old, delete)

    def forget_ways(self, before: float) -> int:
        """Empty what tells of callers' ways in records of calls that began before a moment: path, keys, details, what
        other systems answered. Times, causes, numbers and quality stay. How many were emptied."""
        told = sa.or_(*(sa.cast(column, sa.Text).not_in(("[]", "{}")) for column in (_CALL.path, _CALL.digits)))

        def empty(connection: sa.Connection, ids: list[str]) -> None:
            change = schema.calls.update().where(_CALL.id.in_(ids))
            connection.execute(change.values(path=[], digits=[], details={}))

        return self._in_batches((_CALL.started_at < before) & told, empty)

    def _older(self, before: float | None, keep: int | None) -> sa.ColumnElement[bool] | None:
        conditions: list[sa.ColumnElement[bool]] = []
        if before is not None:
            conditions.append(_CALL.started_at < before)
        if keep is not None:
            query = sa.select(_CALL.short_id.label("edge")).order_by(_CALL.short_id.desc()).offset(keep).limit(1)
            conditions.extend(_CALL.short_id <= row["edge"] for row in self._rows(query))
        return sa.or_(*conditions) if conditions else None

    def _in_batches(self, wanted: sa.ColumnElement[bool], act: Callable[[sa.Connection, list[str]], None]) -> int:
        waiting = sa.select(schema.waits.c.call_id)
        newest = sa.select(sa.func.max(_CALL.short_id)).scalar_subquery()
        query = (
            sa.select(_CALL.id)
            .where(wanted, _CALL.cause.is_not(None), _CALL.id.not_in(waiting), _CALL.short_id != newest)
            .order_by(_CALL.short_id)
            .limit(BATCH)
        )
        count = 0
        while True:
            with self._begin() as connection:
                ids = list(connection.execute(query).scalars())
                if ids:
                    act(connection, ids)
            count += len(ids)
            if len(ids) < BATCH:
                return count
            time.sleep(BREATH)
