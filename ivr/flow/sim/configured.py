"""What a simulated call takes from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from ivr.flow.ports import PromptSpec
from ivr.flow.sim.queues import QueueBook, Route
from ivr.flow.sim.surroundings import Surroundings
from ivr.flow.spoken import Languages
from ivr.settings import Calendar, Limits, Settings

__all__ = ["Configured", "configured"]


class Configured(TypedDict):
    """Keyword arguments of :class:`~ivr.flow.sim.call.SimulatedCall`."""

    limits: Limits
    settings: Mapping[str, Any]
    courtesy: PromptSpec | None
    languages: Languages
    calendars: Mapping[str, Calendar]
    surroundings: Surroundings


def configured(settings: Settings, route: Route | None = None) -> Configured:
    """As the daemon gives them to live calls: `SimulatedCall(flow, flows, given, **configured(settings))`. `route` says
    where callers wait for whom the flow names no queue."""
    courtesy = settings.limits.courtesy
    return Configured(
        limits=settings.limits,
        settings=settings.settings,
        courtesy=PromptSpec("text", courtesy) if courtesy else None,
        languages=Languages(settings.speech.language, settings.speech.languages),
        calendars=settings.calendars,
        surroundings=Surroundings(
            QueueBook(settings.queues, settings.waiting, route), settings.ai_agents, settings.applications
        ),
    )
