"""What waits in the writer's queue: one item for each thing that is told, and the statements of one transaction."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.changes import CHANGES
from ivr.store.records import CallRecord, RecordingRecord
from ivr.store.texts import storable

__all__ = ["Batch", "Item", "call_row", "parse_lines", "recording_row"]

log = logging.getLogger("ivr.store")

Kind = Literal[
    "started", "ended", "recording", "deleted", "flush",
    "profile", "blocked", "unblocked", "event", "completed", "token_used", "paced", "pace_over",
    "center", "center_gone", "disposed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    kind: Kind
    row: dict[str, Any]
    done: threading.Event | None = None
    """Set once everything queued before is in the database or in the spill file."""


@dataclass(slots=True)
class Batch:
    """Rows of one transaction, sorted by statement."""

    inserts: dict[str, dict[str, Any]] = field(default_factory=dict)
    updates: dict[str, dict[str, Any]] = field(default_factory=dict)
    recordings: dict[str, dict[str, Any]] = field(default_factory=dict)
    deletions: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Item] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    """Calls that get rows, and are not over."""
    over: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, items: Iterable[Item], open_calls: Collection[str]) -> Batch:
        """Sort items; `open_calls` are those that have a row already."""
        batch = cls()
        for item in items:
            match item.kind:
                case "started" | "ended":
                    key = item.row["id"]
                    (batch.updates if key in open_calls else batch.inserts)[key] = item.row
                    (batch.over if item.kind == "ended" else batch.begun).add(key)
                case "recording":
                    batch.recordings[item.row["id"]] = item.row
                case "deleted":
                    batch.deletions.append(item.row)
                case "flush":
                    pass
                case _:
                    batch.changes.append(item)
        return batch

    def write(self, connection: sa.Connection) -> None:
        """Execute every statement that has rows."""
        for statement, rows in (
            (_INSERT_CALL, list(self.inserts.values())),
            (_UPDATE_CALL, [{"b_id": key, **row} for key, row in self.updates.items()]),
            (_INSERT_RECORDING, list(self.recordings.values())),
            (_DELETE_RECORDING, self.deletions),
        ):
            if rows:
                connection.execute(statement, rows)
        for item in self.changes:
            CHANGES[item.kind](connection, item.row)


_INSERT_CALL = schema.calls.insert()
_UPDATE_CALL = schema.calls.update().where(schema.calls.c.id == sa.bindparam("b_id"))
_INSERT_RECORDING = schema.recordings.insert()
_DELETE_RECORDING = (
    schema.recordings.update()
    .where(schema.recordings.c.id == sa.bindparam("b_id"))
    .values(deleted_at=sa.bindparam("b_deleted_at"))
)


def call_row(r: CallRecord) -> dict[str, Any]:
    """The row of a record."""
    return {
        "id": r.id,
        "short_id": r.short_id,
        "direction": r.direction,
        "line": storable(r.line, 64),
        "caller": storable(r.caller, 256),
        "called": storable(r.called, 256),
        "sip_call_id": storable(r.sip_call_id, 256),
        "source": r.source,
        "node": r.node,
        "flow": r.flow,
        "flow_version": r.flow_version,
        "flow_number": r.flow_number,
        "started_at": r.started_at,
        "ringing_at": r.ringing_at,
        "answered_at": r.answered_at,
        "ended_at": r.ended_at,
        "cause": r.cause,
        "sip_status": r.sip_status,
        "path": r.path,
        "digits": r.digits,
        "hand_offs": r.hand_offs,
        "quality": r.quality,
        "details": r.details,
    }


def recording_row(r: RecordingRecord) -> dict[str, Any]:
    """The row of a record."""
    return {
        "id": r.id,
        "call_id": r.call_id,
        "kind": r.kind,
        "name": storable(r.name, 256),
        "path": storable(r.path, 4096),
        "started_at": r.started_at,
        "seconds": r.seconds,
        "bytes": r.bytes,
        "reason": r.reason,
        "deleted_at": r.deleted_at,
    }


def parse_lines(lines: Iterable[str]) -> Iterator[Item]:
    """Items of a spill file; what a crash has cut is left out."""
    for line in lines:
        try:
            data = json.loads(line)
            yield Item(data["kind"], data["row"])
        except (ValueError, KeyError, TypeError):
            log.error("a damaged line of the spill file is left out: %.80r", line)  # the end of a file cut by a crash
