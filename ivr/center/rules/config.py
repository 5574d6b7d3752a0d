"""The configuration as the centre needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, cast

from ivr.settings import (
    DEFAULT_QUEUE,
    STATUS_GROUPS,
    Agent,
    Calendar,
    Disposition,
    Queue,
    Route,
    Status,
    StatusGroup,
    WaitingStrategy,
)

if TYPE_CHECKING:
    from ivr.settings import Settings

__all__ = ["CenterConfig"]


@dataclass(frozen=True)
class CenterConfig:
    """Agents, queues, routes and what they name; consistent, as :mod:`ivr.settings` has checked."""

    agents: Mapping[str, Agent] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=lambda: {DEFAULT_QUEUE: Queue(all=True)})
    """`default` is among them."""
    routes: tuple[Route, ...] = ()
    """In order."""
    waiting: Mapping[str, WaitingStrategy] = field(default_factory=dict)
    statuses: Mapping[str, Status] = field(default_factory=dict)
    """Custom ones."""
    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    zone: tzinfo = UTC
    """Of dates in routes, and of the day whose calls `fewest_calls` counts."""

    @classmethod
    def of(cls, settings: Settings) -> CenterConfig:
        """Out of ivr.yaml."""
        return cls(
            settings.agents,
            settings.queues,
            settings.routes,
            settings.waiting,
            settings.statuses,
            settings.dispositions,
            settings.calendars,
            settings.zone,
        )

    @cached_property
    def pools(self) -> Mapping[str, tuple[str, ...]]:
        """Enabled agents of each queue, in the order of the configuration."""
        enabled = {name: frozenset(agent.queues) for name, agent in self.agents.items() if agent.enabled}
        return {
            name: tuple(agent for agent, served in enabled.items() if queue.all or name in served)
            for name, queue in self.queues.items()
        }

    @cached_property
    def served(self) -> Mapping[str, tuple[str, ...]]:
        """Queues of each enabled agent."""
        found: dict[str, list[str]] = {name: [] for name in self.agents}
        for queue, pool in self.pools.items():
            for agent in pool:
                found[agent].append(queue)
        return {name: tuple(queues) for name, queues in found.items()}

    def group(self, status: str) -> StatusGroup | None:
        """The group of a status; None: there is no such status."""
        if status in STATUS_GROUPS:
            return cast(StatusGroup, status)
        custom = self.statuses.get(status)
        return None if custom is None else custom.group

    def strategy(self, queue: Queue, named: str | None = None) -> WaitingStrategy:
        """What callers of a queue hear: the strategy named, where it is there, else that of the queue."""
        if named is not None and named in self.waiting:
            return self.waiting[named]
        own = queue.waiting
        return self.waiting.get(own, WaitingStrategy()) if isinstance(own, str) else own
