"""Events that came from outside, kept for flows that ask for past ones and for those that slept when they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, insert_new
from ivr.store.waits import KeptWait, put_wait

__all__ = ["EventLog", "KeptEvent", "Taken"]

PAGE = 1000
"""Events of one answer."""

Taken = Literal["new", "known", "other"]
"""An event is new; it is there already; another one has its id."""


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """One event."""

    number: int
    """Grows with every event."""
    id: str
    """As whoever sent it names it."""
    name: str
    """What happened."""
    properties: dict[str, Any]
    """JSON values that came with it."""
    received_at: float
    """Seconds since the epoch."""


_EVENT = schema.events.c


class EventLog(Table):
    """The table `events`. Every method blocks; StoreError where the store cannot be used."""

    def add(
        self, key: str, name: str, properties: dict[str, Any], now: float, starts: Iterable[KeptWait] = ()
    ) -> tuple[KeptEvent, Taken]:
        """Keep an event unless there is one of this id, and with a new one the flows that it starts.

        Gives the event that is kept, and whether it is this one.
        """
        row = {"id": key, "name": name, "properties": properties, "received_at": now}
        with self._begin() as connection:
            fresh = insert_new(connection, schema.events, row, "id")
            query = sa.select(schema.events).where(_EVENT.id == key)
            event = KeptEvent(**connection.execute(query).mappings().one())
            for wait in starts if fresh else ():
                put_wait(connection, wait)
        if fresh:
            return event, "new"
        return event, "known" if (event.name, event.properties) == (name, properties) else "other"

    def last(self) -> int:
        """Number of the newest event; 0 where there is none."""
        return next(int(row["last"] or 0) for row in self._rows(sa.select(sa.func.max(_EVENT.number).label("last"))))

    def after(self, number: int) -> list[KeptEvent]:
        """Events that came after the one of a number, oldest first, a page of them."""
        query = sa.select(schema.events).where(_EVENT.number > number).order_by(_EVENT.number).limit(PAGE)
        return [KeptEvent(**row) for row in self._rows(query)]

    def since(self, name: str, at: float, after: int = 0) -> list[KeptEvent]:
        """Events of one name that came at or after a moment, and after the event of a number, oldest first.

        Of more than a page the newest.
        """
        query = sa.select(schema.events).where(_EVENT.name == name, _EVENT.received_at >= at, _EVENT.number > after)
        rows = self._rows(query.order_by(_EVENT.number.desc()).limit(PAGE))
        return [KeptEvent(**row) for row in reversed(rows)]

    def prune(self, before: float, keep: int) -> int:
        """Forget events older than a moment, and all but the newest so many; how many went."""
        with self._begin() as connection:
            edge = connection.execute(
                sa.select(_EVENT.number).order_by(_EVENT.number.desc()).offset(keep).limit(1)
            ).scalar_one_or_none()
            old = _EVENT.received_at < before
            gone = connection.execute(
                schema.events.delete().where(old if edge is None else old | (_EVENT.number <= edge))
            )
            return gone.rowcount
