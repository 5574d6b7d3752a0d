"""Those on the other side of a simulated call: what they all need of it, and what they have planned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.flow.ports import Event
from ivr.flow.sim.agenda import Agenda, Due, cancel
from ivr.flow.sim.seen import HappeningKind

__all__ = ["Others", "Scene"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One call, as those see it who take part in it."""

    agenda: Agenda
    """Its time."""
    feed: Callable[[Event], None]
    """Tells the flow of an event."""
    leave: Callable[[], None]
    """Hangs the caller up."""
    delivered: Callable[[object], None]
    """Gets each answer of the stubs that took effect."""
    happens: Callable[[HappeningKind, Any], None]
    """Gets what happens."""
    wall: Callable[[], datetime]
    """The time of day."""
    manual: bool
    """Somebody plays what no stub fits."""


class Others:
    """Somebody on the other side: what he has planned happens, unless it is dropped."""

    __slots__ = ("_due", "_scene")

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._due: list[Due] = []

    @property
    def _now(self) -> float:
        return self._scene.agenda.now

    def _later(self, seconds: float, then: Callable[[Any], None], what: Any = None) -> None:
        """Plan something."""
        self._due.append(self._scene.agenda.later(seconds, then, what))

    def _soon(self, event: Event) -> None:
        """Tell the flow of something in the next moment, whatever else is dropped."""
        self._scene.agenda.later(0.0, self._scene.feed, event)

    def _drop(self) -> None:
        """Nothing that was planned happens any more."""
        for due in self._due:
            cancel(due)
        self._due = []

    def _caller_leaves(self, _: object = None) -> None:
        self._scene.leave()
