"""Regular expressions over keys, which also tell whether a longer input could still match.

Worked by derivatives (Brzozowski, JACM 11/4, 1964): time grows with the input's length, never exponentially, and a
pattern that nothing can satisfy any more is recognised by its form. Look-around and back references are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["KEYS", "Pattern", "PatternError"]

KEYS = "0123456789*#ABCD"
MAX_LENGTH = 200
"""Characters of a pattern."""
MAX_REPEAT = 64
"""Count in braces: no input is longer."""
MAX_NODES = 200
"""Size of a pattern with its counts written out; a nest of counts would grow without bound."""


class PatternError(ValueError):
    """The pattern cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class _Set:
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Seq:
    first: _Node
    then: _Node


@dataclass(frozen=True, slots=True)
class _Alt:
    options: frozenset[_Node]


@dataclass(frozen=True, slots=True)
class _Star:
    inner: _Node


@dataclass(frozen=True, slots=True)
class _Word:
    """Only the empty input."""


_Node = _Set | _Seq | _Alt | _Star | _Word

NOTHING = _Set(frozenset())
EMPTY = _Word()
ANY = _Set(frozenset(KEYS))


def _seq(first: _Node, then: _Node) -> _Node:
    if first == NOTHING or then == NOTHING:
        return NOTHING
    if first == EMPTY:
        return then
    return first if then == EMPTY else _Seq(first, then)


def _alt(*nodes: _Node) -> _Node:
    options: set[_Node] = set()
    for node in nodes:
        options |= node.options if isinstance(node, _Alt) else {node}
    options.discard(NOTHING)
    if not options:
        return NOTHING
    return next(iter(options)) if len(options) == 1 else _Alt(frozenset(options))


def _star(inner: _Node) -> _Node:
    return EMPTY if inner in (NOTHING, EMPTY) else inner if isinstance(inner, _Star) else _Star(inner)


def _accepts_empty(node: _Node) -> bool:
    if isinstance(node, _Seq):
        return _accepts_empty(node.first) and _accepts_empty(node.then)
    if isinstance(node, _Alt):
        return any(_accepts_empty(option) for option in node.options)
    return isinstance(node, (_Star, _Word))


@lru_cache(maxsize=4096)
def _after(node: _Node, key: str) -> _Node:
    """What must still follow once `key` was pressed."""
    if isinstance(node, _Set):
        return EMPTY if key in node.keys else NOTHING
    if isinstance(node, _Seq):
        rest = _seq(_after(node.first, key), node.then)
        return _alt(rest, _after(node.then, key)) if _accepts_empty(node.first) else rest
    if isinstance(node, _Alt):
        return _alt(*(_after(option, key) for option in node.options))
    if isinstance(node, _Star):
        return _seq(_after(node.inner, key), node)
    return NOTHING


class Pattern:
    """A parsed pattern; the whole input must match it."""

    __slots__ = ("_root", "text")

    def __init__(self, text: str) -> None:
        """Raises :class:`PatternError` for what is no pattern, or none that keys can match."""
        self.text = text
        self._root = _Parser(text).parse()
        if self._root == NOTHING:
            raise PatternError("no input can match the pattern")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def _rest(self, keys: str) -> _Node:
        node = self._root
        for key in keys:
            node = _after(node, key)
        return node

    def matches(self, keys: str) -> bool:
        """The input matches."""
        return _accepts_empty(self._rest(keys))

    def extends(self, keys: str) -> bool:
        """A longer input that begins with `keys` could match."""
        rest = self._rest(keys)
        return any(_after(rest, key) != NOTHING for key in KEYS)


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise PatternError(f"longer than {MAX_LENGTH} characters")
        self._text = text
        self._at = 0
        self._nodes = 0

    def parse(self) -> _Node:
        self._take("^")
        node = self._choice()
        if self._at < len(self._text):
            raise PatternError(f"unexpected {self._text[self._at]!r} at {self._at + 1}")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _choice(self) -> _Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return _alt(*options)

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while (char := self._peek()) and char not in "|)":
            if self._text[self._at :] in ("$", "\\Z"):
                self._at = len(self._text)
                break
            parts.append(self._repeated(self._atom()))
        node: _Node = EMPTY
        for part in reversed(parts):
            node = _seq(part, node)
        return node

    def _atom(self) -> _Node:
        char = self._peek()
        self._at += 1
        if char == "(":
            if self._peek() == "?" and not self._take("?:"):
                raise PatternError("look-around and named groups are not supported")
            node = self._choice()
            if not self._take(")"):
                raise PatternError("a bracket is not closed")
            return node
        if char == "[":
            return _Set(frozenset(self._class()))
        if char == ".":
            return ANY
        if char == "\\":
            return _Set(frozenset(self._escape()))
        if char not in KEYS:
            raise PatternError(f"{char!r} is no key and has no meaning here")
        if char == "*":
            raise PatternError("nothing to repeat before *; the star key is written \\*")
        return _Set(frozenset(char))

    def _escape(self) -> str:
        char = self._peek()
        self._at += 1
        if char == "d":
            return "0123456789"
        if char == "D":
            return "*#ABCD"
        if not char or char not in "*#.()[]{}|+?^$\\-":
            raise PatternError("this escape is not supported")
        return char

    def _class(self) -> Iterator[str]:
        negate = self._take("^")
        found: set[str] = set()
        while not self._take("]"):
            if not self._peek():
                raise PatternError("[ is not closed")
            if self._take("\\"):
                found |= set(self._escape())
                continue
            low = self._text[self._at]
            self._at += 1
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                high = self._text[self._at + 1]
                self._at += 2
                found |= {key for key in KEYS if low <= key <= high}
            else:
                found.add(low)
        return iter([key for key in KEYS if (key in found) != negate])

    def _repeated(self, node: _Node) -> _Node:
        while True:
            if self._take("*"):
                node = _star(node)
            elif self._take("+"):
                node = _seq(node, _star(node))
            elif self._take("?"):
                node = _alt(node, EMPTY)
            elif self._take("{"):
                node = self._counted(node)
            else:
                return node

    def _counted(self, node: _Node) -> _Node:
        inside, brace, rest = self._text[self._at :].partition("}")
        low, comma, high = inside.partition(",")
        if not brace or not low.isdecimal() or (high and not high.isdecimal()):
            raise PatternError("a count is written {4}, {2,6} or {2,}")
        self._at = len(self._text) - len(rest)
        least = int(low)
        most = int(high) if high else None if comma else least
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise PatternError(f"a count goes up to {MAX_REPEAT}, the smaller first")
        self._nodes += _size(node) * max(least, most or 0)
        if self._nodes > MAX_NODES:
            raise PatternError("too large")
        tail: _Node = EMPTY
        if most is None:
            tail = _star(node)
        else:
            for _ in range(most - least):
                tail = _alt(_seq(node, tail), EMPTY)
        for _ in range(least):
            tail = _seq(node, tail)
        return tail


def _size(node: _Node) -> int:
    if isinstance(node, _Seq):
        return 1 + _size(node.first) + _size(node.then)
    if isinstance(node, _Alt):
        return 1 + sum(_size(option) for option in node.options)
    return 1 + _size(node.inner) if isinstance(node, _Star) else 1
