"""Answers of the HTTP interface that were given to requests with idempotency keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, insert_missing

__all__ = ["AnswerTable", "KeptAnswer"]

_COLUMN = schema.idempotency.c


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What became of a request."""

    hash: str
    """Of the request."""
    at: float
    """When it came, seconds since the epoch."""
    status: int | None
    """Of the answer; None: there is none, the request was broken off."""
    headers: Mapping[str, str]
    body: str | None


class AnswerTable(Table):
    """The table `idempotency`. Every method blocks; StoreError where the store cannot be used."""

    def begin(self, owner: str, key: str, digest: str, at: float) -> KeptAnswer | None:
        """A request with a key begins; what became of the one that had this key before, None: there was none."""
        row = {"owner": owner, "key": key, "hash": digest, "at": at, "status": None, "headers": {}, "body": None}
        names = (_COLUMN.hash, _COLUMN.at, _COLUMN.status, _COLUMN.headers, _COLUMN.body)
        with self._begin() as connection:
            if insert_missing(connection, schema.idempotency, row):
                return None
            found = connection.execute(sa.select(*names).where(_COLUMN.owner == owner, _COLUMN.key == key)).one()
            return KeptAnswer(*found)

    def finish(self, owner: str, key: str, status: int, headers: Mapping[str, Any], body: str | None) -> None:
        """It is answered."""
        change = schema.idempotency.update().where(_COLUMN.owner == owner, _COLUMN.key == key)
        with self._begin() as connection:
            connection.execute(change.values(status=status, headers=dict(headers), body=body))

    def drop(self, owner: str, key: str) -> None:
        """It has done nothing: its key may be used again."""
        with self._begin() as connection:
            connection.execute(schema.idempotency.delete().where(_COLUMN.owner == owner, _COLUMN.key == key))

    def prune(self, before: float, keep: int) -> int:
        """Forget requests that came before a moment, and all but the newest so many; how many."""
        with self._begin() as connection:
            edge = connection.execute(
                sa.select(_COLUMN.at).order_by(_COLUMN.at.desc()).offset(keep).limit(1)
            ).scalar_one_or_none()
            before = before if edge is None else max(before, edge + 1e-6)
            return connection.execute(schema.idempotency.delete().where(_COLUMN.at < before)).rowcount
