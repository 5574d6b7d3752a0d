"""The centre as it is, and what has happened in it, as JSON."""

from __future__ import annotations

from typing import Any

from ivr.center.rules.decisions import IntervalOver
from ivr.center.rules.estimate import estimated
from ivr.center.rules.figures import INTERVAL, agent_json, queue_json
from ivr.center.rules.floor import Floor
from ivr.center.rules.lines import Entry, Line
from ivr.center.rules.people import AgentState

__all__ = [
    "agent",
    "begin_interval",
    "caller",
    "caller_of",
    "callers",
    "clock_set",
    "figures",
    "intervals",
    "queue",
    "turn_interval",
]

LONG_INTERVAL = INTERVAL + 60.0
"""Seconds by the clock on the wall after which an interval is closed because that clock was set."""


SET = 1.0
"""Seconds by which the clock on the wall is off when it was set; less is drift."""


# Now


def figures(floor: Floor) -> dict[str, Any]:
    """All queues and agents."""
    for agent in floor.agents.values():
        agent.account(floor.now)
    return {
        "at": round(floor.wall, 3),
        "queues": {line.name: _queue(floor, line) for line in floor.lines.values()},
        "agents": {agent.name: _agent(floor, agent) for agent in floor.agents.values()},
    }


def queue(floor: Floor, name: str) -> dict[str, Any] | None:
    """One queue; None: there is none of this name."""
    line = floor.lines.get(name)
    return None if line is None else _queue(floor, line)


def agent(floor: Floor, name: str) -> dict[str, Any] | None:
    """One agent; None: there is none of this name."""
    found = floor.agents.get(name)
    if found is None:
        return None
    found.account(floor.now)
    return _agent(floor, found)


def _queue(floor: Floor, line: Line) -> dict[str, Any]:
    agents = [floor.agents[name] for name in line.pool]
    phases = [agent.phase for agent in agents]
    waiting = [entry for entry in line.order if entry.caller]
    level = line.config.service_level
    hours = floor.opening.at(line.config.hours, floor.wall)
    return {
        "name": line.config.name or line.name,
        "open": hours.open,
        "leaving": line.leaving,
        "order": line.config.order,
        "waiting": len(waiting),
        "ringing": sum(bool(entry.offers) for entry in waiting),
        "talking": line.talking,
        "callbacks": line.callbacks,
        "longest_wait": round(max((floor.now - entry.joined for entry in waiting), default=0.0), 1),
        "estimate": estimated(floor, line, len(line.order) + 1),
        "target": {"answer_within": level.answer_within, "percent": level.percent},
        "agents": {
            "all": len(agents),
            "logged_in": sum(agent.logged_in for agent in agents),
            "available": sum(agent.on_duty for agent in agents),
            "free": sum(agent.free for agent in agents),
            **{phase: phases.count(phase) for phase in ("ringing", "in_call", "wrapping", "reserved")},
            "on_other_call": phases.count("on_other_call"),
        },
        "today": queue_json(line.book.day()),
        "total": queue_json(line.book.total()),
    }


def _agent(floor: Floor, agent: AgentState) -> dict[str, Any]:
    return {
        "name": agent.config.name or agent.name,
        "title": agent.config.title,
        "enabled": agent.enabled,
        "status": agent.status,
        "group": agent.group,
        "phase": agent.phase,
        "since_seconds": round(max(0.0, floor.now - agent.since), 1),
        "reachable": agent.reachable,
        "console": agent.console,
        "free": agent.free,
        "why_not": agent.why_not(),
        "queues": list(agent.lines),
        "skills": dict(agent.config.skills),
        "queue": agent.queue if agent.phase not in ("idle", "on_other_call") else "",
        "caller": agent.caller if agent.phase not in ("idle", "on_other_call") else "",
        "idle_seconds": round(max(0.0, floor.now - agent.idle_since), 1) if agent.free else None,
        "wrap_up_left": round(max(0.0, agent.wrap.until - floor.now), 1) if agent.wrap is not None else None,
        "missed_in_a_row": agent.missed,
        "calls_today": agent.calls,
        "workload": round(agent.workload, 1),
        "full_capacity": agent.full,
        "today": agent_json(agent.book.day()),
        "total": agent_json(agent.book.total()),
    }


def callers(floor: Floor, queue: str | None) -> list[dict[str, Any]]:
    """Who waits, in order, then who talks."""
    found = []
    for line in floor.lines.values():
        if queue is None or line.name == queue:
            found += [_entry(floor, line, entry, place) for place, entry in enumerate(line.order, 1)]
    for talk in floor.talks.values():
        if queue is None or talk.line.name == queue:
            found.append(_entry(floor, talk.line, talk.entry, None))
    return found


def caller(floor: Floor, name: str) -> dict[str, Any] | None:
    """One caller; None: he is not here."""
    entry = floor.entries.get(name)
    if entry is None:
        return None
    line = floor.lines[entry.queue] if entry.talk is None else floor.talks[entry.talk].line
    return _entry(floor, line, entry, line.position(entry) if entry.talk is None else None)


def caller_of(floor: Floor, agent: str) -> dict[str, Any] | None:
    """The caller whom an agent has, who rings for him, or for whose call back he is held; None: there is none."""
    state = floor.agents.get(agent)
    if state is None:
        return None
    if state.talk is not None:
        return caller(floor, floor.talks[state.talk].entry.caller)
    if state.offer is not None:
        return caller(floor, floor.offers[state.offer].entry.caller)
    held = floor.callbacks.get(state.held) if state.held is not None else None
    return (
        None if held is None else _entry(floor, floor.lines[held.queue], held, floor.lines[held.queue].position(held))
    )


def _entry(floor: Floor, line: Line, entry: Entry, position: int | None) -> dict[str, Any]:
    callback = entry.callback
    if entry.talk is not None:
        state, agents = "talking", [floor.talks[entry.talk].agent.name]
    elif entry.caller:
        state, agents = "ringing" if entry.offers else "waiting", list(entry.offers)
    else:
        under_way = callback is not None and callback.under_way
        state = "calling_back" if under_way else "callback"
        agents = [callback.agent] if callback is not None and callback.agent is not None else []
    until = entry.answered if entry.talk is not None else floor.now
    return {
        "caller": entry.caller,
        "queue": line.name,
        "position": position,
        "priority": entry.priority,
        "state": state,
        "waited": round(until - (entry.joined if entry.caller else entry.since), 1),
        "agents": agents,
        "route": entry.route,
        "estimate": estimated(floor, line, position) if position is not None else None,
        "callback": callback.name if callback is not None else "",
        "attempts": callback.attempts if callback is not None else 0,
        "expires": round(callback.expires, 3) if callback is not None else None,
    }


# Intervals


def begin_interval(floor: Floor) -> None:
    """Figures are added up from now to the next full quarter of an hour."""
    history, wall = floor.history, floor.wall
    history.start, history.began = wall, floor.now
    history.day = floor.today
    floor.wake(("interval",), floor.now + (INTERVAL - wall % INTERVAL))


def turn_interval(floor: Floor) -> None:
    """The interval is over."""
    history = floor.history
    new_day = floor.today != history.day
    for agent in floor.agents.values():
        agent.account(floor.now)
    over = _interval(floor)
    for line in (*floor.lines.values(), *floor.gone_lines.values()):
        line.book.turn(new_day=new_day)
    for agent in (*floor.agents.values(), *floor.gone_agents.values()):
        agent.book.turn(new_day=new_day)
        if new_day:
            agent.calls = 0
    history.kept.append(over)
    floor.out.append(IntervalOver(over["start"], over["seconds"], over["queues"], over["agents"]))
    floor.changed.update(("agents", "queues"))
    begin_interval(floor)


def _interval(floor: Floor) -> dict[str, Any]:
    history = floor.history
    books = {line.name: line.book for line in (*floor.gone_lines.values(), *floor.lines.values())}
    people = {agent.name: agent.book for agent in (*floor.gone_agents.values(), *floor.agents.values())}
    return {
        "start": round(history.start, 3),
        "seconds": round(floor.now - history.began, 3),
        "queues": {name: queue_json(book.interval) for name, book in books.items() if book.interval},
        "agents": {name: agent_json(book.interval) for name, book in people.items() if book.interval},
    }


def intervals(floor: Floor, since: float) -> list[dict[str, Any]]:
    """Those kept, and the one under way."""
    for agent in floor.agents.values():
        agent.account(floor.now)
    return [*(each for each in floor.history.kept if each["start"] >= since), _interval(floor)]


def clock_set(floor: Floor, wall: float) -> None:
    """The clock on the wall says something else than it should: what depends on it is looked at anew."""
    jump = wall - floor.wall
    floor.offset = wall - floor.now
    if abs(jump) > SET:
        for name in floor.callbacks:
            if not floor.callbacks[name].caller and not _under_way(floor.callbacks[name]):
                floor.wake(("callback", name), floor.now)
    if abs(jump) > LONG_INTERVAL - INTERVAL:
        turn_interval(floor)
    else:
        floor.wake(("interval",), floor.now + (INTERVAL - wall % INTERVAL))


def _under_way(entry: Entry) -> bool:
    return entry.callback is not None and entry.callback.under_way
