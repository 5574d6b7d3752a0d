"""Reports of queues and agents, out of the quarters of an hour that the store keeps.

A quarter belongs to the row in which it began; rows are of the calendar of the configured time zone, so that a day with
the change to summer time has 23 hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, get_args

from ivr.center.rules.figures import LONGEST, agent_json, queue_json

__all__ = ["MAX_ROWS", "STEPS", "Step", "begin_of", "report"]

Step = Literal["15m", "30m", "hour", "day", "month", "all"]
STEPS: tuple[Step, ...] = get_args(Step)
MAX_ROWS = 3000
"""Of one report: a month in quarters of an hour."""

Counts = dict[str, float]


def begin_of(at: float, step: Step, zone: tzinfo) -> float:
    """When the row of a moment begins; seconds since the epoch. `all`: the moment itself."""
    if step == "all":
        return at
    local = datetime.fromtimestamp(at, zone)
    if step in ("15m", "30m", "hour"):
        minutes = {"15m": 15, "30m": 30, "hour": 60}[step]
        # By what has passed of the hour: an hour that comes twice has two rows.
        passed = timedelta(minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond)
        return (local.astimezone(UTC) - passed).timestamp()
    local = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (local.replace(day=1) if step == "month" else local).timestamp()


def report(
    intervals: Iterable[Mapping[str, Any]],
    dispositions: Iterable[Mapping[str, Any]],
    queues: Collection[str],
    agents: Collection[str],
    start: float,
    end: float,
    step: Step,
    zone: tzinfo,
) -> dict[str, Any]:
    """Figures of some queues together, and of each of some agents, from `start` up to before `end`, as JSON: `total`,
    `rows` by time, `dispositions` by name, `agents` (theirs of all queues, but dispositions)."""
    rows: dict[float, Counts] = {}
    total: Counts = {}
    of_agents: dict[str, Counts] = {name: {} for name in agents}
    for interval in intervals:
        at = float(interval["start"])
        if not start <= at < end:
            continue
        row = rows.setdefault(max(begin_of(at, step, zone), start) if step != "all" else start, {})
        for name, counts in interval.get("queues", {}).items():
            if name in queues:
                _add(row, counts)
                _add(total, counts)
        for name, counts in interval.get("agents", {}).items():
            if name in of_agents:
                _add(of_agents[name], counts)
    said, of_said = Counter[str](), {name: Counter[str]() for name in agents}
    for one in dispositions:
        if start <= float(one["at"]) < end and one["queue"] in queues:
            said[one["disposition"]] += 1
            if one["agent"] in of_said:
                of_said[one["agent"]][one["disposition"]] += 1
    return {
        "from": start,
        "to": end,
        "interval": step,
        "total": queue_json(total),
        "rows": [{"start": at, **queue_json(counts)} for at, counts in sorted(rows.items())],
        "dispositions": dict(said),
        "agents": [
            {"agent": name, **agent_json(counts), "dispositions": dict(of_said[name])}
            for name, counts in of_agents.items()
        ],
    }


def _add(counts: Counts, more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            here = counts.get(name, 0)
            counts[name] = max(here, value) if name == LONGEST else here + value
