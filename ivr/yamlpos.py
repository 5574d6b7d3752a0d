"""YAML that remembers where everything stood, and refuses what surprises people.

`load` gives plain Python values beside the line and the source text of each, so that an error found much later (a wrong
type, an unknown name) can point at the file. It reads parser events instead of recursing over nodes: input may be
hostile (the HTTP API takes flows), and a deep or self-multiplying document must end in a fault, not in an overflow.

Refused beyond YAML's own rules: a key that stands twice, a key that YAML 1.1 does not read as text (`on`, `no`, `10`),
a second document, unknown tags, and anything over the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without libyaml: four times slower, the same events
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

__all__ = ["Document", "Limits", "Mark", "Path", "Problem", "TagReader", "load"]

Path = tuple[str | int, ...]
"""Way from the root to a value: keys of mappings, indexes of sequences."""

TagReader = Callable[[str], object]
"""Turns the text of a scalar with a tag of ours into its value; raises ValueError with a sentence when it cannot."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text."""

    line: int
    """From 1."""
    column: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the text itself."""

    text: str
    """A sentence."""
    mark: Mark | None
    """Where, if known."""
    path: Path
    """The value it is about."""
    found: str | None = None
    """What stands there."""
    expected: str | None = None
    """What should stand there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a document. The defaults hold a flow of 100 long elements many times over."""

    characters: int = 1_000_000
    """Of text."""
    nodes: int = 100_000
    """Scalars, mappings and sequences, aliases counted as all that they stand for."""
    depth: int = 50
    """Mappings and sequences inside one another."""
    aliases: int = 100
    """Uses of anchors."""


DEFAULT_LIMITS = Limits()

MAX_NUMBER = 400
"""Characters of a number: all that floating point holds. Some forms (`1:59:59…`) take time with their square."""

MAX_SHOWN = 80
"""Characters of a value that a problem repeats."""

_NUMBER_TAGS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


@dataclass(slots=True)
class Document:
    """What a text holds."""

    value: Any = None
    """Dicts with text keys, lists and scalars; None where the text could not be read or is empty."""
    problems: list[Problem] = field(default_factory=list)
    """All that is wrong; a document with problems must not be used."""
    marks: dict[Path, Mark] = field(default_factory=dict)
    """Where each value stands: that of its key inside a mapping, its own otherwise."""
    texts: dict[Path, str] = field(default_factory=dict)
    """Source text of each scalar, as written before YAML gave it a type."""
    plain: set[Path] = field(default_factory=set)
    """Scalars that stand without quotes."""

    def mark(self, path: Path) -> Mark | None:
        """Where the value, or else the nearest one around it, stands."""
        for length in range(len(path), -1, -1):
            if mark := self.marks.get(path[:length]):
                return mark
        return None

    def text(self, path: Path) -> str | None:
        """The scalar as it was written, or None for what is not a scalar."""
        return self.texts.get(path)


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is being read."""

    container: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    nodes_before: int
    key: str | None = None
    """Key whose value comes next; None while a key is expected."""
    merging: bool = False
    """The key is YAML's merge key, not a text that looks like it."""
    merges: list[Any] = field(default_factory=list)


class _StopError(Exception):
    """Nothing after this can be read."""


def load(
    text: str | bytes, *, tags: Mapping[str, TagReader] | None = None, limits: Limits = DEFAULT_LIMITS
) -> Document:
    """Read one document; faults are collected in it, never raised."""
    return _Reader(tags or {}, limits).read(text)


class _Reader:
    def __init__(self, tags: Mapping[str, TagReader], limits: Limits) -> None:
        self.tags = tags
        self.limits = limits
        self.document = Document()
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.aliases = 0
        self.documents = 0
        self.resolver = Resolver()
        self.constructor = SafeConstructor()

    def read(self, text: str | bytes) -> Document:
        document = self.document
        characters = self.decode(text)
        try:
            for event in yaml.parse(characters, Loader=_Loader) if not document.problems else ():
                self.take(event)
        except _StopError:
            pass
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.problem(f"not valid YAML: {error.problem or error.context}", _mark(mark))
        except yaml.reader.ReaderError as error:
            line = characters.count("\n", 0, error.position) + 1
            self.problem(f"not valid YAML: {error.reason}", Mark(line, 1), found=repr(error.character))
        if document.problems:
            document.value = None
        return document

    def decode(self, text: str | bytes) -> str:
        if len(text) > self.limits.characters:
            self.problem(f"the file is too long (limit {self.limits.characters} characters)", Mark(1, 1))
        elif isinstance(text, str):
            return text
        else:
            try:
                return text.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                self.problem("the file is not UTF-8", Mark(text.count(b"\n", 0, error.start) + 1, 1))
        return ""

    def problem(self, text: str, mark: Mark | None, found: str | None = None, expected: str | None = None) -> None:
        found = None if found is None else _shown(found)
        self.document.problems.append(Problem(text, mark, self.path_here(), found, expected))

    def path_here(self) -> Path:
        if not self.stack:
            return ()
        top = self.stack[-1]
        if isinstance(top.container, list):
            return (*top.path, len(top.container))
        return top.path if top.key is None else (*top.path, top.key)

    def take(self, event: Any) -> None:
        if isinstance(event, events.ScalarEvent):
            self.count(event, 1)
            if self.expects_key():
                self.take_key(event)
            else:
                self.put_scalar(event)
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self.open(event)
        elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
            self.close()
        elif isinstance(event, events.AliasEvent):
            self.put_alias(event)
        elif isinstance(event, events.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.problem("a second document in one file", _mark(event.start_mark))
                raise _StopError

    def expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None

    def count(self, event: Any, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            self.problem(f"too many values (limit {self.limits.nodes})", _mark(event.start_mark))
            raise _StopError

    def take_key(self, event: Any) -> None:
        top = self.stack[-1]
        assert isinstance(top.container, dict)
        mark = _mark(event.start_mark)
        key = event.value
        tag = self.tag(event)
        if tag == "tag:yaml.org,2002:merge":
            top.key, top.merging = key, True
            return
        if tag != "tag:yaml.org,2002:str":
            what = "the digits" if tag in _NUMBER_TAGS else "this key"
            self.problem(f'quote {what}: "{_shown(key)}"', mark, found=key, expected="text in quotes")
        if key in top.container:
            first = self.document.marks.get((*top.path, key))
            where = f", first in line {first.line}" if first else ""
            self.problem(f"key {_shown(key)} stands twice{where}", mark, found=key)
        else:
            self.document.marks[(*top.path, key)] = mark or Mark(1, 1)
        top.key = key

    def open(self, event: Any) -> None:
        mark = _mark(event.start_mark)
        self.count(event, 1)
        if self.expects_key():
            self.problem("a key must be text", mark)
            raise _StopError
        if len(self.stack) >= self.limits.depth:
            self.problem(f"nested too deep (limit {self.limits.depth})", mark)
            raise _StopError
        kind = "map" if isinstance(event, events.MappingStartEvent) else "seq"
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            self.problem(f"unknown tag {_shown(event.tag)}", mark, found=event.tag)
        path = self.path_here()
        if path not in self.document.marks:
            self.document.marks[path] = mark or Mark(1, 1)
        container: dict[str, Any] | list[Any] = {} if kind == "map" else []
        self.stack.append(_Open(container, path, event.anchor, self.nodes - 1))

    def close(self) -> None:
        done = self.stack.pop()
        if isinstance(done.container, dict):
            for merged in done.merges:
                for key, value in merged.items():
                    done.container.setdefault(key, value)
        if done.anchor:
            self.anchors[done.anchor] = (done.container, self.nodes - done.nodes_before)
        self.put(done.container)

    def put_alias(self, event: Any) -> None:
        mark = _mark(event.start_mark)
        self.aliases += 1
        if self.aliases > self.limits.aliases:
            self.problem(f"too many aliases (limit {self.limits.aliases})", mark)
            raise _StopError
        if self.expects_key():
            self.problem("an alias cannot be a key", mark)
            raise _StopError
        if event.anchor not in self.anchors:
            self.problem(f"*{_shown(event.anchor)} has no anchor before it", mark, found=f"*{event.anchor}")
            raise _StopError
        value, size = self.anchors[event.anchor]
        self.count(event, size)
        self.document.marks.setdefault(self.path_here(), mark or Mark(1, 1))
        self.put(value)

    def put_scalar(self, event: Any) -> None:
        path = self.path_here()
        mark = _mark(event.start_mark)
        self.document.marks.setdefault(path, mark or Mark(1, 1))
        self.document.texts[path] = event.value
        if event.implicit[0]:
            self.document.plain.add(path)
        value = self.scalar(event, mark)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self.put(value)

    def put(self, value: Any) -> None:
        if not self.stack:
            self.document.value = value
            return
        top = self.stack[-1]
        if isinstance(top.container, list):
            top.container.append(value)
            return
        assert top.key is not None
        if top.merging:
            self.merge(top, value)
        else:
            top.container[top.key] = value
        top.key, top.merging = None, False

    def merge(self, top: _Open, value: Any) -> None:
        maps = value if isinstance(value, list) else [value]
        if all(isinstance(item, dict) for item in maps):
            top.merges.extend(maps)
        else:
            self.problem("<< takes a mapping or a list of them", self.document.mark(top.path))

    def tag(self, event: Any) -> str:
        if event.tag is not None and event.tag != "!":
            return str(event.tag)
        return str(self.resolver.resolve(ScalarNode, event.value, event.implicit))  # type: ignore[no-untyped-call]

    def scalar(self, event: Any, mark: Mark | None) -> object:
        tag = self.tag(event)
        try:
            if reader := self.tags.get(tag):
                return reader(event.value)
            if tag not in SafeConstructor.yaml_constructors or tag == "tag:yaml.org,2002:binary":
                self.problem(f"unknown tag {_shown(tag)}", mark, found=f"{tag} {event.value}")
                return None
            if tag in _NUMBER_TAGS and len(event.value) > MAX_NUMBER:
                raise ValueError(f"a number of more than {MAX_NUMBER} characters")
            return self.constructor.construct_object(ScalarNode(tag, event.value))
        except (ValueError, ConstructorError) as error:
            text = error.problem if isinstance(error, ConstructorError) else str(error)
            self.problem(_shown(str(text)), mark, found=event.value)
            return None


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _mark(mark: Any) -> Mark | None:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else None
