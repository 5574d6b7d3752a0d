"""What the writer's thread can change besides records: one function for each kind, in the order the changes came.

Each may be applied twice (a spill file that was loaded halfway): the second time changes nothing more. The writer keeps
the order of one process. Of several, who was long without the database may come late: what it knows of the
do-not-contact list does not replace a newer entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import insert_missing, insert_new, upsert
from ivr.store.people import Profile

__all__ = ["CHANGES"]

Row = Mapping[str, Any]


def _profile(connection: sa.Connection, row: Row) -> None:
    column = schema.profiles.c
    query = sa.select(column.fields, column.sensitive).where(column.number == row["number"]).with_for_update()
    found = connection.execute(query).one_or_none()
    known = Profile() if found is None else Profile(found.fields, frozenset(found.sensitive))
    profile = known.changed(row["changes"], row["sensitive"])
    values = {"fields": profile.fields, "sensitive": sorted(profile.sensitive), "updated_at": row["at"]}
    upsert(connection, schema.profiles, {"number": row["number"], **values})


def _blocked(connection: sa.Connection, row: Row) -> None:
    _list(connection, row["number"], {"reason": row["reason"], "added_at": row["at"], "removed_at": None})


def _unblocked(connection: sa.Connection, row: Row) -> None:
    # The entry stays as a tombstone: an older addition that comes late must not put the number on the list again.
    _list(connection, row["number"], {"reason": "", "added_at": row["at"], "removed_at": row["at"]})


def _list(connection: sa.Connection, number: str, values: Row) -> None:
    column = schema.do_not_contact.c
    newer = (column.number == number) & (column.added_at > values["added_at"])
    if connection.execute(sa.select(column.number).where(newer)).first() is None:
        upsert(connection, schema.do_not_contact, {"number": number, **values})


def _paced(connection: sa.Connection, row: Row) -> None:
    insert_missing(connection, schema.pace_slots, row)


def _pace_over(connection: sa.Connection, row: Row) -> None:
    column = schema.pace_slots.c
    connection.execute(schema.pace_slots.delete().where(column.pace == row["pace"], column.at < row["before"]))


def _event(connection: sa.Connection, row: Row) -> None:
    insert_new(connection, schema.events, row, "id")


_OF_CALLS_PLACED = (
    "direction", "line", "caller", "called", "sip_call_id", "source", "ringing_at", "answered_at", "ended_at", "cause",
    "sip_status", "hand_offs", "quality",
)  # fmt: skip
"""What the record of a run that calls somebody says of its last call."""


def _completed(connection: sa.Connection, row: Row) -> None:
    changes = {name: row[name] for name in ("path", "digits", "details")}
    if row["direction"] == "outbound":
        changes.update({name: row[name] for name in _OF_CALLS_PLACED})
        upsert(connection, schema.calls, row, changes)
        return
    for name in ("cause", "ended_at"):  # of a call these are known when it ends, and stay
        if row[name] is not None:
            changes[name] = sa.func.coalesce(schema.calls.c[name], row[name])
    upsert(connection, schema.calls, row, changes)


def _token_used(connection: sa.Connection, row: Row) -> None:
    connection.execute(schema.tokens.update().where(schema.tokens.c.id == row["id"]).values(last_used=row["at"]))


def _center(connection: sa.Connection, row: Row) -> None:
    upsert(connection, schema.center_state, row)


def _center_gone(connection: sa.Connection, row: Row) -> None:
    column = schema.center_state.c
    named = (column.node == row["node"], column.kind == row["kind"], column.key == row["key"])
    connection.execute(schema.center_state.delete().where(*named))


def _disposed(connection: sa.Connection, row: Row) -> None:
    column = schema.calls.c
    query = sa.select(column.hand_offs).where(column.id == row["id"]).with_for_update()
    found = connection.execute(query).scalar_one_or_none() or []
    for hand_off in reversed(found):
        if hand_off.get("agent") == row["agent"] and str(hand_off.get("target")).startswith("queue:"):
            hand_off["disposition"] = row["disposition"]
            connection.execute(schema.calls.update().where(column.id == row["id"]).values(hand_offs=found))
            return


CHANGES: Mapping[str, Callable[[sa.Connection, Row], None]] = {
    "profile": _profile,
    "blocked": _blocked,
    "unblocked": _unblocked,
    "paced": _paced,
    "pace_over": _pace_over,
    "event": _event,
    "completed": _completed,
    "token_used": _token_used,
    "center": _center,
    "center_gone": _center_gone,
    "disposed": _disposed,
}
