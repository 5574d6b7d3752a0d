"""What became of a call, in the order of time: made of its record, also while it is not complete. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["timeline"]

MOMENTS = {"started_at": "started", "ringing_at": "ringing", "answered_at": "answered", "ended_at": "ended"}
ORDER = ("started", "ringing", "left", "entered", "digits", "hand_off", "answered", "ended")
"""Of what has one time."""
NAMED = ("element", "flow", "type", "entered_at", "left_at")
"""Of a step, what stands in the entry itself or says when it was."""


def timeline(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries of a call's record: `at` (seconds since the epoch), `seconds` (since the call began), `what`, `element`,
    `flow`, and `data` with what else is known of it."""
    began = float(record.get("started_at") or 0.0)
    found = sorted(_entries(record), key=lambda entry: (entry["at"], ORDER.index(entry["what"])))
    return [{**entry, "seconds": round(max(0.0, entry["at"] - began), 3)} for entry in found]


def _entries(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, what in MOMENTS.items():
        if record.get(name) is not None:
            yield _entry(record[name], what, {"cause": record.get("cause")} if what == "ended" else {})
    for step in record.get("path") or ():
        place = {"element": step.get("element"), "flow": step.get("flow") or record.get("flow")}
        if step.get("entered_at") is not None:
            yield _entry(step["entered_at"], "entered", {"type": step.get("type")}, place)
        if step.get("left_at") is not None:
            yield _entry(step["left_at"], "left", {key: step[key] for key in step if key not in NAMED}, place)
    for what, rows in (("digits", record.get("digits")), ("hand_off", record.get("hand_offs"))):
        for row in rows or ():
            at = row.get("at", row.get("ended_at"))
            if isinstance(at, (int, float)) and at >= float(record.get("started_at") or 0.0):
                yield _entry(at, what, dict(row))


def _entry(at: float, what: str, data: Mapping[str, Any], place: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"at": float(at), "what": what, "element": None, "flow": None, **(place or {}), "data": dict(data)}
