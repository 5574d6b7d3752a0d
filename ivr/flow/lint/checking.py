"""All rules over one flow, or over all flows of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ivr.flow.lint import handoffs, inputs, names, outgoing, secrets, sound, targets, variables, ways
from ivr.flow.lint.allow import allowed
from ivr.flow.lint.findings import SEVERITIES, Finding, World
from ivr.flow.lint.view import Caller, View, callers_of
from ivr.flow.model import Flow

__all__ = ["RULES", "check_flow", "check_flows"]

RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    ways.rules,
    sound.rules,
    inputs.rules,
    variables.rules,
    names.rules,
    secrets.rules,
    targets.rules,
    outgoing.rules,
    handoffs.rules,
)


def check_flow(flow: Flow, world: World) -> list[Finding]:
    """What is to be said of a flow that holds, by line."""
    others = (world.flows or {}).values()
    return _check(flow, world, callers_of(others).get(flow.name, ()))


def check_flows(
    flows: Iterable[Flow], world: World, chosen: Iterable[str] | None = None
) -> Mapping[str, list[Finding]]:
    """The same for several flows that know of each other, by the flow's name; `chosen`: only those."""
    known = {flow.name: flow for flow in flows}
    world = replace(world, flows=known)
    callers = callers_of(known.values())
    wanted = known if chosen is None else [name for name in chosen if name in known]
    return {name: _check(known[name], world, callers.get(name, ())) for name in wanted}


def _check(flow: Flow, world: World, callers: Sequence[Caller]) -> list[Finding]:
    view = View(flow, world, callers)
    return sorted(allowed(flow, [finding for rule in RULES for finding in rule(view)]), key=_order)


def _order(finding: Finding) -> tuple[int, int, str]:
    return finding.line or 0, SEVERITIES.index(finding.severity), finding.code
