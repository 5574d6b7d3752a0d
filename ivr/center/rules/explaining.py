"""Why a call goes where it goes, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["AgentVerdict", "ConditionVerdict", "Explanation", "RouteVerdict"]


@dataclass(frozen=True, slots=True)
class ConditionVerdict:
    """One operator of a condition."""

    fact: str
    """What was looked at."""
    text: str
    """In words: `profile.tier is gold: it is silver`."""
    held: bool


@dataclass(frozen=True, slots=True)
class RouteVerdict:
    """One rule."""

    name: str
    queue: str
    matched: bool
    why: str
    """A sentence: what held, or the first thing that did not."""
    conditions: tuple[ConditionVerdict, ...] = ()
    """As far as they were looked at."""


@dataclass(frozen=True, slots=True)
class AgentVerdict:
    """One agent of the queue."""

    agent: str
    rank: int | None
    """1: is rung; None: is not asked."""
    score: float | None
    """What the order of the queue compares, higher first; None where it is not asked for."""
    why: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way of one call."""

    routes: tuple[RouteVerdict, ...]
    """Rules in order, down to the one that matched; all where none did; none where the flow named the queue."""
    queue: str
    """Empty where the flow named one that is not there."""
    why: str
    """Why this queue: a sentence."""
    priority: int
    outcome: str
    """`waits`, or why he may not: `closed`, `full`, `no_agents`, `error`."""
    text: str
    """Why, as a sentence; empty where he waits."""
    order: str
    """Of the queue."""
    agents: tuple[AgentVerdict, ...]
    """Those of the queue, the first choice first."""

    def json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
