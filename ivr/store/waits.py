"""Flows without a caller that wait, as snapshots: each is there until it is over, and one process at a time has it.

put      the flow waits (again)                the row is there for whoever takes it
take     it goes on                            the row stays, marked: who dies now leaves it to the next start
book     it is about to call somebody          the row says so: who takes it up after a crash does not call again
finish   it is over, or waits no more          the row goes
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.errors import StoreError
from ivr.store import schema
from ivr.store.access import Table, upsert
from ivr.store.records import STATUS_CALLBACK

__all__ = ["KeptWait", "WaitTable", "put_wait"]

_WAIT = schema.waits.c


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWait:
    """One flow that waits."""

    id: str
    """Unique over all nodes and time; the same as long as the flow runs."""
    call_id: str
    """Its record."""
    node: str
    """Process that it belongs to."""
    flow: str
    """Flow that waits."""
    version: int
    """Number of its version."""
    snapshot: dict[str, Any]
    """The flow's state."""
    events: list[str]
    """Names of the events that it waits for."""
    after_event: int
    """Number of the last event that it need not see."""
    wake_at: float | None
    """When it is to go on without an event; seconds since the epoch."""
    created_at: float
    """When it began to run without a caller."""
    last_step_at: float
    """When it last took a step."""


_COLUMNS = [column for column in schema.waits.columns if column.name != "taken_at"]


class WaitTable(Table):
    """The table `waits`. Every method blocks; StoreError where the store cannot be used."""

    def begin(self, node: str) -> list[KeptWait]:
        """What a process starts with: all its waits, of their snapshots only what they wait for. What an earlier run
        had taken is free."""
        mine = _WAIT.node == node
        with self._begin() as connection:
            connection.execute(schema.waits.update().where(mine, _WAIT.taken_at.is_not(None)).values(taken_at=None))
        columns: list[sa.ColumnElement[Any]] = [column for column in _COLUMNS if column.name != "snapshot"]
        waits: sa.ColumnElement[Any] = _WAIT.snapshot[("machine", "waits")].label("waits")
        query = sa.select(*columns).where(mine).order_by(_WAIT.created_at)
        try:
            rows = [dict(row) for row in self._rows(query.add_columns(waits))]
        except StoreError:  # one snapshot that is damaged must not hold up the others
            rows = [dict(row) for row in self._rows(query)]
        found = [(row.pop("waits", None), row) for row in rows]
        return [KeptWait(**row, snapshot={"machine": {"waits": kept or []}}) for kept, row in found]

    def watched(self, node: str) -> dict[str, Any]:
        """Who wants to hear how calls of a process fare that are not over yet (`STATUS_CALLBACK`), by the id of the
        call."""
        text = sa.cast(_WAIT.snapshot, sa.Text)
        query = sa.select(_WAIT.call_id, _WAIT.snapshot).where(_WAIT.node == node, text.like(f'%"{STATUS_CALLBACK}"%'))
        rows = ((row["call_id"], row["snapshot"].get("record", {}).get("details", {})) for row in self._rows(query))
        return {name: details[STATUS_CALLBACK] for name, details in rows if STATUS_CALLBACK in details}

    def change(
        self,
        puts: Iterable[KeptWait],
        finished: Collection[str],
        booked: Iterable[KeptWait] = (),
        also: Iterable[Callable[[sa.Connection], None]] = (),
    ) -> None:
        """Flows wait, and others are over; in one transaction. Of those `booked`, which run, only the snapshot changes;
        `also` writes what belongs to it."""
        booked = list(booked)
        # Who is about to be called must not be called again, whatever happens.
        with self._begin(durable=bool(booked)) as connection:
            for wait in puts:
                put_wait(connection, wait)
            for wait in booked:
                connection.execute(schema.waits.update().where(_WAIT.id == wait.id).values(snapshot=wait.snapshot))
            for write in also:
                write(connection)
            if finished:
                connection.execute(schema.waits.delete().where(_WAIT.id.in_(finished)))

    def add(self, wait: KeptWait) -> Mapping[str, Any] | None:
        """Keep a flow that is to begin; None once it is there. Where there is one with its id, or a record of its call,
        it is not the first time that somebody asks: the details of that record, and nothing changes."""
        calls = schema.calls.c
        with self._begin() as connection:
            known = connection.execute(sa.select(_WAIT.snapshot).where(_WAIT.id == wait.id)).scalar_one_or_none()
            if known is not None:
                return dict(known.get("record", {}).get("details", {}))
            details = connection.execute(sa.select(calls.details).where(calls.id == wait.call_id)).scalar_one_or_none()
            if details is not None:
                return dict(details)
            put_wait(connection, wait)
            return None

    def of_call(self, call_id: str) -> KeptWait | None:
        """The flow that waits or runs for a call that is not over, by the id of its record."""
        rows = self._rows(sa.select(*_COLUMNS).where(_WAIT.call_id == call_id).limit(1))
        return next((KeptWait(**row) for row in rows), None)

    def take(self, ids: Collection[str], now: float) -> list[KeptWait]:
        """Those of some waits that nobody else has taken; they are this process's now."""
        with self._begin() as connection:
            rows = connection.execute(
                schema.waits.update()
                .where(_WAIT.id.in_(ids), _WAIT.taken_at.is_(None))
                .values(taken_at=now)
                .returning(*_COLUMNS)
            ).mappings()
            return [KeptWait(**row) for row in rows]

    def count(self) -> int:
        """Flows that wait or are on their way."""
        return next(
            int(row["number"])
            for row in self._rows(sa.select(sa.func.count().label("number")).select_from(schema.waits))
        )


def put_wait(connection: sa.Connection, wait: KeptWait) -> None:
    """Keep a wait as it is now, for whoever takes it."""
    row = {name: getattr(wait, name) for name in KeptWait.__slots__}
    upsert(connection, schema.waits, {**row, "taken_at": None})
