"""Variables: declared and used, and set before they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ivr.flow.elements.base import Element
from ivr.flow.elements.branch import OTHERWISE, BranchElement
from ivr.flow.elements.conditions import Condition
from ivr.flow.elements.set_variable import SetVariableElement
from ivr.flow.elements.start import StartFromFlowElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import CONTEXT_NAMES
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.graphs import tree
from ivr.flow.lint.view import View
from ivr.flow.positions import Path, dotted

__all__ = ["rules"]

_Way = tuple[str, int]
"""An element that follows, and the variables (as bits) that have a value then."""

SPOKEN_LANGUAGE = "language"
"""Variable that every prompt reads."""

V001 = code(
    "V001",
    "error",
    "undeclared variable",
    """The flow reads or sets a variable that does not stand under `variables`. Mostly it is misspelt: the expression
    then has no value, and the field takes its default. Declare every variable with a default that fits.""",
    """
    variables: {name: friend}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Hello {{ nane }}.", next: bye}
      bye: {type: hang_up, prompt: "Goodbye {{ name }}."}
    """,
    """
    variables: {name: friend}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Hello {{ name }}.", next: bye}
      bye: {type: hang_up, prompt: "Goodbye {{ name }}."}
    """,
)
V002 = code(
    "V002",
    "warning",
    "unused variable",
    """The variable is declared, and no element reads or sets it. Take it out, or use it. A variable that is only set
    counts as used: records show it. So does `language`, which every prompt reads, and what another flow reads of this
    one as `result.variables`.""",
    """
    variables: {name: friend, colour: blue}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      bye: {type: hang_up, prompt: "Goodbye {{ name }}."}
    """,
    """
    variables: {name: friend}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      bye: {type: hang_up, prompt: "Goodbye {{ name }}."}
    """,
)
V003 = code(
    "V003",
    "warning",
    "variable read before it is set",
    """On some way to this element nothing has given the variable a value, and its default is empty (null, or an empty
    text, list or record): the caller hears a gap, the server gets nothing. Lead the ways on which it is not set
    elsewhere, ask for it first, or declare a default that can be said. A default that is not empty is a value. A branch
    that asks for the variable, or an expression that cares for it itself (`name or 'friend'`), is no such reading, and
    what follows the branch counts as checked. A flow that another one transfers to has what that one passes.""",
    """
    variables: {account: ""}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your account number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, save_as: account, next: say, branches: {no_match: say}}
      say: {type: play, text: "Your account is {{ digits(account) }}.", next: bye}
      bye: {type: hang_up}
    """,
    """
    variables: {account: ""}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your account number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, save_as: account, next: say, branches: {no_match: bye}}
      say: {type: play, text: "Your account is {{ digits(account) }}.", next: bye}
      bye: {type: hang_up}
    """,
)
V004 = code(
    "V004",
    "warning",
    "passes a variable that the other flow does not have",
    """The flow that the call goes on in does not declare this variable: what is passed is of no use there. Mostly the
    two flows spell it differently.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: other}
      other: {type: transfer_to_flow, flow: subroutine, pass: {colour: blue}, return_to: bye, branches: {other: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: other}
      other: {type: transfer_to_flow, flow: subroutine, pass: {name: Anna}, return_to: bye, branches: {other: bye}}
      bye: {type: hang_up}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    yield from _undeclared(view)
    yield from _unused(view)
    yield from _unset(view)
    yield from _passed(view)


def _recordings(view: View, name: str) -> Iterator[tuple[Path, str]]:
    """Variables that prompts of an element name to play what was recorded."""
    for path, prompt in view.prompts(name):
        found = prompt.voicemail
        if found is not None and found.fixed and found.source.strip().isidentifier():
            yield (*path, "voicemail"), found.source.strip()


# Declared and used


def _undeclared(view: View) -> Iterator[Finding]:
    flow = view.flow
    mend = f"declared: {', '.join(flow.variables)}" if flow.variables else "declare it under variables"
    for name, element in flow.elements.items():
        said: set[str] = set()
        reads = [(path, read) for path, expression in view.expressions(name) for read in sorted(expression.names)]
        for path, read in [*reads, *_recordings(view, name)]:
            if read not in flow.variables and read not in CONTEXT_NAMES and read not in said:
                said.add(read)
                yield view.finding(V001, name, dotted(path), f"{read} is not declared", mend)
        for read in element.sets():
            if read not in flow.variables and read not in said:
                said.add(read)
                yield view.finding(V001, name, _setter(element, read), f"{read} is set and not declared", mend)
    for key, names in (("sensitive", flow.sensitive), ("shareable", flow.shareable)):
        listed = sorted(names) if flow.places is None else flow.places.data.get(key) or ()
        for index, read in enumerate(listed):
            if read not in flow.variables:
                line = None if flow.places is None else flow.places.line((key, index))
                yield view.finding(V001, None, key, f"{read} is {key} and not declared", mend, line=line)


def _setter(element: Element, name: str) -> str:
    """The field that says that an element sets a variable."""
    if getattr(element, "save_as", None) == name:
        return "save_as"
    for field in ("variables", "save", "save_headers"):
        value = getattr(element, field, None)
        if isinstance(value, Mapping) and name in value:
            return f"{field}.{name}"
    return ""


def _unused(view: View) -> Iterator[Finding]:
    flow = view.flow
    used: set[str] = {SPOKEN_LANGUAGE, *flow.shareable}
    for name, element in flow.elements.items():
        used.update(element.sets())
        used.update(read for _, read in _recordings(view, name))
        used.update(read for _, expression in view.expressions(name) for read in expression.names)
    unused = [name for name in flow.variables if name not in used]
    if unused and flow.flow_entry is not None:
        read_there = _read_by_callers(view)
        unused = [] if read_there is None else [name for name in unused if name not in read_there]
    for name in unused:
        line = None if flow.places is None else flow.places.line(("variables", name))
        yield view.finding(V002, None, f"variables.{name}", "nothing reads or sets it", "take it out", line=line)


def _read_by_callers(view: View) -> set[str] | None:
    """Variables that the flows which come here read when they have the call back; None where that is not known."""
    if not view.callers:
        return None
    used: set[str] = set()
    for flow in {flow.name: flow for flow, _, _ in view.callers}.values():
        other = View(flow, view.world)
        for path in {path for name in flow.elements for _, each in other.expressions(name) for path in each.paths}:
            if path[0] == "result" and len(path) < 3 and path[1:] in ((), ("variables",)):
                return None
            if path[:2] == ("result", "variables"):
                used.add(path[2])
    return used


def _passed(view: View) -> Iterator[Finding]:
    flows = view.world.flows or {}
    for name, element in view.flow.elements.items():
        if isinstance(element, TransferToFlowElement) and element.flow.fixed:
            other = flows.get(element.flow.source.strip())
            for passed in element.pass_ if other is not None else ():
                assert other is not None
                if passed not in other.variables:
                    known = ", ".join(other.variables) or "none"
                    message = f"the flow {other.name} has no variable {passed}"
                    yield view.finding(V004, name, f"pass.{passed}", message, f"its variables: {known}")


# Set before they are read


def _unset(view: View) -> Iterator[Finding]:
    flow = view.flow
    empty = [name for name, value in flow.variables.items() if value is None or value in ("", [], {})]
    if not empty:
        return
    bits = {name: 1 << index for index, name in enumerate(empty)}
    reads = {name: dict(_reads(view, name, element, bits)) for name, element in flow.elements.items()}
    if not any(reads.values()):
        return
    ways = {name: _ways(view, name, bits) for name in flow.elements}
    known = {name: _at_start(view, name, bits) for name in flow.entries}
    has = _settled(known, ways)
    for name, found in reads.items():
        for read, path in found.items():
            if name in has and not has[name] & bits[read]:
                way = _way_without(name, bits[read], known, ways)
                message = f"{read} may not be set yet, and its default is empty"
                yield view.finding(V003, name, dotted(path), message, "lead the other ways elsewhere", path=way)


def _reads(view: View, at: str, element: Element, bits: Mapping[str, int]) -> Iterator[tuple[str, Path]]:
    """Variables whose value an element uses, each with a field; tests for a value are no use of it."""
    earlier: set[str] = set()
    seen: set[str] = set()
    for path, expression in view.expressions(at):
        if path[0] == "conditions" or (isinstance(element, TransferToFlowElement) and path[0] == "pass"):
            continue
        if isinstance(element, SetVariableElement):
            earlier.update(before for before in _before(element, str(path[1])))
        for name in expression.names:
            if name in bits and name not in seen and name not in earlier and not _cared_for(expression.source, name):
                seen.add(name)
                yield name, path
    for path, name in _recordings(view, at):
        if name in bits and name not in seen:
            yield name, path


def _before(element: SetVariableElement, name: str) -> tuple[str, ...]:
    names = list(element.variables)
    return tuple(names[: names.index(name)])


def _cared_for(source: str, name: str) -> bool:
    """An expression asks for the variable before it takes it."""
    word = rf"(?<![\w.]){re.escape(name)}(?!\w)"
    return re.search(rf"\b(?:if|and|not)\s+{word}|{word}\s*(?:or\b|and\b|==|!=)|len\(\s*{word}", source) is not None


def _at_start(view: View, name: str, bits: Mapping[str, int]) -> int:
    """Variables that have a value where the flow begins at an entry."""
    element = view.flow.elements[name]
    everything = sum(bits.values())
    if element.OUTSIDE:
        return everything  # the contact brings values
    if not isinstance(element, StartFromFlowElement):
        return 0
    passed = [{key for key in caller.pass_ if key in bits} for _, _, caller in view.callers]
    return sum(bits[key] for key in set.intersection(*passed)) if passed else everything


def _ways(view: View, name: str, bits: Mapping[str, int]) -> list[_Way]:
    """Where an element leads, with the variables that have a value for certain once that branch is taken."""
    element = view.flow.elements[name]
    specs = {spec.name: spec for spec in element.branch_specs()}
    checked = _checked(view, name, element) if isinstance(element, BranchElement) else {}
    found: dict[_Way, None] = {}
    for edge in view.leaving[name]:
        if edge.target is not None:
            names = checked.get(edge.branch) or (element.sets() if element.sets_on(specs[edge.branch]) else ())
            found[edge.target, sum(bits[each] for each in set(names) if each in bits)] = None
    return list(found)


def _checked(view: View, name: str, element: BranchElement) -> dict[str, set[str]]:
    """For every branch the variables that the conditions asked before, and the one that holds, have looked at."""
    reads: dict[object, set[str]] = {}
    for path, expression in view.expressions(name):
        reads.setdefault(path[1], set()).update(expression.names)
    found: dict[str, set[str]] = {}
    so_far: set[str] = set()
    for index, (way, condition) in enumerate(element.ways.items()):
        tested = reads.get(index, set())
        meaning = _meaning(condition, tested)
        found[way] = so_far if meaning == "empty" else so_far | tested
        if meaning != "filled":
            so_far = so_far | tested
    return {**found, OTHERWISE.name: so_far}


def _meaning(condition: Condition, tested: set[str]) -> str:
    """Whether a condition asks for an `empty` variable or a `filled` one, or something else."""
    if condition.is_empty is not None or condition.is_not_empty is not None:
        return "empty" if condition.is_empty or condition.is_not_empty is False else "filled"
    source = condition.when.expressions[0].source if condition.when is not None and condition.when.alone else ""
    if source in tested:
        return "filled"
    return "empty" if source.startswith("not ") and source[4:].strip() in tested else ""


def _settled(known: Mapping[str, int], ways: Mapping[str, list[_Way]]) -> dict[str, int]:
    """For every element that can be reached, the variables that have a value on all ways to it."""
    has: dict[str, int] = {}
    todo = list(known.items())
    while todo:
        name, coming = todo.pop()
        now = has[name] & coming if name in has else coming
        if name in has and now == has[name]:
            continue
        has[name] = now
        todo.extend((target, now | gained) for target, gained in ways[name])
    return has


def _way_without(name: str, bit: int, known: Mapping[str, int], ways: Mapping[str, list[_Way]]) -> tuple[str, ...]:
    """The shortest way to an element on which a variable gets no value."""
    found = tree(
        [entry for entry, values in known.items() if not values & bit],
        lambda at: [target for target, gained in ways[at] if not gained & bit],
    )
    way: list[str] = []
    at: str | None = name
    while at is not None and at in found:
        way.append(at)
        at = found[at]
    return tuple(reversed(way))
