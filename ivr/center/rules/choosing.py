"""Which of the agents who could take a caller gets him, by the order of the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ivr.center.rules.scoring import scores

if TYPE_CHECKING:
    from ivr.center.rules.lines import Line, Needs
    from ivr.center.rules.people import AgentState

__all__ = ["WORDS", "best", "ranked"]

WORDS = {
    "longest_idle": "is idle for longest",
    "weighted": "has the highest score",
    "round_robin": "is next in turn",
    "ring_all": "all are rung",
    "fewest_calls": "has taken the fewest calls today",
    "by_skill": "has the best skills",
}
"""Why the first one is asked, by order."""

Rank = Callable[["AgentState"], tuple[float, ...]]
"""Less comes first."""


def _rank(line: Line, needs: Needs, candidates: Sequence[AgentState], now: float) -> Rank:
    """How the order of a queue compares agents. Whatever ties is decided by idleness, then by the configuration."""
    index = line.index
    count = len(index) or 1
    match line.config.order:
        case "weighted":
            found = scores([(agent.workload, max(0.0, now - agent.idle_since)) for agent in candidates])
            score = {agent.name: each for agent, each in zip(candidates, found, strict=True)}
            return lambda agent: (-score[agent.name], agent.idle_since, index.get(agent.name, count))
        case "round_robin":
            last = index.get(line.last_rung, -1)
            return lambda agent: ((index.get(agent.name, count) - last - 1) % count,)
        case "fewest_calls":
            return lambda agent: (agent.calls, agent.idle_since, index.get(agent.name, count))
        case "by_skill":

            def by_skill(agent: AgentState) -> tuple[float, ...]:
                levels = sum(agent.config.skills.get(name, 0) for name, _ in needs)
                return (-levels, agent.idle_since, index.get(agent.name, count))

            return by_skill
        case _:
            return lambda agent: (agent.idle_since, index.get(agent.name, count))


def best(line: Line, needs: Needs, candidates: Sequence[AgentState], now: float) -> AgentState:
    """The first of those there are, at least one."""
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=_rank(line, needs, candidates, now))


def ranked(line: Line, needs: Needs, candidates: Sequence[AgentState], now: float) -> list[tuple[AgentState, float]]:
    """All, the first choice first, each with what is compared, higher first: seconds of idleness, the score, calls of
    today less than none, levels added up, places until it is his turn less than none."""
    rank = _rank(line, needs, candidates, now)
    by_idleness = line.config.order in ("longest_idle", "ring_all")
    return [
        (agent, round(max(0.0, now - agent.idle_since) if by_idleness else -rank(agent)[0], 4))
        for agent in sorted(candidates, key=rank)
    ]
