"""What is known of people: profiles, and who is not to be called."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table
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


class People(Table):
    """The tables `profiles` and `do_not_contact`, read; changes go through the writer. Every method blocks."""

    def profile(self, number: str) -> Profile:
        """What is known of a number; nothing where it is not known at all."""
        columns = schema.profiles.c
        rows = self._rows(sa.select(columns.fields, columns.sensitive).where(columns.number == number_key(number)))
        return next((Profile(row["fields"], frozenset(row["sensitive"])) for row in rows), Profile())

    def blocked(self, number: str) -> bool:
        """Whether a number is on the do-not-contact list."""
        column = schema.do_not_contact.c.number
        return bool(self._rows(sa.select(column).where(column == number_key(number))))

    def do_not_contact(self) -> list[Blocked]:
        """The do-not-contact list, by time."""
        query = sa.select(schema.do_not_contact).order_by(schema.do_not_contact.c.added_at)
        return [Blocked(**row) for row in self._rows(query)]
