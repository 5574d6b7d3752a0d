"""Campaigns: whom a flow calls, what became of it, and in which state the whole is.

draft -> running <-> paused        cancelled from each of them
         running -> finished       when no contact waits and none is being called; `retry` makes it run again
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["CAMPAIGN_STATES", "Campaign", "CampaignState", "CampaignTable", "Figures", "NewCampaign", "drop_row"]

CampaignState = Literal["draft", "running", "paused", "finished", "cancelled"]
CAMPAIGN_STATES: tuple[CampaignState, ...] = ("draft", "running", "paused", "finished", "cancelled")

BATCH = 2000
"""Contacts that one transaction changes: 50 ms, so that calls' records need not wait."""

_CAMPAIGN = schema.campaigns.c
_CONTACT = schema.contacts.c


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCampaign:
    """A campaign that is to be made."""

    name: str
    """For people."""
    flow: str
    """Flow that calls the contacts."""
    node: str
    """Process that runs it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What it has of its own: speed, window, line..., as JSON."""
    key: str | None = None
    """Idempotency key of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign. Times are seconds since the epoch."""

    id: int
    """Grows with every campaign."""
    key: str | None
    """Idempotency key of the request that made it."""
    name: str
    """For people."""
    flow: str
    """Flow that calls the contacts."""
    node: str
    """Process that runs it."""
    state: CampaignState
    """Where it is."""
    options: dict[str, Any]
    """What it has of its own."""
    duplicates: int
    """Numbers that came more than once: each is one contact."""
    bad: int
    """Rows of audiences that were left out."""
    created_at: float
    started_at: float | None
    """When it first ran."""
    ended_at: float | None
    """When it was finished or cancelled."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a campaign is."""

    states: Mapping[str, int]
    """Contacts by state."""
    results: Mapping[str, int]
    """Contacts that are done, by result."""
    attempts: int
    """Calls that those who are done took."""

    @property
    def contacts(self) -> int:
        """All of them."""
        return sum(self.states.values())


class CampaignTable(Table):
    """The table `campaigns`. Every method blocks; StoreError where the store cannot be used."""

    def add(self, new: NewCampaign, now: float) -> tuple[Campaign, bool]:
        """Make a campaign, in state draft; the one that has its key already, and whether it is new."""
        with self._begin() as connection:
            if new.key is not None:
                query = sa.select(schema.campaigns).where(_CAMPAIGN.key == new.key)
                known = connection.execute(query).mappings().one_or_none()
                if known is not None:
                    return Campaign(**known), False
            values = {name: getattr(new, name) for name in NewCampaign.__slots__}
            values |= {"options": dict(new.options), "state": "draft", "duplicates": 0, "bad": 0, "created_at": now}
            row = connection.execute(schema.campaigns.insert().values(**values).returning(schema.campaigns))
            return Campaign(**row.mappings().one()), True

    def get(self, key: int) -> Campaign | None:
        """The campaign of an id."""
        return next(iter(self._found(sa.select(schema.campaigns).where(_CAMPAIGN.id == key))), None)

    def page(self, limit: int, before: int | None = None) -> list[Campaign]:
        """Campaigns, newest first, those with lower ids than `before`."""
        query = sa.select(schema.campaigns).order_by(_CAMPAIGN.id.desc()).limit(limit)
        return self._found(query if before is None else query.where(_CAMPAIGN.id < before))

    def of_node(self, node: str, states: Collection[str]) -> list[Campaign]:
        """Campaigns of a process that are in some states, oldest first."""
        query = sa.select(schema.campaigns).where(_CAMPAIGN.node == node, _CAMPAIGN.state.in_(states))
        return self._found(query.order_by(_CAMPAIGN.id))

    def move(self, key: int, to: CampaignState, allowed: Collection[str], now: float) -> Campaign | None:
        """Put a campaign into a state, from some; as it is now, None where it is not in any of them."""
        values: dict[str, Any] = {"state": to, "ended_at": now if to in ("finished", "cancelled") else None}
        if to == "running":
            values["started_at"] = sa.func.coalesce(_CAMPAIGN.started_at, now)
        change = schema.campaigns.update().where(_CAMPAIGN.id == key, _CAMPAIGN.state.in_(allowed))
        if to == "finished":
            open_ = _CONTACT.state.in_(("waiting", "running"))
            change = change.where(~sa.exists().where(_CONTACT.campaign == key, open_))
        with self._begin() as connection:
            row = connection.execute(change.values(**values).returning(schema.campaigns)).mappings().one_or_none()
            return None if row is None else Campaign(**row)

    def delete(self, key: int) -> None:
        """Forget a campaign and its contacts."""
        query = sa.select(_CONTACT.id).where(_CONTACT.campaign == key).limit(BATCH)
        for _ in self._batches(query, lambda c, ids: c.execute(schema.contacts.delete().where(_CONTACT.id.in_(ids)))):
            pass
        with self._begin() as connection:
            connection.execute(schema.campaigns.delete().where(_CAMPAIGN.id == key))

    def forget(self, before: float) -> int:
        """Delete campaigns that ended before a moment, seconds since the epoch, with their contacts; how many."""
        busy = sa.exists().where(_CONTACT.campaign == _CAMPAIGN.id, _CONTACT.state == "running")
        ended = sa.select(_CAMPAIGN.id).where(_CAMPAIGN.ended_at < before, ~busy)
        found = [row["id"] for row in self._rows(ended)]
        for key in found:
            self.delete(key)
        return len(found)

    def figures(self, key: int) -> Figures:
        """How far a campaign is: 30 ms for 100,000 contacts."""
        columns = (_CONTACT.state, _CONTACT.result)
        query = sa.select(*columns, sa.func.count().label("number"), sa.func.sum(_CONTACT.attempts).label("attempts"))
        rows = self._rows(query.where(_CONTACT.campaign == key).group_by(*columns))
        states = dict.fromkeys(("waiting", "running", "done"), 0)
        results: dict[str, int] = {}
        for row in rows:
            states[row["state"]] += row["number"]
            if row["state"] == "done":
                results[row["result"]] = results.get(row["result"], 0) + row["number"]
        return Figures(states, results, sum(int(row["attempts"] or 0) for row in rows if row["state"] == "done"))

    def end_waiting(self, key: int, result: str, now: float) -> int:
        """Contacts that wait are done, none of them called; how many."""
        query = sa.select(_CONTACT.id).where(_CONTACT.campaign == key, _CONTACT.state == "waiting").limit(BATCH)
        values = {"state": "done", "result": result, "changed_at": now}
        change = schema.contacts.update().values(**values)
        return sum(self._batches(query, lambda c, ids: c.execute(change.where(_CONTACT.id.in_(ids)))))

    def again(self, key: int, results: Collection[str], now: float) -> int:
        """Contacts that are done with some results wait again; how many."""
        done = (_CONTACT.campaign == key) & (_CONTACT.state == "done") & _CONTACT.result.in_(results)
        values = {"state": "waiting", "result": None, "wait_id": None, "changed_at": now}
        change = schema.contacts.update().values(**values)
        query = sa.select(_CONTACT.id).where(done).limit(BATCH)
        return sum(self._batches(query, lambda c, ids: c.execute(change.where(_CONTACT.id.in_(ids)))))

    def _batches(self, query: sa.Select[Any], act: Any) -> Iterator[int]:
        """Do something with what a query finds until it finds nothing more; how many, batch by batch."""
        while True:
            with self._begin() as connection:
                ids = list(connection.execute(query).scalars())
                if ids:
                    act(connection, ids)
            yield len(ids)
            if len(ids) < BATCH:
                return

    def _found(self, query: sa.Select[Any]) -> list[Campaign]:
        return [Campaign(**row) for row in self._rows(query)]


def drop_row(connection: sa.Connection, row: str, now: float) -> None:
    """A flow that sleeps is to go no further: its record says so. Before its row goes, in the same transaction."""
    call = sa.select(schema.waits.c.call_id).where(schema.waits.c.id == row).scalar_subquery()
    column = schema.calls.c
    change = schema.calls.update().where(column.id == call, column.cause.is_(None))
    connection.execute(change.values(cause="ended_by_api", ended_at=now))
