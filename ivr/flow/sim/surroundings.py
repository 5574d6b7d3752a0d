"""What of the configuration decides how hand-offs go in a simulated call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.flow.sim.queues import QueueBook
from ivr.settings import AiAgent, Application

__all__ = ["Surroundings"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who takes calls; nothing: whatever a flow names is there."""

    queues: QueueBook = field(default_factory=QueueBook)
    """Queues with their waiting strategies."""
    ai_agents: Mapping[str, AiAgent] = field(default_factory=dict)
    """AI agents by name."""
    applications: Mapping[str, Application] = field(default_factory=dict)
    """Voice applications by name."""
