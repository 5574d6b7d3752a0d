"""Events on their way to other systems, for as long as they are not delivered, and those that were given up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, insert_missing

__all__ = ["DeliveryTable", "KeptDelivery"]

_COLUMN = schema.deliveries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelivery:
    """One of them."""

    number: int
    """Grows in the order in which they were made, for each endpoint."""
    endpoint: str
    """Who gets it: `webhooks/crm`."""
    id: str
    """Unique for the endpoint."""
    lane: str
    """Those of one lane go in order: id of the call."""
    type: str
    url: str | None
    content_type: str
    body: str
    made_at: float
    """Seconds since the epoch."""
    attempts: int
    """Tries that failed."""
    next_at: float
    """No try before."""
    dead_at: float | None
    """When it was given up; None: it is still tried."""
    problem: str | None
    """Why the last try failed."""


class DeliveryTable(Table):
    """The table `deliveries`. Every method blocks; StoreError where the store cannot be used."""

    def book(
        self,
        new: Sequence[Mapping[str, Any]],
        changed: Sequence[Mapping[str, Any]],
        gone: Collection[tuple[str, str]],
    ) -> None:
        """In one transaction: add rows, unless they are there; change times, `attempts` and `problem` of others;
        delete some, by endpoint and id."""
        key = (_COLUMN.endpoint == sa.bindparam("b_endpoint")) & (_COLUMN.id == sa.bindparam("b_id"))
        with self._begin() as connection:
            if new:
                insert_missing(connection, schema.deliveries, list(new))
            if changed:
                names = ("made_at", "attempts", "next_at", "dead_at", "problem")
                rows = [
                    {"b_endpoint": row["endpoint"], "b_id": row["id"], **{name: row[name] for name in names}}
                    for row in changed
                ]
                connection.execute(schema.deliveries.update().where(key), rows)
            if gone:
                rows = [{"b_endpoint": endpoint, "b_id": id_} for endpoint, id_ in gone]
                connection.execute(schema.deliveries.delete().where(key), rows)

    def waiting(self) -> list[KeptDelivery]:
        """All that are still to be delivered, in order."""
        query = sa.select(schema.deliveries).where(_COLUMN.dead_at.is_(None)).order_by(_COLUMN.number)
        return [KeptDelivery(**row) for row in self._rows(query)]

    def dead(self, endpoint: str, limit: int, after: int = 0, ids: Collection[str] | None = None) -> list[KeptDelivery]:
        """Those that were given up, the oldest first, with higher numbers than `after`; those of some ids alone."""
        condition = (_COLUMN.endpoint == endpoint) & _COLUMN.dead_at.is_not(None) & (_COLUMN.number > after)
        if ids is not None:
            condition &= _COLUMN.id.in_(ids)
        query = sa.select(schema.deliveries).where(condition).order_by(_COLUMN.number).limit(limit)
        return [KeptDelivery(**row) for row in self._rows(query)]

    def dead_counts(self) -> dict[str, int]:
        """How many were given up, by endpoint."""
        query = (
            sa.select(_COLUMN.endpoint, sa.func.count().label("count"))
            .where(_COLUMN.dead_at.is_not(None))
            .group_by(_COLUMN.endpoint)
        )
        return {row["endpoint"]: int(row["count"]) for row in self._rows(query)}

    def forget(self, endpoint: str, ids: Collection[str] | None = None) -> int:
        """Delete those that were given up, or some of them; how many."""
        condition = (_COLUMN.endpoint == endpoint) & _COLUMN.dead_at.is_not(None)
        if ids is not None:
            condition &= _COLUMN.id.in_(ids)
        with self._begin() as connection:
            return connection.execute(schema.deliveries.delete().where(condition)).rowcount

    def prune(self, before: float, keep: int) -> int:
        """Delete those that were given up before a moment (seconds since the epoch), and of each endpoint all but the
        newest so many; how many."""
        deleted = 0
        with self._begin() as connection:
            old = _COLUMN.dead_at < before
            deleted += connection.execute(schema.deliveries.delete().where(old)).rowcount
        for endpoint, count in self.dead_counts().items():
            if count <= keep:
                continue
            edge = (
                sa.select(_COLUMN.number)
                .where(_COLUMN.endpoint == endpoint, _COLUMN.dead_at.is_not(None))
                .order_by(_COLUMN.number.desc())
                .offset(keep)
                .limit(1)
                .scalar_subquery()
            )
            old = (_COLUMN.endpoint == endpoint) & _COLUMN.dead_at.is_not(None) & (_COLUMN.number <= edge)
            with self._begin() as connection:
                deleted += connection.execute(schema.deliveries.delete().where(old)).rowcount
        return deleted
