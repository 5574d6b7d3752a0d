"""Runs cases: each is a simulated call of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.errors import Fault
from ivr.flow.faults import near
from ivr.flow.model import Flow, FlowSet
from ivr.flow.sim import Configured, SimulatedCall, configured
from ivr.flow.sim.naming import SEPARATOR
from ivr.flow.sim.steps import Step
from ivr.flow.testing.cases import Case
from ivr.flow.testing.differences import Difference
from ivr.flow.testing.judging import judge
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


def case_faults(case: Case, flow: Flow, flows: FlowSet) -> list[Fault]:
    """Names in a case that its flow does not know: they are slips of the pen, not findings about the flow."""
    return list(_faults(case, flow, flows))


def _faults(case: Case, flow: Flow, flows: FlowSet) -> Iterator[Fault]:
    known = {name for found in (flow, *flows.values()) for name in found.elements}
    places = known | {f"{found.name}{SEPARATOR}{name}" for found in (flow, *flows.values()) for name in found.elements}

    def fault(name: str, *way: str | int, among: set[str] = known, what: str = "element") -> Iterator[Fault]:
        if name not in among and name != "...":
            meant = near(name, among)
            text = f"there is no {what} {name}" + (f", did you mean {meant}?" if meant else "")
            field = ".".join(map(str, way))
            yield Fault(text, case.file, case.line_of(*way), None, field)

    for name in case.given.variables:
        yield from fault(name, "given", "variables", name, among=set(flow.variables), what="variable")
    if case.given.entry is not None:
        yield from fault(case.given.entry, "given", "entry", among=set(flow.entries), what="entry element")
    for name in case.stubs.failing_recordings:
        yield from fault(name, "given", "recordings", name)
    for index, step in enumerate(case.when.steps):
        for field, name in _named(step):
            yield from fault(name, "when", index, field, among=places)
    expect = case.expect
    kept = {name for found in (flow, *flows.values()) for name in _variables(found)}
    for name in expect.variables:
        yield from fault(name, "expect", "variables", name, among=kept, what="variable")
    for index, name in enumerate(expect.path or ()):
        yield from fault(name, "expect", "path", index, among=places)
    for field, names in (("visits", expect.visits or ()), ("branches", expect.branches), ("within", expect.within)):
        for name in names:
            yield from fault(name, "expect", field, name, among=places)
    for index, name in enumerate(expect.not_visited):
        yield from fault(name, "expect", "not_visited", index, among=places)


def _variables(flow: Flow) -> Iterator[str]:
    yield from flow.variables
    for element in flow.elements.values():
        yield from element.sets()


def _named(step: Step) -> Iterator[tuple[str, str]]:
    """Elements that a step names; patterns of URLs, targets and addresses are none."""
    for field in ("at", "silence", "hang_up"):
        value = getattr(step, field, None)
        if isinstance(value, str):
            yield field, value
