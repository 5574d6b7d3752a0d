"""What the contact centre keeps over a restart: one row for each thing, by kind and key. The writer changes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["CenterTable"]


class CenterTable(Table):
    """The table `center_state`. Every method blocks; StoreError where the store cannot be used."""

    def load(self, node: str, *, without: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """What a process kept: by kind, by key, as JSON; `without` some kinds of which there are many."""
        found: dict[str, dict[str, Any]] = {}
        column = schema.center_state.c
        query = sa.select(column.kind, column.key, column.value).where(column.node == node)
        for row in self._rows(query.where(column.kind.not_in(without))):
            found.setdefault(row["kind"], {})[row["key"]] = row["value"]
        return found

    def of_kind(self, node: str, kind: str, since: float = 0.0, limit: int = 10_000) -> dict[str, Any]:
        """Rows of one kind that changed since a time (seconds since the epoch), the oldest change first."""
        column = schema.center_state.c
        query = (
            sa.select(column.key, column.value)
            .where(column.node == node, column.kind == kind, column.changed_at >= since)
            .order_by(column.changed_at, column.key)
            .limit(limit)
        )
        return {row["key"]: row["value"] for row in self._rows(query)}

    def forget(self, node: str, kind: str, before: float) -> int:
        """Delete rows of one kind that did not change since a time (seconds since the epoch); how many."""
        column = schema.center_state.c
        old = (column.node == node, column.kind == kind, column.changed_at < before)
        with self._begin() as connection:
            return int(connection.execute(schema.center_state.delete().where(*old)).rowcount)
