"""What simulated calls take from the configuration, with the routes of the contact centre."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.flow.sim import Configured
    from ivr.settings import Settings

__all__ = ["surroundings_of"]


def surroundings_of(settings: Settings) -> Configured:
    """As the daemon gives them to live calls; callers for whom no queue is named go where the routes send them."""
    from ivr.center.rules.routing import route
    from ivr.flow.sim import configured

    def queue_of(facts: Mapping[str, Any], now: datetime) -> str | None:
        found = route(settings.routes, facts, now.astimezone(settings.zone)).route
        return None if found is None else found.queue

    return configured(settings, queue_of)
