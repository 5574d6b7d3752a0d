"""What is known of people: profiles, and who is not to be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["Blocked", "People"]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number on the do-not-contact list."""

    number: str
    """As flows wrote it."""
    reason: str
    """For people who read the list."""
    added_at: float
    """Seconds since the epoch."""


class People(Table):
    """The tables `profiles` and `do_not_contact`, read; changes go through the writer. Every method blocks."""

    def profile(self, number: str) -> dict[str, Any]:
        """The fields known of a number; none where it is not known at all."""
        query = sa.select(schema.profiles.c.fields).where(schema.profiles.c.number == number)
        return next((dict(row["fields"]) for row in self._rows(query)), {})

    def blocked(self, number: str) -> bool:
        """Whether a number is on the do-not-contact list."""
        column = schema.do_not_contact.c.number
        return bool(self._rows(sa.select(column).where(column == number)))

    def do_not_contact(self) -> list[Blocked]:
        """The do-not-contact list, by time."""
        query = sa.select(schema.do_not_contact).order_by(schema.do_not_contact.c.added_at)
        return [Blocked(**row) for row in self._rows(query)]
