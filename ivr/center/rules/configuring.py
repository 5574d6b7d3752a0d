"""Another configuration while calls wait: nobody is lost."""

from __future__ import annotations

from typing import TypeVar

from ivr.center.rules import callbacks
from ivr.center.rules.config import CenterConfig
from ivr.center.rules.decisions import Notice
from ivr.center.rules.floor import MAX_GONE, Floor
from ivr.center.rules.lines import Line
from ivr.center.rules.offering import end_wrap
from ivr.center.rules.opening import Opening
from ivr.center.rules.people import AgentState
from ivr.center.rules.presence import set_status, take_back, watch_activity
from ivr.settings import Agent

__all__ = ["configure", "losses", "tidy"]

Gone = TypeVar("Gone")


def losses(floor: Floor, config: CenterConfig) -> list[str]:
    """Queues that a configuration leaves out although somebody is in them."""
    return [
        f"The queue {line.name} cannot go: {_crowd(line)}."
        for line in floor.lines.values()
        if line.name not in config.queues and not line.empty
    ]


def _crowd(line: Line) -> str:
    parts = [
        (line.waiting, "wait in it"),
        (line.talking, "talk to its agents"),
        (line.callbacks, "are to be called back"),
    ]
    return ", ".join(f"{count} {words}" for count, words in parts if count)


def configure(floor: Floor, config: CenterConfig) -> None:
    """Let a configuration hold from now on."""
    floor.config = config
    floor.opening = Opening(config)
    _queues(floor)
    _agents(floor)
    for line in floor.lines.values():
        _anew(floor, line)
    floor.freed.extend(floor.free.values())
    tidy(floor)


def _queues(floor: Floor) -> None:
    config = floor.config
    for name, queue in config.queues.items():
        line = floor.lines.get(name)
        if line is None:
            gone = floor.gone_lines.pop(name, None)
            line = floor.lines[name] = Line(name, queue, config.pools[name]) if gone is None else gone
        line.config, line.leaving = queue, False
        line.set_pool(config.pools[name])
    enabled = [name for name, agent in config.agents.items() if agent.enabled]
    for line in floor.lines.values():
        if line.name not in config.queues:
            if not line.leaving and not line.empty:
                floor.out.append(Notice(f"The queue {line.name} is kept until nobody is in it: {_crowd(line)}"))
            line.leaving = True
            left = [name for name in line.pool if name in config.agents and config.agents[name].enabled]
            line.set_pool(tuple(left or enabled))


def _agents(floor: Floor) -> None:
    config = floor.config
    for name, settings in config.agents.items():
        agent = floor.agents.get(name)
        if agent is None:
            agent = floor.agents[name] = _come(floor, name, settings)
        agent.config, agent.enabled = settings, settings.enabled
    served: dict[str, list[str]] = {}
    for line in floor.lines.values():
        for name in line.pool:
            served.setdefault(name, []).append(line.name)
    for agent in list(floor.agents.values()):
        agent.lines = tuple(served.get(agent.name, ()))
        agent.enabled = agent.enabled and agent.name in config.agents
        if not agent.enabled:
            end_wrap(floor, agent)
            take_back(floor, agent, "disabled")
        group = config.group(agent.status)
        if group != agent.group:  # a status of theirs is gone, or means something else now
            set_status(floor, agent, agent.group if group is None else agent.status, "configured")
        agent.occupied = {name: count for name, count in agent.occupied.items() if name in agent.config.channels}
        floor.touch(agent)
        floor.timers.clear(("inactive", agent.name))
        watch_activity(floor, agent)
    floor.changed.update(("agents", "queues"))


def _come(floor: Floor, name: str, settings: Agent) -> AgentState:
    """An agent who is there from now on; who has been here before is as he was, and what he had done counts."""
    first = settings.first_status
    agent = AgentState(name, settings, first, first, floor.now, floor.now)
    before = floor.gone_agents.pop(name, None)
    if before is not None:
        agent.status, agent.group, agent.idle_since = before.status, before.group, before.idle_since
        agent.missed, agent.calls, agent.last, agent.book = before.missed, before.calls, before.last, before.book
    return agent


def _anew(floor: Floor, line: Line) -> None:
    """Who waits stands open for offers as the queue's order and skills say now, and for its agents of now."""
    line.paced = float("-inf")
    for entry in list(line.order):
        if not entry.caller:
            line.place_anew(entry)
            if entry.callback is not None and not entry.callback.under_way:
                line.close(entry)
                callbacks.arm(floor, entry)
            continue
        line.close(entry)
        if not entry.offers or line.config.order == "ring_all":
            line.open(entry)
            floor.opened.append(entry)
    floor.stir(line)


def tidy(floor: Floor) -> None:
    """Let go of queues and agents that are in the configuration no more, once nobody needs them."""
    for line in [line for line in floor.lines.values() if line.leaving and line.empty]:
        _remember(floor.gone_lines, line.name, floor.lines.pop(line.name))
        floor.timers.clear(("positions", line.name))
        for name in line.pool:
            agent = floor.agents[name]
            agent.lines = tuple(other for other in agent.lines if other != line.name)
    for agent in [agent for agent in floor.agents.values() if agent.name not in floor.config.agents]:
        if agent.talk is None and not agent.asked:
            floor.touch(agent)
            _remember(floor.gone_agents, agent.name, floor.agents.pop(agent.name))
            for key in ("wrap", "asked", "pause", "inactive"):
                floor.timers.clear((key, agent.name))


def _remember(gone: dict[str, Gone], name: str, what: Gone) -> None:
    gone[name] = what
    if len(gone) > MAX_GONE:
        del gone[next(iter(gone))]
