"""Variables: declared and used, and set before they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ivr.flow.elements.base import Element
from ivr.flow.elements.branch import BranchElement
from ivr.flow.elements.conditions import Condition
from ivr.flow.elements.set_variable import SetVariableElement
from ivr.flow.elements.start import StartFromFlowElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import CONTEXT_NAMES, Expression, Template
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.graphs import tree
from ivr.flow.lint.view import View
from ivr.flow.model import Edge
from ivr.flow.positions import Path, dotted
from ivr.flow.walk import prompts, templates

__all__ = ["rules"]

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


def _expressions(element: Element) -> Iterator[tuple[Path, Template[Any], Expression]]:
    for path, template in templates(element):
        for expression in template.expressions:
            yield path, template, expression


def _recordings(element: Element) -> Iterator[tuple[Path, str]]:
    """Variables that prompts name to play what was recorded."""
    for path, prompt in prompts(element):
        found = prompt.voicemail
        if found is not None and found.fixed and found.source.strip().isidentifier():
            yield (*path, "voicemail"), found.source.strip()


# Declared and used


def _undeclared(view: View) -> Iterator[Finding]:
    flow = view.flow
    mend = f"declared: {', '.join(flow.variables)}" if flow.variables else "declare it under variables"
    for name, element in flow.elements.items():
        said: set[str] = set()
        reads = [(path, read) for path, _, expression in _expressions(element) for read in sorted(expression.names)]
        for path, read in [*reads, *_recordings(element)]:
            if read not in flow.variables and read not in CONTEXT_NAMES and read not in said:
                said.add(read)
                yield view.finding(V001, name, dotted(path), f"{read} is not declared", mend)
        for read in element.sets():
            if read not in flow.variables and read not in said:
                said.add(read)
                yield view.finding(V001, name, _setter(element, read), f"{read} is set and not declared", mend)
    for index, read in enumerate(sorted(flow.sensitive)):
        if read not in flow.variables:
            line = None if flow.places is None else flow.places.line(("sensitive", index))
            yield view.finding(V001, None, "sensitive", f"{read} is sensitive and not declared", mend, line=line)


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
    used: set[str] = {SPOKEN_LANGUAGE}
    for element in flow.elements.values():
        used.update(element.sets())
        used.update(name for _, name in _recordings(element))
        used.update(name for _, _, expression in _expressions(element) for name in expression.names)
    if flow.flow_entry is not None:
        if not view.callers:
            return
        for caller in {caller.name: caller for caller, _, _ in view.callers}.values():
            for element in caller.elements.values():
                for _, _, expression in _expressions(element):
                    for path in expression.paths:
                        if path[:1] == ("result",) and len(path) < 3:
                            return
                        if path[:2] == ("result", "variables"):
                            used.add(path[2])
    for name in flow.variables:
        if name not in used:
            line = None if flow.places is None else flow.places.line(("variables", name))
            yield view.finding(V002, None, f"variables.{name}", "nothing reads or sets it", "take it out", line=line)


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
    reads = {name: dict(_reads(element, bits)) for name, element in flow.elements.items()}
    if not any(reads.values()):
        return
    gains = {edge: _gained(view, edge, bits) for edge in flow.edges if edge.target is not None}
    known = {name: _at_start(view, name, bits) for name in flow.entries}
    has = _settled(view, known, gains)
    for name, found in reads.items():
        for read, path in found.items():
            if name in has and not has[name] & bits[read]:
                way = _way_without(view, name, bits[read], known, gains)
                message = f"{read} may not be set yet, and its default is empty"
                yield view.finding(V003, name, dotted(path), message, "lead the other ways elsewhere", path=way)


def _reads(element: Element, bits: Mapping[str, int]) -> Iterator[tuple[str, Path]]:
    """Variables whose value an element uses, each with a field; tests for a value are no use of it."""
    earlier: set[str] = set()
    seen: set[str] = set()
    for path, _, expression in _expressions(element):
        if path[0] == "conditions" or (isinstance(element, TransferToFlowElement) and path[0] == "pass"):
            continue
        if isinstance(element, SetVariableElement):
            earlier.update(before for before in _before(element, str(path[1])))
        for name in expression.names:
            if name in bits and name not in seen and name not in earlier and not _cared_for(expression.source, name):
                seen.add(name)
                yield name, path
    for path, name in _recordings(element):
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


def _gained(view: View, edge: Edge, bits: Mapping[str, int]) -> int:
    """Variables that have a value for certain once this branch is taken."""
    element = view.flow.elements[edge.source]
    names: set[str] = set()
    if isinstance(element, BranchElement):
        names = _checked(element, edge.branch)
    else:
        spec = next(spec for spec in element.branch_specs() if spec.name == edge.branch)
        if element.sets_on(spec):
            names = set(element.sets())
    return sum(bits[name] for name in names if name in bits)


def _checked(element: BranchElement, branch: str) -> set[str]:
    """Variables that the conditions asked before, and the one that holds, have looked at."""
    names: set[str] = set()
    for way, condition in element.ways.items():
        tested, meaning = _test(condition)
        if way == branch:
            return names | tested if meaning != "empty" else names
        if meaning != "filled":
            names |= tested
    return names


def _test(condition: Condition) -> tuple[set[str], str]:
    """Variables that a condition reads, and whether it asks for an `empty` or a `filled` one, or something else."""
    tested = {name for _, template in templates(condition) for item in template.expressions for name in item.names}
    if condition.is_empty is not None or condition.is_not_empty is not None:
        return tested, "empty" if condition.is_empty or condition.is_not_empty is False else "filled"
    source = condition.when.expressions[0].source if condition.when is not None and condition.when.alone else ""
    if source in tested:
        return tested, "filled"
    return tested, "empty" if source.startswith("not ") and source[4:].strip() in tested else ""


def _settled(view: View, known: Mapping[str, int], gains: Mapping[Edge, int]) -> dict[str, int]:
    """For every element that can be reached, the variables that have a value on all ways to it."""
    has: dict[str, int] = {}
    todo = list(known.items())
    while todo:
        name, coming = todo.pop()
        now = has[name] & coming if name in has else coming
        if name in has and now == has[name]:
            continue
        has[name] = now
        todo.extend((edge.target, now | gains[edge]) for edge in view.leaving[name] if edge.target is not None)
    return has


def _way_without(
    view: View, name: str, bit: int, known: Mapping[str, int], gains: Mapping[Edge, int]
) -> tuple[str, ...]:
    """The shortest way to an element on which a variable gets no value."""

    def following(at: str) -> list[str]:
        return [edge.target for edge in view.leaving[at] if edge.target is not None and not gains[edge] & bit]

    found = tree([entry for entry, values in known.items() if not values & bit], following)
    way: list[str] = []
    at: str | None = name
    while at is not None and at in found:
        way.append(at)
        at = found[at]
    return tuple(reversed(way))
