"""Queues, agents and reports as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ivr.cli.watching import Part

__all__ = ["agents_table", "callbacks_table", "explained", "queue_told", "queues_table", "report_table"]

Found = Mapping[str, Any]


def queues_table(found: Found) -> Iterator[Part]:
    """All queues."""
    head = (
        "queue",
        "open",
        "waiting",
        "longest",
        "talking",
        "free",
        "logged in",
        "today",
        "answered",
        "abandoned",
        "level",
    )
    yield head, [_queue_row(queue) for queue in found["queues"]]


def _queue_row(queue: Found) -> tuple[str, ...]:
    now = queue["now"]
    today = now["today"]
    return (
        queue["id"],
        "yes" if now["open"] else "no",
        str(now["waiting"]) + (f" +{now['callbacks']} to call back" if now["callbacks"] else ""),
        _time(now["longest_wait"]) if now["waiting"] else "",
        str(now["talking"]),
        str(now["agents"]["free"]),
        f"{now['agents']['logged_in']}/{now['agents']['all']}",
        str(today["offered"]),
        str(today["answered"]),
        str(today["abandoned"]),
        _level(today["service_level"], now["target"]),
    )


def queue_told(found: Found) -> Iterator[Part]:
    """One queue with its callers."""
    now, today = found["now"], found["now"]["today"]
    agents = now["agents"]
    yield f"{found['name']} ({found['id']}): {'open' if now['open'] else 'closed'}, agents by {now['order']}"
    estimate = "" if now["estimate"] is None else f", who joins now waits about {_time(now['estimate'])}"
    yield f"{now['waiting']} wait, {now['talking']} talk, {now['callbacks']} are called back{estimate}"
    yield (
        f"{agents['logged_in']} of {agents['all']} agents are logged in: {agents['free']} free, {agents['ringing']} "
        f"ringing, {agents['in_call']} in calls, {agents['wrapping']} wrapping up"
    )
    wait, level = _time(today["mean_wait_seconds"]), _level(today["service_level"], now["target"])
    answered = f"{today['answered']} answered" + (f" after {wait} on average" if wait else "")
    level = f"; level {level}" if level else ""
    yield f"today {today['offered']} calls, {answered}, {today['abandoned']} abandoned{level}"
    if found["callers"]:
        yield ""
        yield from _callers(found["callers"])


def _callers(rows: list[Found]) -> Iterator[Part]:
    head = ("place", "call", "state", "waited", "priority", "agent", "route")
    yield (
        head,
        [
            (
                "" if row["position"] is None else str(row["position"]),
                _called(row),
                row["state"].replace("_", " "),
                _time(row["waited"]),
                str(row["priority"]),
                ", ".join(row["agents"]),
                row["route"],
            )
            for row in rows
        ],
    )


def _called(row: Found) -> str:
    """A call as people say it; a call back by its id, which cancels it."""
    return str(row.get("short_id") or row["caller"] or f"({row['callback']})")


def agents_table(found: Found) -> Iterator[Part]:
    """Agents."""
    head = ("agent", "name", "status", "does", "for", "phone", "calls today", "occupancy", "no call because")
    rows = []
    for agent in found["agents"]:
        now = agent["now"]
        phones = agent["desk"] or ", ".join(agent["settings"]["phones"])
        rows.append(
            (
                agent["id"],
                agent["name"],
                now["status"],
                f"{now['phase'].replace('_', ' ')} {_time(now['since_seconds'])}",
                now["queue"],
                phones if now["reachable"] else f"{phones} (not there)",
                str(now["calls_today"]),
                _percent(now["today"]["occupancy"]),
                now["why_not"] or "",
            )
        )
    yield (head, rows) if rows else "no agents"


def callbacks_table(found: Found) -> Iterator[Part]:
    """Who is called back."""
    if not found["callbacks"]:
        yield "nobody is called back"
        return
    head = ("place", "id", "queue", "state", "waited", "attempts", "until")
    yield (
        head,
        [
            (
                "" if row["position"] is None else str(row["position"]),
                row["callback"],
                row["queue"],
                row["state"].replace("_", " "),
                _time(row["waited"]),
                str(row["attempts"]),
                "" if row["expires"] is None else datetime.fromtimestamp(row["expires"]).strftime("%Y-%m-%d %H:%M"),
            )
            for row in found["callbacks"]
        ],
    )


def explained(found: Found) -> Iterator[Part]:
    """Why a call goes where it goes."""
    for route in found["routes"]:
        yield f"route {route['name']} -> {route['queue']}: {'matches' if route['matched'] else 'no'}. {route['why']}"
    yield f"queue {found['queue'] or 'none'}. {found['why']}"
    waits = "the call waits" if found["outcome"] == "waits" else f"{found['outcome']}: {found['text']}"
    yield f"priority {found['priority']}; {waits}; agents by {found['order']}"
    if found["agents"]:
        yield ""
        head = ("rank", "agent", "score", "why")
        yield (
            head,
            [
                (
                    "" if agent["rank"] is None else str(agent["rank"]),
                    agent["agent"],
                    "" if agent["score"] is None else f"{agent['score']:.4g}",
                    agent["why"],
                )
                for agent in found["agents"]
            ],
        )


def report_table(found: Found, zone: tzinfo) -> Iterator[Part]:
    """Figures over a time."""
    target = found["target"]
    start, end = (datetime.fromtimestamp(found[name], zone).strftime("%Y-%m-%d %H:%M") for name in ("from", "to"))
    aim = f"{target['percent']:g} % within {target['answer_within']:g} s"
    yield f"queue {found['queue']}, {start} to {end}; aim: {aim}"
    head = ("from", "calls", "answered", "in time", "abandoned", "level", "wait", "longest", "handled in")
    shown = "%Y-%m-%d" if found["interval"] in ("day", "month") else "%m-%d %H:%M"
    rows = [
        (datetime.fromtimestamp(row["start"], zone).strftime(shown), *_figures(row, target)) for row in found["rows"]
    ]
    yield head, [*rows, ("all", *_figures(found["total"], target))]
    if found["dispositions"]:
        yield "ended: " + ", ".join(f"{name} {count}" for name, count in found["dispositions"].items())
    agents = [
        (
            agent["agent"],
            str(agent["answered"]),
            str(agent["missed"]),
            _time(agent["mean_handle_seconds"]),
            _time(agent["talking_seconds"]),
            _time(agent["wrapping_seconds"]),
            _time(agent["ready_seconds"]),
            _time(agent["away_seconds"]),
            _percent(agent["occupancy"]),
        )
        for agent in found["agents"]
    ]
    if agents:
        yield ""
        yield ("agent", "answered", "missed", "handled in", "talking", "wrapping", "ready", "away", "occupancy"), agents


def _figures(row: Found, target: Found) -> tuple[str, ...]:
    return (
        str(row["offered"]),
        str(row["answered"]),
        str(row["answered_in_target"]),
        str(row["abandoned"]),
        _level(row["service_level"], target),
        _time(row["mean_wait_seconds"]),
        _time(row["longest_wait_seconds"]),
        _time(row["mean_handle_seconds"]),
    )


def _level(share: float | None, target: Found) -> str:
    if share is None:
        return ""
    return f"{share * 100:.0f} %" + ("" if share * 100 >= target["percent"] else f" (of {target['percent']:g})")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f} %"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
