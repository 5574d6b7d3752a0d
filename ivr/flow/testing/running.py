"""Runs cases: each is a simulated call of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ivr.errors import Fault
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.faults import near
from ivr.flow.model import Flow, FlowSet
from ivr.flow.sim import Configured, SimulatedCall, configured
from ivr.flow.sim.naming import SEPARATOR
from ivr.flow.sim.steps import Step
from ivr.flow.testing.cases import Case
from ivr.flow.testing.differences import Difference
from ivr.flow.testing.judging import judge
from ivr.flow.testing.matching import GAP
from ivr.settings import Settings

__all__ = ["Outcome", "case_faults", "run_case"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    case: Case
    """Which one."""
    differences: tuple[Difference, ...]
    """What was not as it says."""
    call: SimulatedCall
    """The call that was made."""

    @property
    def passed(self) -> bool:
        """Everything was as the case says."""
        return not self.differences


def run_case(
    case: Case,
    flow: Flow,
    flows: FlowSet,
    surroundings: Configured | None = None,
) -> Outcome:
    """Make the call that a case describes and compare it with what the case expects.

    `surroundings` come from the configuration, by :func:`ivr.flow.sim.configured`.
    """
    call = SimulatedCall(flow, flows, case.given, case.stubs, speech=case.speech, **(surroundings or _DEFAULTS))
    case.when.run(call)
    return Outcome(case, tuple(judge(case, call)), call)


_DEFAULTS = configured(Settings())


@dataclass(frozen=True, slots=True)
class _Names:
    """What cases of a flow may name."""

    elements: frozenset[str]
    """Of the flow, and of those that a call can pass on to."""
    places: frozenset[str]
    """The same, also with the flow before them."""
    variables: frozenset[str]
    """Declared in these flows or set by their elements."""


@lru_cache(maxsize=512)
def _names(flow: Flow, flows: FlowSet) -> _Names:
    within = _within(flow, flows)
    elements = {name for found in within for name in found.elements}
    placed = {f"{found.name}{SEPARATOR}{name}" for found in within for name in found.elements}
    kept = {name for found in within for element in found.elements.values() for name in element.sets()}
    declared = {name for found in within for name in found.variables}
    return _Names(frozenset(elements), frozenset(elements | placed), frozenset(kept | declared))


def _within(flow: Flow, flows: FlowSet) -> list[Flow]:
    """The flow and all that calls can come to from it by a transfer."""
    found = {flow.name: flow}
    todo = [flow]
    while todo:
        for element in todo.pop().elements.values():
            if not isinstance(element, TransferToFlowElement):
                continue
            if not element.flow.fixed:
                return [flow, *flows.values()]
            target = flows.get(element.flow.source.strip())
            if target is not None and target.name not in found:
                found[target.name] = target
                todo.append(target)
    return [*found.values()]


def case_faults(case: Case, flow: Flow, flows: FlowSet) -> list[Fault]:
    """Names in a case that its flow does not know: they are slips of the pen, not findings about the flow."""
    return list(_faults(case, flow, _names(flow, flows)))


def _faults(case: Case, flow: Flow, names: _Names) -> Iterator[Fault]:
    def fault(name: str, among: Collection[str], *way: str | int, what: str = "element") -> Iterator[Fault]:
        if name not in among and name != GAP:
            meant = near(name, among)
            text = f"there is no {what} {name}" + (f", did you mean {meant}?" if meant else "")
            yield Fault(text, case.file, case.line_of(*way), None, ".".join(map(str, way)))

    for name in case.given.variables:
        yield from fault(name, flow.variables, "given", "variables", name, what="variable")
    if case.given.entry is not None:
        yield from fault(case.given.entry, flow.entries, "given", "entry", what="entry element")
    for name in case.stubs.failing_recordings:
        yield from fault(name, names.elements, "given", "recordings", name)
    for name in case.stubs.failing_contacts:
        yield from fault(name, names.elements, "given", "participants", name)
    for index, step in enumerate(case.when.steps):
        for field, name in _named(step):
            yield from fault(name, names.places, "when", index, field)
    expect = case.expect
    for name in expect.variables:
        yield from fault(name, names.variables, "expect", "variables", name, what="variable")
    for field, listed in (("path", expect.path or ()), ("not_visited", expect.not_visited)):
        for index, name in enumerate(listed):
            yield from fault(name, names.places, "expect", field, index)
    for field, keys in (("visits", expect.visits or ()), ("branches", expect.branches), ("within", expect.within)):
        for name in keys:
            yield from fault(name, names.places, "expect", field, name)


def _named(step: Step) -> Iterator[tuple[str, str]]:
    """Elements that a step names; patterns of URLs, targets and addresses are none."""
    for field in ("at", "silence", "hang_up"):
        value = getattr(step, field, None)
        if isinstance(value, str):
            yield field, value
