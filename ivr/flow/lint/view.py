"""A flow as the rules look at it: what can happen in which order, shortest ways, and what is known around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ivr.flow.elements.base import ELEMENTS, Exposure
from ivr.flow.elements.branch import BranchElement
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.elements.set_variable import SetVariableElement
from ivr.flow.elements.start import StartFromFlowElement
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import Expression, Template
from ivr.flow.faults import near
from ivr.flow.lint.codes import Code
from ivr.flow.lint.constants import fixed_variables, never_taken
from ivr.flow.lint.findings import Finding, World
from ivr.flow.lint.graphs import tree
from ivr.flow.model import Edge, Flow
from ivr.flow.positions import Path
from ivr.flow.walk import prompts, templates

__all__ = ["NOTHING", "UNKNOWN", "Caller", "State", "View", "callers_of", "meant"]

State = tuple[str, bool]
"""An element, and whether the caller is there."""

Caller = tuple[Flow, str, TransferToFlowElement]
"""A flow with the element of it that transfers to another flow."""

NOTHING = ""
"""In place of an element that has given results: none has yet."""

UNKNOWN = "?"
"""In place of an element that has given results: another flow may have."""


def meant(word: str, known: Iterable[str]) -> str:
    """How a name that is not known is mended: the one that was probably meant, or those that there are."""
    names = sorted(known)
    found = near(word, names)
    return f"did you mean {found}?" if found else f"there are {', '.join(names) or 'none'}"


class View:
    """One flow in its world. Everything is worked out once, when the first rule asks for it."""

    def __init__(self, flow: Flow, world: World, callers: Sequence[Caller] = ()) -> None:
        self.flow = flow
        self.world = world
        self.callers = tuple(callers)
        """Elements of all flows that transfer to this one, as far as they are known and name it."""
        self._templates: dict[str, list[tuple[Path, Template[Any]]]] = {}
        self._prompts: dict[str, list[tuple[Path, PromptFields]]] = {}

    def finding(
        self,
        code: Code,
        element: str | None,
        field: str,
        message: str,
        mend: str | None = None,
        *,
        up: bool | None = None,
        path: Sequence[str] | None = None,
        line: int | None = None,
    ) -> Finding:
        """A finding at a field of an element, shown by the shortest way there, while the caller is there or is not."""
        flow = self.flow
        file = flow.places.file if flow.places is not None else flow.name
        if line is None and element is not None:
            line = flow.line(element, field)
        if path is None:
            path = () if element is None else self.way(element, up)
        return Finding(code.name, code.severity, file, line, element, field or None, message, mend, tuple(path))

    # What stands in the fields

    def templates(self, element: str) -> list[tuple[Path, Template[Any]]]:
        """Fields of an element that may hold expressions, with their paths."""
        found = self._templates.get(element)
        if found is None:
            found = self._templates[element] = list(templates(self.flow.elements[element]))
        return found

    def expressions(self, element: str) -> list[tuple[Path, Expression]]:
        """Expressions of an element, with the paths of their fields."""
        return [(path, expression) for path, template in self.templates(element) for expression in template.expressions]

    def prompts(self, element: str) -> list[tuple[Path, PromptFields]]:
        """Prompts of an element, with their paths."""
        found = self._prompts.get(element)
        if found is None:
            found = self._prompts[element] = list(prompts(self.flow.elements[element]))
        return found

    def results(self, element: str) -> tuple[str, ...] | None:
        """Fields of `result` after an element; (): it leaves that as it was; None: not known."""
        model = self.flow.elements[element]
        return model.RESULTS if model.RESULTS or model.type in ELEMENTS else None

    def exposure(self, element: str, path: Path) -> Exposure | None:
        """How the value of a field leaves the call; what an element of others does with it is not known, so it does."""
        model = self.flow.elements[element]
        found = model.EXPOSES.get(str(path[0]))
        return "sent" if found is None and not model.EXPOSES and model.type not in ELEMENTS else found

    # What can happen

    @cached_property
    def leaving(self) -> Mapping[str, tuple[Edge, ...]]:
        """Every branch of every element."""
        found: dict[str, list[Edge]] = {name: [] for name in self.flow.elements}
        for edge in self.flow.edges:
            found[edge.source].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    def branches(self, state: State) -> Iterator[Edge]:
        """Branches that can be taken in a state; an end of the call that the flow does not bring about is none."""
        name, _ = state
        if self._runs(state):
            never = self.never.get(name, ())
            yield from (edge for edge in self.leaving[name] if not edge.imposed and edge.branch not in never)

    def _runs(self, state: State) -> bool:
        """The element can run in this state; else it is a fault."""
        name, up = state
        return up or not self.flow.elements[name].NEEDS_CALL

    @cached_property
    def never(self) -> Mapping[str, frozenset[str]]:
        """For elements that branch: the branches that are never taken, since nothing changes what they ask for."""
        fixed = fixed_variables(self.flow, self.callers)
        return {
            name: never_taken(element, self.flow, fixed)
            for name, element in self.flow.elements.items()
            if isinstance(element, BranchElement)
        }

    def after(self, state: State) -> list[State]:
        """States that can follow, the end of the call included."""
        name, up = state
        if not self._runs(state):
            return []
        found: list[State] = []
        for edge in self.leaving[name]:
            if edge.target is not None and (up or not edge.imposed):
                ends = None if up or edge.branch != "returned" else self._called_in(name)
                found += [(edge.target, each) for each in ends or (edge.up_after(up),)]
        return found

    def _called_in(self, name: str) -> frozenset[bool] | None:
        """Whether somebody is there when a subroutine comes back that calls people; None: it calls nobody."""
        element = self.flow.elements[name]
        if not isinstance(element, TransferToFlowElement):
            return None
        other = (self.world.flows or {}).get(element.flow.source.strip())
        if other is None or other.flow_entry is None or other is self.flow:
            return None
        if not any(isinstance(each, StartOutgoingCallElement) for each in other.elements.values()):
            return None
        return ends_of(other, (other.flow_entry, False))

    @cached_property
    def starts(self) -> tuple[State, ...]:
        """Where it can begin."""
        found: list[State] = []
        for name in self.flow.entries:
            element = self.flow.elements[name]
            ups = [not element.OUTSIDE]
            if isinstance(element, StartFromFlowElement) and self.callers:
                # A participant has answered before the flow begins here.
                found_ups = (flow.sessions.get(at, ()) if by.enters else {True} for flow, at, by in self.callers)
                ups = sorted(set().union(*found_ups), reverse=True)
            found.extend((name, up) for up in ups or [True])
        return tuple(found)

    @cached_property
    def reached(self) -> Mapping[State, State | None]:
        """Every state that can come, with the one before it on a shortest way."""
        return tree(self.starts, self.after)

    def ups(self, name: str) -> frozenset[bool]:
        """Whether the caller can be there (True), or not (False), at an element; empty where nothing leads to it."""
        return frozenset(up for up in (True, False) if (name, up) in self.reached)

    def way(self, name: str, up: bool | None = None) -> tuple[str, ...]:
        """The shortest way to an element; empty where none leads there."""
        ways = [
            self._way((name, each)) for each in ((True, False) if up is None else (up,)) if (name, each) in self.reached
        ]
        return min(ways, key=len, default=())

    def _way(self, state: State) -> tuple[str, ...]:
        found = [state]
        while (before := self.reached[found[-1]]) is not None:
            found.append(before)
        return tuple(name for name, _ in reversed(found))

    @cached_property
    def givers(self) -> Mapping[str, frozenset[str]]:
        """For every element that can be reached: the elements whose results may be there when it begins."""
        found: dict[str, set[str]] = {}
        todo: list[tuple[str, frozenset[str]]] = []
        for name, _ in self.starts:
            foreign = isinstance(self.flow.elements[name], StartFromFlowElement)
            todo.append((name, frozenset({UNKNOWN if foreign else NOTHING})))
        while todo:
            name, coming = todo.pop()
            known = found.setdefault(name, set())
            if coming <= known and known:
                continue
            known |= coming
            results = self.results(name)
            leaving = frozenset(known) if results == () else frozenset({name})
            # An end of the call under the element leaves the result of the one before.
            todo.extend(
                (edge.target, leaving | known if edge.imposed else leaving)
                for edge in self.leaving[name]
                if edge.target is not None
            )
        return {name: frozenset(known) for name, known in found.items()}

    # Other flows

    @cached_property
    def returning(self) -> frozenset[State]:
        """States in which the end of this flow goes back to another one: those that follow where another enters it."""
        entry = self.flow.flow_entry
        if entry is None or (self.callers and not any(element.returns for _, _, element in self.callers)):
            return frozenset()
        return frozenset(tree([state for state in self.starts if state[0] == entry], self.after))

    # Variables

    @cached_property
    def secret(self) -> frozenset[str]:
        """Variables whose value may be secret: declared so, collected so, or made of one that is."""
        found = set(self.flow.sensitive)
        made: list[tuple[str, frozenset[str]]] = []
        for element in self.flow.elements.values():
            if isinstance(element, CollectElement) and element.sensitive and element.save_as is not None:
                found.add(element.save_as)
            elif isinstance(element, SetVariableElement):
                for name, template in element.variables.items():
                    reads = frozenset(read for expression in template.expressions for read in expression.names)
                    made.append((name, reads))
        size = -1
        while size != len(found):
            size = len(found)
            found.update(name for name, reads in made if reads & found)
        return frozenset(found)


def ends_of(flow: Flow, start: State) -> frozenset[bool]:
    """Whether somebody is there, or not, where a flow comes to its end; flows that it goes on in for good count not."""
    leaving: dict[str, list[Edge]] = {}
    for edge in flow.edges:
        leaving.setdefault(edge.source, []).append(edge)
    ends: set[bool] = set()

    def after(state: State) -> list[State]:
        name, up = state
        edges = [edge for edge in leaving.get(name, ()) if up or not edge.imposed]
        if flow.elements[name].type != "transfer_to_flow":
            ends.update(edge.up_after(up) for edge in edges if edge.target is None)
        return [(edge.target, edge.up_after(up)) for edge in edges if edge.target is not None]

    tree([start], after)
    return frozenset(ends)


def callers_of(flows: Iterable[Flow]) -> Mapping[str, Sequence[Caller]]:
    """For every flow that others transfer to by its name: from where."""
    found: dict[str, list[Caller]] = {}
    for flow in flows:
        for name, element in flow.elements.items():
            if isinstance(element, TransferToFlowElement) and element.flow.fixed:
                found.setdefault(element.flow.source.strip(), []).append((flow, name, element))
    return found
