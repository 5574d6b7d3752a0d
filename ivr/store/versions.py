"""Versions of flows and which of them are in force.

A version is never changed and never deleted: records and flows that wait name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table, upsert

__all__ = ["FlowState", "FlowVersions", "StateChange", "Version"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one flow."""

    flow: str
    """Name of the flow."""
    number: int
    """Counts the versions of this flow, from 1."""
    hash: str
    """Names its content: the first digits of the SHA-256 of the file."""
    text: str
    """The file."""
    created_at: float
    """When it came in."""
    activated_at: float | None = None
    """When it last became the active one; None: never, or it was rolled back."""
    author: str | None = None
    """Who brought it in."""
    source: str | None = None
    """The file it came from."""
    note: str | None = None
    """What somebody said about it."""


@dataclass(frozen=True, slots=True)
class FlowState:
    """What is in force of one flow."""

    flow: str
    """Its name."""
    active: int | None
    """Version that calls get; None: the flow is not in force."""
    candidate: int | None
    """Version that a share of the calls tries."""
    share: float | None
    """Share of the calls that try the candidate."""
    newest: int
    """Highest number there is."""
    newest_hash: str
    """Hash of that version."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """What is to be in force of one flow from now on."""

    flow: str
    """Its name."""
    active: int | None
    """Version for calls; None takes the flow out of force."""
    candidate: int | None = None
    """Version for a share of them."""
    share: float | None = None
    """Which share."""
    withdrawn: int | None = None
    """Version that nobody is to be led back to: it was rolled back."""


_VERSION = schema.flow_versions.c
_STATE = schema.flow_state.c
_WITHOUT_TEXT = [column for column in schema.flow_versions.columns if column.name != "text"]


class FlowVersions(Table):
    """The tables `flow_versions` and `flow_state`. Every method blocks; StoreError where the store cannot be used."""

    def states(self) -> dict[str, FlowState]:
        """What is in force, by the name of the flow; flows that were in force once are there too."""
        newest = sa.select(_VERSION.flow, sa.func.max(_VERSION.number).label("newest")).group_by(_VERSION.flow)
        found = newest.subquery()
        query = (
            sa.select(
                found.c.flow, _STATE.active, _STATE.candidate, _STATE.share, found.c.newest, _VERSION.hash.label("hash")
            )
            .join(schema.flow_versions, (_VERSION.flow == found.c.flow) & (_VERSION.number == found.c.newest))
            .outerjoin(schema.flow_state, _STATE.flow == found.c.flow)
            .order_by(found.c.flow)
        )
        return {
            row["flow"]: FlowState(
                row["flow"], row["active"], row["candidate"], row["share"], row["newest"], row["hash"]
            )
            for row in self._rows(query)
        }

    def versions(self, flow: str, *, text: bool = False) -> list[Version]:
        """Versions of a flow, oldest first; their texts only where asked for."""
        columns = list(schema.flow_versions.columns) if text else [*_WITHOUT_TEXT, sa.literal("").label("text")]
        query = sa.select(*columns).where(_VERSION.flow == flow).order_by(_VERSION.number)
        return [Version(**row) for row in self._rows(query)]

    def version(self, flow: str, number: int) -> Version | None:
        """One version with its text; None where there is none."""
        query = sa.select(schema.flow_versions).where(_VERSION.flow == flow, _VERSION.number == number)
        return next((Version(**row) for row in self._rows(query)), None)

    def apply(self, new: Iterable[Version], changes: Iterable[StateChange], now: float) -> None:
        """Bring in versions and put changes into force: all of it, or nothing.

        A number that another process gave away meanwhile raises StoreError: read the states again.
        """
        with self._begin() as connection:
            for version in new:
                row = {name: getattr(version, name) for name in Version.__slots__}
                connection.execute(schema.flow_versions.insert(), row)
            for change in changes:
                self._change(connection, change, now)

    def _change(self, connection: sa.Connection, change: StateChange, now: float) -> None:
        query = sa.select(_STATE.active).where(_STATE.flow == change.flow)
        before: Any = connection.execute(query).scalar_one_or_none()
        row = {"active": change.active, "candidate": change.candidate, "share": change.share, "changed_at": now}
        upsert(connection, schema.flow_state, {"flow": change.flow, **row})
        if change.active is not None and change.active != before:
            _mark(connection, change.flow, change.active, now)
        if change.withdrawn is not None:
            _mark(connection, change.flow, change.withdrawn, None)


def _mark(connection: sa.Connection, flow: str, number: int, activated_at: float | None) -> None:
    one = (_VERSION.flow == flow) & (_VERSION.number == number)
    connection.execute(schema.flow_versions.update().where(one).values(activated_at=activated_at))
