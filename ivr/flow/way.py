"""The way that a flow has walked: its steps, the subroutines it is in, and counters that end what runs in circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ivr.flow.trace import Step

if TYPE_CHECKING:
    from ivr.flow.elements.base import Element
    from ivr.flow.model import Flow
    from ivr.settings import Limits

__all__ = ["Frame", "Way"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a subroutine returns to."""

    flow: Flow
    """The flow that called it."""
    variables: dict[str, Any]
    """Its variables."""
    name: str
    """The element that called it."""
    element: Element
    """The same."""
    up: bool
    """A caller was there when it was called."""
    again: bool = False
    """The call was moved away from it: should it come back, the element begins again. Ends with the call."""


class Way:
    """Where a flow has been."""

    __slots__ = ("_inputs", "_limits", "_taken", "_visits", "frames", "steps")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.steps: list[Step] = []
        """Steps in their order; of a flow that goes on and on outside a call the last ones."""
        self.frames: list[Frame] = []
        """Subroutines, the innermost last."""
        self._visits: dict[tuple[str, str], int] = {}
        self._inputs = 0
        self._taken = 0

    def refused(self, flow: str, element: str, inputs: int) -> str | None:
        """Count a visit; the limit that forbids it, if one does. `inputs` grows with what comes from outside."""
        limits = self._limits
        if self._taken >= limits.steps_per_call:
            return "limits.steps_per_call is reached"
        self._taken += 1
        if self._inputs != inputs:
            self._inputs = inputs
            self._visits.clear()
        visits = self._visits.get((flow, element), 0) + 1
        if visits > limits.visits_without_input:
            return f"limits.visits_without_input is reached at element {element}"
        self._visits[flow, element] = visits
        return None

    def enter(self, step: Step) -> None:
        """Add a step."""
        if len(self.steps) >= self._limits.steps_per_call:
            del self.steps[0]
        self.steps.append(step)

    def rested(self) -> None:
        """The flow waited, so that it does not run in circles: count anew."""
        self._taken = 0
        self._visits.clear()

    def counters(self) -> dict[str, Any]:
        """What is counted, as JSON."""
        visits = [[flow, element, count] for (flow, element), count in self._visits.items()]
        return {"taken": self._taken, "inputs": self._inputs, "visits": visits}

    def set_counters(self, counters: Mapping[str, Any]) -> None:
        """Go on counting from what :meth:`counters` gave."""
        self._taken = int(counters["taken"])
        self._inputs = int(counters["inputs"])
        self._visits = {(str(flow), str(element)): int(count) for flow, element, count in counters["visits"]}
