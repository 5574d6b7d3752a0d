"""Which branches of the flows were taken, and how often.

Counted are the branches that a flow names, the success branch of every element, and those for which nothing is named
while the caller is there (the call is hung up). A branch that takes the target of another one counts as that one. What
can never be taken is not counted: `other` of a transfer to a flow that the loader has seen, and what an element does
that waits for no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ivr.flow.elements.base import Element, Exit
from ivr.flow.elements.call_api import CallApiElement
from ivr.flow.elements.connector import ConnectorCall
from ivr.flow.elements.notify import NotifyElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.model import Edge, Flow, FlowSet
from ivr.flow.trace import Step

__all__ = ["Coverage", "FlowCoverage", "missing", "share"]


@dataclass(eq=False)
class FlowCoverage:
    """What was walked of one flow."""

    flow: Flow
    """Which one."""
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each branch was taken, by element and branch."""
    visits: Counter[str] = field(default_factory=Counter)
    """How often each element was entered."""

    @cached_property
    def branches(self) -> tuple[Edge, ...]:
        """All branches that count, in the order of the file."""
        inserted = set(self.flow.inserted)
        return tuple(edge for edge in self.flow.edges if _counts(edge, self.flow.elements[edge.source], inserted))

    @cached_property
    def counted(self) -> frozenset[Edge]:
        """The same, to look one up."""
        return frozenset(self.branches)

    @property
    def missed(self) -> tuple[Edge, ...]:
        """Branches that were never taken."""
        return tuple(edge for edge in self.branches if not self.taken[edge.source, edge.branch])

    @property
    def unvisited(self) -> tuple[str, ...]:
        """Elements that were never entered."""
        return tuple(name for name in self.flow.elements if not self.visits[name])

    @property
    def hit(self) -> int:
        """How many branches were taken."""
        return len(self.branches) - len(self.missed)

    @property
    def percent(self) -> float:
        """Share of the branches that were taken."""
        return share(self.hit, len(self.branches))


def share(part: int, whole: int) -> float:
    """Percent; of nothing all is done."""
    return 100.0 * part / whole if whole else 100.0


def _counts(edge: Edge, element: Element, inserted: set[Edge]) -> bool:
    success = element.exits[edge.branch].branch.success
    if isinstance(element, TransferToFlowElement) and edge.branch == "other" and element.enters and element.flow.fixed:
        return False
    if isinstance(element, (CallApiElement, ConnectorCall, NotifyElement)) and not element.wait:
        return success
    return edge.named or success or edge in inserted


class Coverage:
    """What was walked of a set of flows by any number of calls."""

    def __init__(self, flows: FlowSet) -> None:
        self.flows: dict[str, FlowCoverage] = {flow.name: FlowCoverage(flow) for flow in flows.values()}
        """By name."""

    def add(self, steps: Sequence[Step]) -> None:
        """Count the way of one call."""
        inside: list[_Inside] = []
        up = not self._outside(steps)
        for index, step in enumerate(steps):
            found = self.flows.get(step.flow)
            element = None if found is None else found.flow.elements.get(step.element)
            if found is None or element is None:
                continue
            found.visits[step.element] += 1
            if step.branch is None:
                continue
            if isinstance(element, TransferToFlowElement) and step.branch == "transferred":
                if element.returns:
                    inside.append((found, element, step.element, up))
                else:
                    inside.clear()
                continue
            way = element.exits.get(step.branch) or self._hidden(found, element, step, steps[index + 1 : index + 2])
            if way is None:
                continue
            found.taken[step.element, way.via] += 1
            up = way.branch.call_begins or (up and not way.branch.call_over)
            if way.target is None:
                _unwind(inside, up)

    def _outside(self, steps: Sequence[Step]) -> bool:
        """The first of these steps has no caller."""
        found = self.flows.get(steps[0].flow) if steps else None
        element = None if found is None else found.flow.elements.get(steps[0].element)
        return element is not None and element.OUTSIDE

    def _hidden(self, found: FlowCoverage, element: Element, step: Step, after: Sequence[Step]) -> Exit | None:
        """The branch of an input that the trace does not show: one that leads to the next element, and of several the
        one that was taken least."""
        target = after[0].element if after else None
        ways = [way for way in element.exits.values() if way.target == target and not way.branch.call_over]
        return min(ways, key=lambda way: found.taken[step.element, way.via], default=None)


_Inside = tuple[FlowCoverage, Element, str, bool]
"""An element that called a subroutine, and whether somebody was there then."""


def _unwind(inside: list[_Inside], up: bool) -> None:
    """The end of a flow: back to those it was called from."""
    while inside:
        found, element, name, was_up = inside.pop()
        if up or not was_up:
            found.taken[name, "returned"] += 1
            return
        if element.targets.get("call_ended") is not None:
            found.taken[name, "call_ended"] += 1
            return


def missing(found: FlowCoverage) -> Iterator[str]:
    """What was not walked of a flow, with its place: elements, and branches of those that were entered."""
    flow, unvisited = found.flow, set(found.unvisited)
    for name in found.unvisited:
        yield f"{_place(flow, name)}: {name} is never entered"
    for edge in found.missed:
        if edge.source not in unvisited:
            yield f"{_place(flow, edge.source, edge.field)}: {edge.source} is never left by {edge.branch}"


def _place(flow: Flow, element: str, field: str = "") -> str:
    line = flow.line(element, field)
    file = flow.places.file if flow.places is not None else f"{flow.name}.yaml"
    return file if line is None else f"{file}:{line}"
