"""Where a call went, and why: for the differences of a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.model import Flow
from ivr.flow.sim import SimulatedCall
from ivr.flow.sim.naming import SEPARATOR, same_element
from ivr.flow.sim.seen import HIDDEN
from ivr.flow.testing.cases import Case
from ivr.flow.testing.differences import Difference, shown, side_by_side
from ivr.flow.testing.matching import list_matches
from ivr.flow.testing.ranges import seconds_text
from ivr.flow.trace import Step

__all__ = ["flow_of", "how_it_ended", "path_difference", "place_of"]


def flow_of(call: SimulatedCall, name: str) -> Flow | None:
    """The flow of that name, as the call had it."""
    return call.flow if name == call.flow.name else call.flows.get(name)


def place_of(call: SimulatedCall, step: Step, field: str = "") -> str:
    """An element with the place of the field, for people."""
    flow = flow_of(call, step.flow)
    name = step.element if step.flow == call.flow.name else f"{step.flow}{SEPARATOR}{step.element}"
    line = None if flow is None else flow.line(step.element, field)
    if flow is None or flow.places is None or line is None:
        return name
    return f"{name} ({flow.places.file}:{line})"


def path_difference(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    """The path, where it is not the one expected."""
    wanted, steps = case.expect.path, call.steps
    if wanted is None or list_matches(wanted, steps, same_element):
        return
    names = [_name(call, step) for step in steps]
    lines, row, at = side_by_side(
        wanted,
        steps,
        same_element,
        lambda item: item if isinstance(item, str) else _name(call, item),
        lambda index: _remark(steps[index]),
    )
    assert row is not None
    expected = None if row.wanted is None else wanted[row.wanted]
    if row.found is None:
        text = f"the path {'ends before' if at == len(steps) else 'leaves out'} {expected}"
    elif expected is None:
        text = f"the path has {names[row.found]} in addition"
    else:
        text = f"the path goes to {names[row.found]} instead of {expected}"
    why = list(_why(call, at))
    yield Difference(
        "path",
        text,
        case.line_of("expect", "path", row.wanted if row.wanted is not None else 0),
        (*lines, *why),
        list(wanted),
        names,
    )


def _name(call: SimulatedCall, step: Step) -> str:
    return step.element if step.flow == call.flow.name else f"{step.flow}{SEPARATOR}{step.element}"


def _remark(step: Step) -> str:
    return f"{seconds_text(step.entered_at):>8}  {step.branch or ''}"


def _why(call: SimulatedCall, at: int) -> Iterator[str]:
    """Why the call came to the step with this index, or ended before it."""
    if at >= len(call.steps):
        yield how_it_ended(call)
        return
    if at == 0:
        yield f"it began at {call.entry}"
        return
    before = call.steps[at - 1]
    yield f"because {place_of(call, before, _field(call, before))} was left by {before.branch} after {_left(before)}"
    for line in heard_in(before):
        yield f"  {line}"


def _left(step: Step) -> str:
    return "?" if step.left_at is None else seconds_text(step.left_at)


def _field(call: SimulatedCall, step: Step) -> str:
    """The field that names where the branch leads."""
    flow = flow_of(call, step.flow)
    element = None if flow is None else flow.elements.get(step.element)
    way = None if element is None or step.branch is None else element.exits.get(step.branch)
    return "" if way is None or way.target is None else way.path


def heard_in(step: Step) -> Iterator[str]:
    """What a step says of itself, for people."""
    details: dict[str, Any] = step.details
    if "keys" in details:
        keys = "".join(str(key["key"]) for key in details["keys"])
        yield f"keys pressed: {keys}, the first one after {seconds_text(details['keys'][0]['at'])}"
    elif step.type == "collect":
        yield "no key was pressed" if details.get("silences") else f"keys pressed: {HIDDEN}"
    for attempt in details.get("attempts", ()) if step.type == "start_outgoing_call" else ():
        code = f" {attempt['sip_code']}" if attempt.get("sip_code") else ""
        yield f"attempt {attempt['attempt']} after {seconds_text(attempt['at'])}: {attempt.get('outcome')}{code}"
    if "answerer" in details:
        yield f"told to be {details['answerer']}"
    told = {
        name: details[name]
        for name in ("outcome", "sip_code", "http_status", "recording", "duration")
        if name in details
    }
    if told:
        yield ", ".join(f"{name} {shown(value)}" for name, value in told.items())
    for note in details.get("notes", ()):
        yield f"note: {note}"


def how_it_ended(call: SimulatedCall) -> str:
    """The end of the call, in a sentence."""
    if not call.steps:
        return "the call did not begin"
    last = call.steps[-1]
    if not call.finished:
        return f"the call was still at {place_of(call, last)} after {seconds_text(call.now)}"
    branch = f", left by {last.branch}" if last.branch else ""
    return f"the call ended at {place_of(call, last)}{branch}, {call.cause} after {seconds_text(call.duration)}"
