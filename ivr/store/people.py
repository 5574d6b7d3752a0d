"""What is known of people: profiles, and who is not to be called."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, insert_missing
from ivr.store.texts import storable

__all__ = ["Blocked", "People", "Profile", "number_key"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a number."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """By name; JSON values."""
    sensitive: frozenset[str] = frozenset()
    """Fields that must stand in no log, trace or report."""

    def changed(self, changes: Mapping[str, Any], sensitive: Collection[str]) -> Profile:
        """With changes, of which None takes a field away. Beyond :data:`MAX_PROFILE_FIELDS` no new ones are kept."""
        fields, secret = dict(self.fields), set(self.sensitive)
        for name, value in changes.items():
            secret.discard(name)
            if value is None:
                fields.pop(name, None)
            elif name in fields or len(fields) < MAX_PROFILE_FIELDS:
                fields[name] = value
                if name in sensitive:
                    secret.add(name)
        return Profile(fields, frozenset(secret))


MAX_PROFILE_FIELDS = 200
"""Of one person: a flow that makes up names must not fill the store."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number on the do-not-contact list."""

    number: str
    """As flows wrote it."""
    reason: str
    """For people who read the list."""
    added_at: float
    """Seconds since the epoch."""


def number_key(number: str) -> str:
    """A number as it is kept and looked for."""
    return storable(number, 256)


_ON_LIST = schema.do_not_contact.c.removed_at.is_(None)


class People(Table):
    """The tables `profiles` and `do_not_contact`. Changes that calls make go through the writer; those of many numbers,
    and of who waits for them, are made here. Every method blocks."""

    def profile(self, number: str) -> Profile:
        """What is known of a number; nothing where it is not known at all."""
        columns = schema.profiles.c
        rows = self._rows(sa.select(columns.fields, columns.sensitive).where(columns.number == number_key(number)))
        return next((Profile(row["fields"], frozenset(row["sensitive"])) for row in rows), Profile())

    def forget(self, number: str) -> bool:
        """Forget what is known of a number; whether anything was."""
        column = schema.profiles.c.number
        with self._begin() as connection:
            return connection.execute(schema.profiles.delete().where(column == number_key(number))).rowcount > 0

    def entry(self, *numbers: str) -> Blocked | None:
        """Where a number, in one of these forms, stands on the do-not-contact list; None: it does not."""
        query = sa.select(*_ENTRY).where(schema.do_not_contact.c.number.in_(map(number_key, numbers)), _ON_LIST)
        return next((Blocked(**row) for row in self._rows(query)), None)

    def blocked(self, number: str) -> bool:
        """Whether a number is on the do-not-contact list."""
        return self.entry(number) is not None

    def changed_at(self, *numbers: str) -> tuple[bool, float]:
        """Whether a number, in one of these forms, is on the list, and since when, seconds since the epoch; 0: it never
        was."""
        columns = schema.do_not_contact.c
        query = sa.select(columns.added_at, columns.removed_at).where(columns.number.in_(map(number_key, numbers)))
        return max(((row["removed_at"] is None, row["added_at"]) for row in self._rows(query)), default=(False, 0.0))

    def do_not_contact(self, after: str = "", limit: int | None = None) -> list[Blocked]:
        """The do-not-contact list: all of it by time, or so many by number, those after a number."""
        query = sa.select(*_ENTRY).where(_ON_LIST)
        if limit is None:
            query = query.order_by(schema.do_not_contact.c.added_at)
        else:
            number = schema.do_not_contact.c.number
            query = query.where(number > after).order_by(number).limit(limit)
        return [Blocked(**row) for row in self._rows(query)]

    def block(self, numbers: Collection[str], reason: str, now: float) -> int:
        """Put numbers on the list, unless they stand there; how many are new."""
        keys = list(dict.fromkeys(number_key(number) for number in numbers))
        column, text = schema.do_not_contact.c.number, storable(reason, 1000)
        new = 0
        for first in range(0, len(keys), LIST_BATCH):
            part = keys[first : first + LIST_BATCH]
            with self._begin() as connection:
                # A tombstone makes way for a new entry.
                connection.execute(schema.do_not_contact.delete().where(column.in_(part), ~_ON_LIST))
                rows = [{"number": number, "reason": text, "added_at": now, "removed_at": None} for number in part]
                new += insert_missing(connection, schema.do_not_contact, rows)
        return new

    def unblock(self, number: str, now: float, *forms: str) -> bool:
        """Take a number off the list, also where it stands there in another form; whether it did."""
        column = schema.do_not_contact.c.number
        change = schema.do_not_contact.update().where(column.in_(map(number_key, (number, *forms))), _ON_LIST)
        with self._begin() as connection:
            return connection.execute(change.values(reason="", added_at=now, removed_at=now)).rowcount > 0


_ENTRY = [column for column in schema.do_not_contact.columns if column.name != "removed_at"]
LIST_BATCH = 500
"""Numbers of one transaction."""
