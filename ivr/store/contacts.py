"""Contacts of campaigns.

waiting     nobody has called it yet, or it was put back
running     its flow runs or waits: its row in `waits` came with the claim, in one transaction
done        with a result; it is written in the transaction that takes the flow's row away
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, insert_missing
from ivr.store.people import number_key
from ivr.store.waits import KeptWait, put_wait

__all__ = ["RESULTS", "Claimed", "ContactState", "ContactTable", "Loaded", "StoredContact", "book_result"]

ContactState = Literal["waiting", "running", "done"]

RESULTS = {
    "answered": "a person took the call, or somebody of whom it is not known",
    "voicemail": "a machine took the call",
    "no_answer": "it rang, and nobody took it",
    "busy": "busy",
    "declined": "declined",
    "failed": "no call came about",
    "do_not_contact": "the number is on the do-not-contact list: it was not called",
    "interrupted": "the daemon died while this number was being called: it is not known how far that came",
    "expired": "the campaign was over before its turn came: it was not called",
    "cancelled": "the campaign was cancelled before its turn came",
    "not_called": "the flow ended without calling anybody",
}
"""What becomes of a contact."""

_CONTACT = schema.contacts.c
_WAIT = schema.waits.c


@dataclass(frozen=True, slots=True)
class StoredContact:
    """One contact of a campaign."""

    id: int
    """Grows; the order in which they are called."""
    campaign: int
    number: str
    """Normalised."""
    variables: dict[str, Any]
    """What came with it."""
    state: ContactState
    result: str | None
    """Of one that is done: one of RESULTS."""
    attempts: int
    """Calls that it took, once it is done."""
    not_before: float
    """Its window is not open before; seconds since the epoch."""
    wait_id: str | None
    """Its flow's row."""
    changed_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of some rows of an audience."""

    new: int
    """Contacts that are new."""
    duplicates: int
    """Numbers that the campaign has already."""
    blocked: int
    """Of the new ones, those on the do-not-contact list: they are done."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of contacts that were to be called."""

    taken: frozenset[int]
    """They run now, and their flows' rows are there."""
    blocked: frozenset[int]
    """They are on the do-not-contact list, and done."""


class ContactTable(Table):
    """The table `contacts`. Every method blocks; StoreError where the store cannot be used."""

    def load(self, campaign: int, contacts: Iterable[tuple[str, Mapping[str, Any]]], bad: int, now: float) -> Loaded:
        """Add contacts (number, variables), all in one transaction; `bad` rows beside them are counted."""
        rows = [
            {
                "campaign": campaign,
                "number": number_key(number),
                "variables": dict(variables),
                "state": "waiting",
                "attempts": 0,
                "not_before": 0.0,
                "changed_at": now,
            }
            for number, variables in contacts
        ]
        with self._begin() as connection:
            last = connection.execute(sa.select(sa.func.max(_CONTACT.id))).scalar() or 0
            new = insert_missing(connection, schema.contacts, rows) if rows else 0
            blocked = connection.execute(
                schema.contacts.update()
                .where(_CONTACT.id > last, _CONTACT.campaign == campaign, _CONTACT.number.in_(_on_list()))
                .values(state="done", result="do_not_contact")
            ).rowcount
            column = schema.campaigns.c
            counted = {"duplicates": column.duplicates + len(rows) - new, "bad": column.bad + bad}
            connection.execute(schema.campaigns.update().where(column.id == campaign).values(**counted))
        return Loaded(new, len(rows) - new, blocked)

    def waiting(self, campaign: int, limit: int) -> list[StoredContact]:
        """Contacts of a campaign that wait, those first that may be called first, in the order in which they came."""
        query = sa.select(schema.contacts).where(_CONTACT.campaign == campaign, _CONTACT.state == "waiting")
        query = query.order_by(_CONTACT.not_before, _CONTACT.id).limit(limit)
        return [StoredContact(**row) for row in self._rows(query)]

    def put_off(self, opening: Mapping[int, float]) -> None:
        """Contacts that wait are not to be called before their windows open, seconds since the epoch."""
        rows = [{"b_id": key, "b_at": at} for key, at in opening.items()]
        change = schema.contacts.update().where(_CONTACT.id == sa.bindparam("b_id"), _CONTACT.state == "waiting")
        with self._begin() as connection:
            connection.execute(change.values(not_before=sa.bindparam("b_at")), rows)

    def claim(self, wanted: Mapping[int, KeptWait], now: float) -> Claimed:
        """Contacts (by id) get flows that begin for them: their rows, and that they run, are written together.

        Those that do not wait any more, or whose campaign does not run, are left alone.
        """
        with self._begin() as connection:
            column = schema.campaigns.c
            query = (
                sa.select(_CONTACT.id, _CONTACT.number)
                .join(schema.campaigns, column.id == _CONTACT.campaign)
                .where(_CONTACT.id.in_(list(wanted)), _CONTACT.state == "waiting", column.state == "running")
                .with_for_update(of=schema.contacts)
            )
            free = {row.id: row.number for row in connection.execute(query)}
            listed = set(connection.execute(_on_list(free.values())).scalars())
            blocked = frozenset(key for key, number in free.items() if number in listed)
            taken = frozenset(free) - blocked
            if blocked:
                values = {"state": "done", "result": "do_not_contact", "changed_at": now}
                connection.execute(schema.contacts.update().where(_CONTACT.id.in_(list(blocked))).values(**values))
            if taken:
                connection.execute(
                    _CLAIM, [{"b_id": key, "b_wait": wanted[key].id, "changed_at": now} for key in sorted(taken)]
                )
            for key in sorted(taken):
                put_wait(connection, wanted[key])
        return Claimed(taken, blocked)

    def recover(self, node: str, now: float) -> int:
        """Contacts of a process that run, and whose flows have no row any more: nobody knows how far they came."""
        mine = sa.select(schema.campaigns.c.id).where(schema.campaigns.c.node == node)
        lost = (_CONTACT.state == "running") & _CONTACT.campaign.in_(mine)
        lost &= sa.or_(_CONTACT.wait_id.is_(None), _CONTACT.wait_id.not_in(sa.select(_WAIT.id)))
        values = {"state": "done", "result": "interrupted", "changed_at": now}
        with self._begin() as connection:
            return connection.execute(schema.contacts.update().where(lost).values(**values)).rowcount

    def running(self, campaign: int) -> dict[str, int]:
        """Contacts of a campaign that run: flow's row to contact."""
        query = sa.select(_CONTACT.wait_id, _CONTACT.id).where(
            _CONTACT.campaign == campaign, _CONTACT.state == "running"
        )
        return {row["wait_id"]: row["id"] for row in self._rows(query)}

    def page(
        self,
        campaign: int,
        limit: int,
        after: int = 0,
        *,
        state: str | None = None,
        result: str | None = None,
    ) -> list[StoredContact]:
        """Contacts of a campaign, those with higher ids than `after`, of a state and a result where these are given."""
        query = sa.select(schema.contacts).where(_CONTACT.campaign == campaign, _CONTACT.id > after)
        if state is not None:
            query = query.where(_CONTACT.state == state)
        if result is not None:
            query = query.where(_CONTACT.result == result)
        return [StoredContact(**row) for row in self._rows(query.order_by(_CONTACT.id).limit(limit))]


def book_result(connection: sa.Connection, contact: int, wait_id: str, result: str, attempts: int, now: float) -> None:
    """What became of a contact whose flow is over: part of the transaction that takes the flow's row away."""
    mine = (_CONTACT.id == contact) & (_CONTACT.state == "running") & (_CONTACT.wait_id == wait_id)
    values = {"state": "done", "result": result, "attempts": _CONTACT.attempts + attempts, "changed_at": now}
    connection.execute(schema.contacts.update().where(mine).values(**values))


_CLAIM = (
    schema.contacts.update()
    .where(_CONTACT.id == sa.bindparam("b_id"))
    .values(state="running", wait_id=sa.bindparam("b_wait"), changed_at=sa.bindparam("changed_at"))
)


def _on_list(numbers: Collection[str] | None = None) -> sa.Select[tuple[str]]:
    column = schema.do_not_contact.c
    query = sa.select(column.number).where(column.removed_at.is_(None))
    return query if numbers is None else query.where(column.number.in_(list(numbers)))
