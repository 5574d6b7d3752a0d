"""What changed between two versions of a flow, as callers meet it: elements, ways, words, and the paths through them.

Not a comparison of text: moving an element in the file, a comment or another way to write a value change nothing here.

Paths are walks from an entry to an end that pass no element twice. There can be more than anybody can list, so the
shortest are listed; whether a path of one version exists in the other is looked up exactly, and every new way is on one
of the paths listed, or has its own.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ivr.flow.model import Flow

__all__ = ["FieldChange", "FlowDiff", "Path", "WayChange", "diff_flows"]

MAX_PATHS = 500
"""Paths of one version that are looked at, the shortest first."""
MAX_WALKS = 20_000
"""Beginnings of paths that are looked at for them: 0.1 s."""
SHOWN_PATHS = 20
"""Paths that are listed; more are counted."""

Path = tuple[str, ...]
"""Elements in the order in which they are passed."""

_MISSING = object()
_TOP = ("description", "canary", "variables", "sensitive", "shareable")
_WORDS = frozenset({"text", "subject"})
"""Fields that people hear or read."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of an element, or of the flow, that says something else."""

    element: str | None
    """Which element; None: the flow itself."""
    field: str
    """Dotted path of the field."""
    old: Any
    """What it said; None: nothing."""
    new: Any
    """What it says; None: nothing."""
    words: bool
    """It is a text that people hear or read."""


@dataclass(frozen=True, slots=True)
class WayChange:
    """A branch of an element of both versions that leads elsewhere."""

    element: str
    """Which element."""
    branch: str
    """Which branch."""
    old: str | None
    """Element it led to; None: nowhere, or there was no such branch."""
    new: str | None
    """Element it leads to; None: nowhere, or there is no such branch."""


@dataclass(frozen=True, slots=True)
class FlowDiff:
    """All that changed."""

    added: tuple[str, ...]
    """Elements that are new."""
    removed: tuple[str, ...]
    """Elements that are gone."""
    fields: tuple[FieldChange, ...]
    """Fields that changed."""
    ways: tuple[WayChange, ...]
    """Branches that lead elsewhere."""
    new_paths: tuple[Path, ...]
    """Paths that only the new version has, the shortest first."""
    gone_paths: tuple[Path, ...]
    """Paths that only the old version has."""
    complete: bool
    """Every path was looked at; else there are more than could be."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.fields or self.ways or self.new_paths or self.gone_paths)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield from (f"+ element {name}" for name in self.added)
        yield from (f"- element {name}" for name in self.removed)
        for change in self.fields:
            where = f"element {change.element}: " if change.element is not None else ""
            yield f"~ {where}{change.field}: {_shown(change.old)} -> {_shown(change.new)}"
        for way in self.ways:
            yield f"~ element {way.element}: branch {way.branch} leads to {_end(way.new)}, before to {_end(way.old)}"
        for sign, paths in (("+", self.new_paths), ("-", self.gone_paths)):
            yield from (f"{sign} path {' > '.join(path)}" for path in paths[:SHOWN_PATHS])
            if len(paths) > SHOWN_PATHS:
                yield f"{sign} {len(paths) - SHOWN_PATHS} more paths"
        if not self.complete:
            yield "  (there are more paths than could be looked at)"


def diff_flows(old: Flow, new: Flow) -> FlowDiff:
    """What changed from one version of a flow to another."""
    before, after = _Graph(old), _Graph(new)
    gone, gone_all = _paths_of(before, after)
    fresh, fresh_all = _paths_of(after, before)
    return FlowDiff(
        tuple(name for name in new.elements if name not in old.elements),
        tuple(name for name in old.elements if name not in new.elements),
        tuple(_field_changes(old, new)),
        tuple(_way_changes(old, new)),
        fresh,
        gone,
        gone_all and fresh_all,
    )


# Fields


def _field_changes(old: Flow, new: Flow) -> Iterator[FieldChange]:
    before, after = _written(old), _written(new)
    for key in _TOP:
        yield from _changes(None, {key: before.get(key)}, {key: after.get(key)}, frozenset())
    for name, element in new.elements.items():
        if name not in old.elements:
            continue
        ways = {way.path for found in (element, old.elements[name]) for way in found.exits.values()}
        was, now = before.get("elements", {}).get(name), after.get("elements", {}).get(name)
        yield from _changes(name, was, now, frozenset(ways))


def _written(flow: Flow) -> Mapping[str, Any]:
    data = flow.places.data if flow.places is not None else None
    return data if isinstance(data, dict) else {}


def _changes(element: str | None, old: Any, new: Any, ways: frozenset[str]) -> Iterator[FieldChange]:
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for path in dict.fromkeys([*before, *after]):
        was, now = before.get(path, _MISSING), after.get(path, _MISSING)
        if was != now and path not in ways:
            words = path.rpartition(".")[2] in _WORDS
            yield FieldChange(element, path, _or_none(was), _or_none(now), words)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    elif value is not None:
        yield path, value


def _or_none(value: Any) -> Any:
    return None if value is _MISSING else value


def _way_changes(old: Flow, new: Flow) -> Iterator[WayChange]:
    for name, element in new.elements.items():
        if name not in old.elements:
            continue
        before, after = old.elements[name].targets, element.targets
        for branch in dict.fromkeys([*before, *after]):
            if before.get(branch) != after.get(branch):
                yield WayChange(name, branch, before.get(branch), after.get(branch))


# Paths


class _Graph:
    """The ways of a flow: which element may follow which, and where a path may end."""

    def __init__(self, flow: Flow) -> None:
        self.entries = flow.entries
        self.next: dict[str, dict[str, None]] = {name: {} for name in flow.elements}
        self.ends: set[str] = set()
        for edge in flow.edges:
            if edge.target is not None:
                self.next[edge.source].setdefault(edge.target)
            elif not edge.session_over:
                self.ends.add(edge.source)
        # Who hangs up ends a path anywhere; that is said of no element but those that nothing else follows.
        self.ends.update(name for name, following in self.next.items() if not following)

    def has(self, path: Path) -> bool:
        """Whether this is a path from an entry to an end."""
        if path[0] not in self.entries or not self.ends_with(path):
            return False
        return all(step in self.next.get(before, {}) for before, step in itertools.pairwise(path))

    def ends_with(self, path: Path) -> bool:
        """A path may end here: nothing follows, or only what was passed already."""
        last = path[-1]
        return last in self.ends or (last in self.next and all(name in path for name in self.next[last]))

    def paths(self) -> tuple[list[Path], bool]:
        """The shortest paths, and whether these are all."""
        found: list[Path] = []
        walks: deque[Path] = deque((name,) for name in self.entries)
        for _ in range(MAX_WALKS):
            if not walks or len(found) >= MAX_PATHS:
                break
            walk = walks.popleft()
            if self.ends_with(walk):
                found.append(walk)
            walks.extend((*walk, name) for name in self.next[walk[-1]] if name not in walk)
        return found, not walks

    def path_by(self, source: str, target: str) -> Path | None:
        """The shortest path that takes one way; None where none from an entry does."""
        to = self._shortest({name: (name,) for name in self.entries}, lambda name: name == source)
        if to is None or target in to:
            return None
        return self._shortest({target: (*to, target)}, lambda name: name in self.ends) or (*to, target)

    def _shortest(self, starts: Mapping[str, Path], wanted: Any) -> Path | None:
        walks = deque(starts.values())
        seen = {name for walk in starts.values() for name in walk}
        while walks:
            walk = walks.popleft()
            if wanted(walk[-1]):
                return walk
            for name in self.next[walk[-1]]:
                if name not in seen:
                    seen.add(name)
                    walks.append((*walk, name))
        return None


def _paths_of(graph: _Graph, other: _Graph) -> tuple[tuple[Path, ...], bool]:
    """Paths that one version has and the other has not; and whether all were looked at."""
    paths, complete = graph.paths()
    own = [path for path in paths if not other.has(path)]
    ways = {pair for path in own for pair in itertools.pairwise(path)}
    for source, following in graph.next.items():
        for target in following:
            if target not in other.next.get(source, {}) and (source, target) not in ways:
                path = graph.path_by(source, target)
                if path is not None and path not in own:
                    own.append(path)
    return tuple(own), complete


def _shown(value: Any) -> str:
    if value is None:
        return "(nothing)"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _end(target: str | None) -> str:
    return "the end" if target is None else target
