"""What outlives a restart, as JSON by key.

`agents`, `queues`, `callbacks`, `meta`, and `sticky.0` to `sticky.63`. Moments are seconds since the epoch. Restoring
takes what it can read: an older or damaged snapshot costs what is wrong in it, never the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from ivr.center.rules import callbacks
from ivr.center.rules.figures import (
    AGENT_COUNTS,
    LEFT,
    QUEUE_COUNTS,
    Counts,
    agent_json,
    queue_json,
    read_counts,
)
from ivr.center.rules.floor import Floor
from ivr.center.rules.lines import Callback, Entry, Line
from ivr.center.rules.people import AgentState, LastTalk, WrapUp
from ivr.center.rules.presence import watch_activity
from ivr.center.rules.routing import needed_skills

__all__ = ["restore", "snapshot"]

MAX_WRAP_UP = 3600.0
"""Seconds, whatever the clock says: as much as the configuration takes."""

FARTHEST = 1e12
"""A number that is larger is no moment."""
MAX_TEXT = 200
"""Characters of a name or number that is read."""

Kept = Mapping[str, Any]


def snapshot(floor: Floor, keys: frozenset[str] | None) -> dict[str, Any]:
    """The values of these keys; all where it is None."""
    for agent in floor.agents.values():
        agent.account(floor.now)
    found: dict[str, Any] = {}
    if keys is None or "agents" in keys:
        found["agents"] = {agent.name: _agent(floor, agent) for agent in floor.agents.values()}
    if keys is None or "queues" in keys:
        found["queues"] = {
            line.name: {**line.book.json(), "recent": [round(each, 1) for each in line.recent]}
            for line in floor.lines.values()
        }
    if keys is None or "callbacks" in keys:
        found["callbacks"] = {
            name: _callback(floor, entry, entry.callback)
            for name, entry in sorted(floor.callbacks.items(), key=lambda item: item[1].key)
            if entry.callback is not None
        }
    if keys is None or "meta" in keys:
        since = round(floor.history.start, 3)
        found["meta"] = {"day": floor.today.isoformat(), "at": round(floor.wall, 3), "since": since}
    sticky = floor.sticky.keys() if keys is None else [key for key in keys if key.startswith("sticky.")]
    found.update(floor.sticky.json(sticky))
    return found


def _agent(floor: Floor, agent: AgentState) -> dict[str, Any]:
    return {
        "status": agent.status,
        "group": agent.group,
        "idle_since": round(agent.idle_since + floor.offset, 3),
        "missed": agent.missed,
        "calls": agent.calls,
        **({} if agent.last is None else {"last": asdict(agent.last)}),
        **({} if agent.wrap is None or agent.wrap.done else {"wrap": _wrap(floor, agent.wrap)}),
        **agent.book.json(),
    }


def _wrap(floor: Floor, wrap: WrapUp) -> dict[str, float]:
    began, until = round(wrap.began + floor.offset, 3), round(wrap.until + floor.offset, 3)
    return {"began": began, "until": until, "taken": round(wrap.taken, 3)}


def _callback(floor: Floor, entry: Entry, callback: Callback) -> dict[str, Any]:
    return {
        "queue": entry.queue,
        "number": callback.number,
        "priority": entry.priority,
        "since": round(entry.since + floor.offset, 3),
        "seq": entry.seq,
        "person": entry.person,
        "sticky": entry.sticky,
        "strategy": entry.strategy,
        "needs": dict(entry.own_needs),
        "route": entry.route,
        "expires": round(callback.expires, 3),
        "attempts": callback.attempts,
    }


def restore(floor: Floor, kept: Kept) -> list[str]:
    """Take up a snapshot; sentences about what cannot be read."""
    wrong: list[str] = []
    meta = _mapping(kept, "meta")
    same_day = _same_day(floor, meta.get("day"))
    for name, value in _mapping(kept, "agents").items():
        agent = floor.agents.get(name)
        if agent is not None and not _restore_agent(floor, agent, value, same_day=same_day):
            wrong.append(f"What was kept of the agent {name} cannot be read.")
    for name, value in _mapping(kept, "queues").items():
        line = floor.lines.get(name)
        if line is None:
            continue
        if isinstance(value, Mapping):
            _restore_line(line, value, same_day=same_day)
        else:
            wrong.append(f"What was kept of the queue {name} cannot be read.")
    _restore_interval(floor, kept, meta)
    places = _mapping(kept, "callbacks").items()
    for name, value in sorted(places, key=lambda item: (_number(item[1], "since"), _number(item[1], "seq"))):
        sentence = _restore_callback(floor, name, value)
        if sentence is not None:
            wrong.append(sentence)
    if unread := floor.sticky.restore(kept):
        wrong.append(f"{unread} of the people and the agents they spoke to cannot be read.")
    return wrong


def _mapping(kept: Any, key: str) -> Kept:
    value = kept.get(key) if isinstance(kept, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _number(kept: Any, key: str, default: float = 0.0) -> float:
    value = kept.get(key) if isinstance(kept, Mapping) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < FARTHEST
    return float(value) if number and value is not None else default


def _text(kept: Kept, key: str) -> str:
    value = kept.get(key)
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else ""


def _same_day(floor: Floor, text: Any) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text) == floor.today
    except ValueError:
        return False


def _restore_agent(floor: Floor, agent: AgentState, kept: Any, *, same_day: bool) -> bool:
    if not isinstance(kept, Mapping):
        return False
    status = _text(kept, "status")
    group = floor.config.group(status) or floor.config.group(_text(kept, "group"))
    if group is not None:
        agent.status, agent.group = (status if floor.config.group(status) is not None else group), group
    agent.idle_since = min(floor.now, _number(kept, "idle_since", floor.wall) - floor.offset)
    agent.missed = max(0, int(_number(kept, "missed")))
    agent.calls = max(0, int(_number(kept, "calls"))) if same_day else 0
    agent.book.restore(kept, AGENT_COUNTS, same_day=same_day)
    _restore_talk(floor, agent, _mapping(kept, "last"), _mapping(kept, "wrap"))
    floor.touch(agent, "restored")
    floor.timers.clear(("inactive", agent.name))
    watch_activity(floor, agent)
    return group is not None


def _restore_talk(floor: Floor, agent: AgentState, last: Kept, wrap: Kept) -> None:
    """The conversation that a disposition is about, and wrapping up after it where its time is not over."""
    if not _text(last, "caller"):
        return
    agent.last = LastTalk(max(0, int(_number(last, "offer"))), _text(last, "caller"), _text(last, "queue"))
    left = min(_number(wrap, "until") - floor.wall, MAX_WRAP_UP)
    if left > 0 and agent.logged_in:
        began = min(floor.now, _number(wrap, "began") - floor.offset)
        agent.wrap = WrapUp(agent.last, began, floor.now + left, max(0.0, _number(wrap, "taken")))
        agent.queue, agent.caller = agent.last.queue, agent.last.caller
        floor.wake(("wrap", agent.name), agent.wrap.until)


def _restore_line(line: Line, kept: Kept, *, same_day: bool) -> None:
    line.book.restore(kept, QUEUE_COUNTS, same_day=same_day)
    recent = kept.get("recent")
    if isinstance(recent, list):
        line.recent.extend(float(each) for each in recent if type(each) in (int, float) and 0 <= each < 1e6)
    for counts in (line.book.earlier, line.book.today):
        _interrupt(counts, _waited(counts))


def _waited(counts: Counts) -> float:
    """Callers who waited when the centre went down."""
    return counts.get("offered", 0) - counts.get("answered", 0) - sum(counts.get(name, 0) for name in LEFT)


def _interrupt(counts: Counts, callers: float) -> None:
    if callers > 0:
        counts["interrupted"] = counts.get("interrupted", 0) + callers


def _restore_interval(floor: Floor, kept: Kept, meta: Kept) -> None:
    """The interval that was under way is over: reports have it, and who waited in it."""
    queues = {}
    for name, value in _mapping(kept, "queues").items():
        counts = read_counts(_mapping(value, "interval"), QUEUE_COUNTS)
        _interrupt(counts, _waited(read_counts(_mapping(value, "earlier"), QUEUE_COUNTS)))
        if counts:
            queues[name] = queue_json(counts)
    agents = {
        name: agent_json(counts)
        for name, value in _mapping(kept, "agents").items()
        if (counts := read_counts(_mapping(value, "interval"), AGENT_COUNTS))
    }
    since, at = _number(meta, "since"), _number(meta, "at")
    if since and (queues or agents):
        seconds = round(max(0.0, at - since), 3)
        floor.history.kept.append({"start": since, "seconds": seconds, "queues": queues, "agents": agents})


def _restore_callback(floor: Floor, name: str, kept: Any) -> str | None:
    line = floor.lines.get(_text(kept, "queue")) if isinstance(kept, Mapping) else None
    number = _text(kept, "number") if isinstance(kept, Mapping) else ""
    if not number or name in floor.callbacks:
        return f"The call back {name} cannot be read."
    if line is None:
        return f"The call back {name} is given up: its queue is in the configuration no more."
    needs = _mapping(kept, "needs")
    since = min(floor.now, _number(kept, "since", floor.wall) - floor.offset)
    priority = min(10, max(1, int(_number(kept, "priority", 5))))
    floor.entries_made += 1
    entry = Entry(
        caller="",
        queue=line.name,
        priority=priority,
        since=since,
        seq=floor.entries_made,
        person=_text(kept, "person"),
        sticky=_text(kept, "sticky") or "off",
        strategy=_text(kept, "strategy") or None,
        joined=since,
        own_needs=needed_skills(needs),
        facts={},
        route=_text(kept, "route"),
        asked=None,
    )
    entry.callback = Callback(name, number, _number(kept, "expires"), max(0, int(_number(kept, "attempts"))))
    floor.callbacks[name] = entry
    line.add(entry)
    callbacks.arm(floor, entry)
    return None
