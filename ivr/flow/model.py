"""A flow as the machine runs it, and the set of flows in force.

Both are immutable: a call keeps the flow, and the set, it began with; a reload makes new ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, Element
from ivr.flow.elements.start import StartFromAudienceElement, StartFromFlowElement, StartIncomingCallElement
from ivr.flow.elements.wait_for_event import WaitForEventElement
from ivr.flow.expressions import Scope
from ivr.flow.ports import PromptSpec
from ivr.flow.positions import Places
from ivr.flow.spoken import Languages
from ivr.flow.values import plain_number
from ivr.flow.walk import first_prompts, templates

__all__ = ["ANY_NUMBER", "Candidate", "Edge", "Flow", "FlowSet", "Published", "plain_number"]

ANY_NUMBER = "*"
"""Takes what no other flow has."""

ENDS = frozenset({USER_HUNG_UP.name, CALL_ENDED.name})
"""Branches for the end of the call under an element."""


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
    session_begins: bool = False
    """A session begins with it."""
    imposed: bool = False
    """It is the end of the call that somebody else brings about."""

    def up_after(self, up: bool) -> bool:
        """Whether the caller is there after it, if so before."""
        return self.session_begins or (up and not self.session_over)


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
    number: int = 0
    """Number of this version in the store; 0: it is not from there."""
    canary: float | None = None
    """Share of new calls that are to try this version, more than 0 and at most 1; None: it is for all."""
    shareable: frozenset[str] = frozenset()
    """Variables that whoever the call is handed to may know."""
    made: Mapping[str, Any] | None = None
    """Elements that it was made of for one call, as JSON; None: it was not. See :mod:`ivr.flow.making`."""

    @cached_property
    def entries(self) -> tuple[str, ...]:
        """Elements that a call can begin at."""
        return tuple(name for name, element in self.elements.items() if element.ENTRY)

    @cached_property
    def uses_profile(self) -> bool:
        """Whether anything in it reads what is known of the caller, or tells it whoever takes the call over."""
        return any(element.TELLS_PROFILE for element in self.elements.values()) or any(
            "profile" in expression.names
            for element in self.elements.values()
            for _, template in templates(element)
            for expression in template.expressions
        )

    @cached_property
    def events(self) -> frozenset[str | None]:
        """Names of the events that it waits for, or that start it; None among them: names that a call works out."""
        found: set[str | None] = set()
        for element in self.elements.values():
            if isinstance(element, StartFromAudienceElement) and element.event is not None:
                found.add(element.event)
            elif isinstance(element, WaitForEventElement):
                found.add(element.event.source.strip() if element.event.fixed else None)
        return frozenset(found)

    @cached_property
    def flow_entry(self) -> str | None:
        """Element that a transfer from another flow begins at; None: it is no target."""
        return next((name for name, found in self.elements.items() if isinstance(found, StartFromFlowElement)), None)

    @cached_property
    def audience_entry(self) -> str | None:
        """Element at which a campaign or the HTTP interface begins it, outside a call; None: none can."""
        return next(
            (name for name, found in self.elements.items() if isinstance(found, StartFromAudienceElement)), None
        )

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
                way.branch.call_begins,
                branch in ENDS and not way.branch.own,
            )
            for name, element in self.elements.items()
            for branch, way in element.exits.items()
        )

    @cached_property
    def sessions(self) -> Mapping[str, frozenset[bool]]:
        """For every element that can be reached: whether the session may be up (True), over (False), or either.

        Entries are taken to begin inside a session, but those that begin outside.
        """
        leaving: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.target is not None:
                leaving.setdefault(edge.source, []).append(edge)
        found: dict[str, set[bool]] = {}
        todo = [(name, not self.elements[name].OUTSIDE) for name in self.entries]
        while todo:
            name, up = todo.pop()
            states = found.setdefault(name, set())
            if up in states:
                continue
            states.add(up)
            for edge in leaving.get(name, ()):
                assert edge.target is not None
                todo.append((edge.target, edge.up_after(up)))
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
            and edge.fallback is None
            and any(edge.up_after(up) for up in self.sessions.get(edge.source, ()))
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that a share of the calls tries."""

    flow: Flow
    """The version."""
    share: float
    """Of the calls: more than 0, at most 1."""

    def takes(self, key: str) -> bool:
        """Whether calls with this key try it: always the same answer for one key and one version."""
        digest = hashlib.sha256(f"{self.flow.name}@{self.flow.version}:{key}".encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8]) < self.share * 2**64


MAX_VIEWS = 64
"""Sets with candidates in place that are kept; more than six flows with a candidate at a time make new ones."""


class FlowSet:
    """The flows in force. Mapping-like by name; `find` answers which flow a call gets."""

    __slots__ = (
        "_events",
        "_exact",
        "_flows",
        "_internal",
        "_plain",
        "_uses_profile",
        "_views",
        "candidates",
        "number",
        "published",
    )

    def __init__(
        self,
        flows: Mapping[str, Flow],
        *,
        number: int = 1,
        internal: Flow | None = None,
        candidates: Mapping[str, Candidate] | None = None,
    ) -> None:
        self._flows = dict(flows)
        self._internal = internal
        self._views: dict[frozenset[str], FlowSet] = {}
        self._uses_profile: bool | None = None
        self._events: frozenset[str | None] | None = None
        self.number = number
        """Counts the loads of this process."""
        self.candidates: Mapping[str, Candidate] = dict(candidates or {})
        """Versions that a share of the calls tries, by the name of their flow."""
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

    def choose(self, flow: Flow, key: str) -> Flow:
        """The version of a flow for calls with this key (the caller's number): the flow, or its candidate."""
        candidate = self.candidates.get(flow.name)
        return candidate.flow if candidate is not None and candidate.takes(key) else flow

    def for_caller(self, key: str) -> FlowSet:
        """The flows as calls with this key have them: with the candidates that these try in their places."""
        if not self.candidates:
            return self
        chosen = frozenset(
            name for name in self.candidates if self.choose(self._flows[name], key) is not self._flows[name]
        )
        if not chosen:
            return self
        view = self._views.get(chosen)
        if view is None:
            flows = {name: self.candidates[name].flow if name in chosen else self._flows[name] for name in self._flows}
            view = FlowSet(flows, number=self.number, internal=self._internal)
            if len(self._views) < MAX_VIEWS:
                self._views[chosen] = view
        return view

    @property
    def uses_profile(self) -> bool:
        """Whether any of the flows reads what is known of the caller: a call may pass from one to another."""
        if self._uses_profile is None:
            flows = [*self._flows.values(), *(candidate.flow for candidate in self.candidates.values())]
            self._uses_profile = any(flow.uses_profile for flow in flows)
        return self._uses_profile

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

    def started_by(self, event: str) -> tuple[tuple[Flow, str], ...]:
        """Flows, with their entries, that an event of this name starts outside a call."""
        return tuple(
            (flow, name)
            for flow in self._flows.values()
            for name, element in flow.elements.items()
            if isinstance(element, StartFromAudienceElement) and element.event == event
        )

    def with_versions(self, flows: Iterable[Flow]) -> FlowSet:
        """The same set with some versions in their places."""
        replaced = {**self._flows, **{flow.name: flow for flow in flows}}
        return FlowSet(replaced, number=self.number, internal=self._internal)

    def asks_for(self, event: str) -> bool:
        """Whether any of the flows, or of their candidates, may wait for events of a name or be started by them."""
        if self._events is None:
            flows = [*self._flows.values(), *(candidate.flow for candidate in self.candidates.values())]
            self._events = frozenset(name for flow in flows for name in flow.events)
        return event in self._events or None in self._events

    def find_internal(self) -> tuple[Flow, str] | None:
        """The built-in flow for a call from phone to phone that no flow has a number for."""
        return None if self._internal is None else (self._internal, self._internal.entries[0])

    def prompts(self, languages: Languages | None = None) -> tuple[PromptSpec, ...]:
        """Prompts that need no call to be known, so that they can be made before the first one; each once."""
        found: dict[PromptSpec, None] = {}
        for flow in self._flows.values():
            for element in flow.elements.values():
                found.update(dict.fromkeys(first_prompts(element, flow.first, languages)))
        return tuple(found)


def _published(flows: Mapping[str, Flow]) -> Iterator[Published]:
    for flow in flows.values():
        for name, element in flow.elements.items():
            if isinstance(element, StartIncomingCallElement):
                for number in element.numbers:
                    yield Published(number, element.line, flow, name)
