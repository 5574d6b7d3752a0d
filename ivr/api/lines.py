"""The lines as they are now, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ivr.api.endpoints import Ask, Endpoint, Model
from ivr.lines import TrunkState

__all__ = ["LineRoutes"]


class LineState(Model):
    """A line as it is now."""

    name: str
    usable: bool
    """Whether calls go out by it first of all."""
    registered: bool | None
    """null: it needs no registration."""
    answers: bool | None
    """Whether the peer answers OPTIONS; null: it is not asked, or has not been asked for long enough."""
    reason: str
    """Why it is not usable; empty while it is."""
    since: float
    """When that changed last, seconds since the epoch."""
    round_trip: float | None
    """Seconds from the last OPTIONS to its answer."""
    addresses: list[str]
    """That calls of this line come from."""
    hardware: str | None = None
    """Maker and model of hardware of this machine, empty while it is not there; null: it is no such line."""


class LineStates(Model):
    """All lines, in the order of the configuration."""

    lines: list[LineState]


class LineRoutes:
    """Handlers."""

    def __init__(self, states: Callable[[], Sequence[TrunkState]]) -> None:
        self._states = states

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [Endpoint("GET", "/v1/lines", "calls:read", self.all, answers={200: LineStates}, local=True)]

    async def all(self, _: Ask[None, None]) -> dict[str, Any]:
        """List lines: registered, answering, usable, and why not."""
        return {"lines": [asdict(state) for state in self._states()]}
