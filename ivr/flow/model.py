"""A flow as the machine runs it, and the set of flows in force.

Both are immutable: a call keeps the flow, and the set, it began with; a reload makes new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ivr.flow.elements.base import Element
from ivr.flow.elements.start import StartFromFlowElement, StartIncomingCallElement
from ivr.flow.expressions import Scope
from ivr.flow.ports import PromptSpec
from ivr.flow.positions import Places
from ivr.flow.walk import first_prompts

__all__ = ["ANY_NUMBER", "Edge", "Flow", "FlowSet", "Published", "plain_number"]

ANY_NUMBER = "*"
"""Takes what no other flow has."""

_SEPARATORS = str.maketrans("", "", " -./()\t")


def plain_number(number: str) -> str:
    """A telephone number without the signs that people group it with; anything else as it is."""
    plain = number.translate(_SEPARATORS)
    return plain if plain.removeprefix("+").isdecimal() else number


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one element to another, or out of the flow."""

    source: str
    """Element it leaves."""
    branch: str
    """Branch it is."""
    target: str | None
    """Element it leads to; None: nothing follows."""
    field: str
    """Field that names, or would name, the target."""
    named: bool
    """The flow names this branch itself; else a fall-back gives the target."""
    fallback: str | None
    """Branch whose target an unnamed one takes."""
    session_over: bool
    """The caller is gone when it is taken."""


@dataclass(frozen=True, eq=False)
class Flow:
    """One version of one flow."""

    name: str
    """Stem of its file."""
    elements: Mapping[str, Element]
    """By name, in the order of the file."""
    description: str = ""
    """For people."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Declared variables with their defaults."""
    sensitive: frozenset[str] = frozenset()
    """Variables that must stand in no log, trace, report, file name or webhook."""
    version: str = ""
    """First 12 hexadecimal digits of the SHA-256 of the file: the same content is the same version."""
    source: Path | None = None
    """The file; None for text from elsewhere."""
    places: Places | None = None
    """Where everything stands in it."""

    @cached_property
    def entries(self) -> tuple[str, ...]:
        """Elements that a call can begin at."""
        return tuple(name for name, element in self.elements.items() if element.ENTRY)

    @cached_property
    def flow_entry(self) -> str | None:
        """Element that a transfer from another flow begins at; None: it is no target."""
        return next((name for name, found in self.elements.items() if isinstance(found, StartFromFlowElement)), None)

    @cached_property
    def first(self) -> Scope:
        """The variables with their defaults, and nothing of a call."""
        return Scope(self.variables, sensitive=self.sensitive)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every branch of every element, fall-backs resolved."""
        return tuple(
            Edge(
                name,
                branch,
                way.target,
                way.path,
                way.target is not None and way.via == branch,
                way.branch.fallback,
                way.branch.call_over,
            )
            for name, element in self.elements.items()
            for branch, way in element.exits.items()
        )

    @cached_property
    def sessions(self) -> Mapping[str, frozenset[bool]]:
        """For every element that can be reached: whether the session may be up (True), over (False), or either.

        Entries are taken to begin inside a session.
        """
        leaving: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.target is not None:
                leaving.setdefault(edge.source, []).append(edge)
        found: dict[str, set[bool]] = {}
        todo = [(name, True) for name in self.entries]
        while todo:
            name, up = todo.pop()
            states = found.setdefault(name, set())
            if up in states:
                continue
            states.add(up)
            for edge in leaving.get(name, ()):
                assert edge.target is not None
                todo.append((edge.target, up and not edge.session_over))
        return {name: frozenset(states) for name, states in found.items()}

    @cached_property
    def inserted(self) -> tuple[Edge, ...]:
        """Branches that nothing is named for while the caller is there: the call is hung up there.

        In a flow that was entered as a subroutine the call goes back instead. Of branches that share a fall-back the
        one is listed that all fall back to.
        """
        return tuple(
            edge
            for edge in self.edges
            if edge.target is None
            and not edge.session_over
            and edge.fallback is None
            and True in self.sessions.get(edge.source, ())
        )

    def line(self, element: str, path: str = "") -> int | None:
        """Line in the file of an element or of one of its fields (`branches.busy`)."""
        if self.places is None:
            return None
        parts = tuple(
            int(part) if part.isdecimal() and "conditions" in path else part for part in path.split(".") if part
        )
        return self.places.line(("elements", element, *parts))


@dataclass(frozen=True, slots=True)
class Published:
    """A number that starts a flow."""

    number: str
    """As written; `*`: any."""
    line: str | None
    """Only calls of this line; None: of all."""
    flow: Flow
    """Which flow."""
    entry: str
    """Its element."""


class FlowSet:
    """The flows in force. Mapping-like by name; `find` answers which flow a call gets."""

    __slots__ = ("_exact", "_flows", "_internal", "_plain", "number", "published")

    def __init__(self, flows: Mapping[str, Flow], *, number: int = 1, internal: Flow | None = None) -> None:
        self._flows = dict(flows)
        self._internal = internal
        self.number = number
        """Counts the loads of this process."""
        self.published: tuple[Published, ...] = tuple(_published(self._flows))
        """Every number with its flow, in the order of the files."""
        self._exact: dict[tuple[str, str | None], Published] = {}
        self._plain: dict[tuple[str, str | None], Published] = {}
        for entry in self.published:
            self._exact.setdefault((entry.number, entry.line), entry)
            self._plain.setdefault((plain_number(entry.number), entry.line), entry)

    def __len__(self) -> int:
        return len(self._flows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._flows)

    def __contains__(self, name: object) -> bool:
        return name in self._flows

    def __getitem__(self, name: str) -> Flow:
        return self._flows[name]

    def get(self, name: str) -> Flow | None:
        """The flow of that name."""
        return self._flows.get(name)

    def values(self) -> tuple[Flow, ...]:
        """All flows."""
        return tuple(self._flows.values())

    def find(self, number: str, line: str | None = None, *, last_resort: bool = True) -> tuple[Flow, str] | None:
        """Flow and entry for a call to `number` on `line`.

        The number as it stands, then without grouping signs, then `*` unless `last_resort` is false; each for this
        line first, then for all.
        """
        tables = [(self._exact, number), (self._plain, plain_number(number))]
        if last_resort:
            tables.append((self._exact, ANY_NUMBER))
        for table, key in tables:
            entry = table.get((key, line)) or table.get((key, None))
            if entry is not None and (entry.number != ANY_NUMBER or key == ANY_NUMBER):
                return entry.flow, entry.entry
        return None

    def find_internal(self) -> tuple[Flow, str] | None:
        """The built-in flow for a call from phone to phone that no flow has a number for."""
        return None if self._internal is None else (self._internal, self._internal.entries[0])

    def prompts(self) -> tuple[PromptSpec, ...]:
        """Prompts that need no call to be known, so that they can be made before the first one; each once."""
        found: dict[PromptSpec, None] = {}
        for flow in self._flows.values():
            for element in flow.elements.values():
                found.update(dict.fromkeys(first_prompts(element, flow.first)))
        return tuple(found)


def _published(flows: Mapping[str, Flow]) -> Iterator[Published]:
    for flow in flows.values():
        for name, element in flow.elements.items():
            if isinstance(element, StartIncomingCallElement):
                for number in element.numbers:
                    yield Published(number, element.line, flow, name)
