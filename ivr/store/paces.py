"""Moments that calls of a pace were given, so that none is given twice over a restart. The writer adds and forgets."""

from __future__ import annotations

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["PaceTable"]


class PaceTable(Table):
    """The table `pace_slots`. Every method blocks; StoreError where the store cannot be used."""

    def all(self) -> dict[str, list[int]]:
        """By pace, microseconds since the epoch, in order of time."""
        found: dict[str, list[int]] = {}
        column = schema.pace_slots.c
        for row in self._rows(sa.select(schema.pace_slots).order_by(column.pace, column.at)):
            found.setdefault(row["pace"], []).append(row["at"])
        return found
