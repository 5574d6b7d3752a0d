"""Reads the expression language into closures: text in, a function of a :class:`Run` out.

Grammar, loosest first; an operator of Python means what it means there, unless `operations` says otherwise:

    expression  or_test ["if" or_test "else" expression]
    or_test     and_test {"or" and_test}
    and_test    not_test {"and" not_test}
    not_test    "not" not_test | comparison
    comparison  sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") sum}      a < b < c as in Python
    sum         product {("+" | "-") product}
    product     unary {("*" | "/" | "//" | "%") unary}
    unary       "-" unary | power
    power       postfix ["**" unary]
    postfix     atom {"." NAME | "[" expression "]" | "[" [expression] ":" [expression] "]"}
    atom        NUMBER | STRING | "true" | "false" | "null" | NAME | NAME "(" arguments ")" | "(" expression ")" | list

A language of its own, and not a subset of Python's parser, for three reasons: `call.from` is a field here and a syntax
error there, error texts speak to people who write flows, and nothing of the host language is there to be locked out.
Functions are called by name and are not values; a name that starts with `_` does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ivr.flow import evaluation as run
from ivr.flow import operations as ops
from ivr.flow.evaluation import Node
from ivr.flow.functions import FUNCTIONS
from ivr.flow.operations import ExpressionError
from ivr.flow.spoken import functions as _spoken  # noqa: F401 - registers the functions that speak

__all__ = ["Parsed", "parse"]

MAX_SOURCE = 2_000
"""Characters of one expression: more is a program, which belongs into a function."""
MAX_NODES = 250
"""Operations of one expression: with the sizes bounded, this bounds the time."""
MAX_DEPTH = 25
"""Nesting: far below what exhausts the host's stack, at parsing and at run time."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression that can be run."""

    node: Node
    """The outermost operation."""
    names: frozenset[str]
    """Names that it may read."""
    paths: frozenset[tuple[str, ...]]
    """The same with the fields that follow by dots: `("call", "from")`."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      |(?P<number>(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      |(?P<name>[^\W\d]\w*)
      |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<op>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.:])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
WORDS = frozenset({"if", "else", "or", "and", "not", "in", "true", "false", "null", "True", "False", "None"})
_CONSTANTS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_HINTS = {"=": "; to compare write ==", "&": "; write and", "|": "; write or", "!": "; write not", "{": "", "}": ""}
_END = "the end"


def parse(source: str) -> Parsed:
    """Read an expression; ExpressionError with what is wrong and where in it."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the expression is too long (limit {MAX_SOURCE} characters)")
    return _Parser(_tokens(source)).whole()


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            found = source[at]
            if found in "\"'":
                raise ExpressionError(f"a text is not closed (column {at + 1})")
            if found.isdigit():
                raise ExpressionError(f"a number is not well formed (column {at + 1})")
            raise ExpressionError(f"{found} does not belong here (column {at + 1}){_HINTS.get(found, '')}")
        kind = match.lastgroup or ""
        if kind != "space":
            text = match.group()
            tokens.append(_Token("op" if kind == "name" and text in WORDS else kind, text, at))
        at = match.end()
    tokens.append(_Token("end", _END, len(source)))
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.nodes = 0
        self.depth = 0
        self.paths: set[tuple[str, ...]] = set()

    # Tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def at(self, *texts: str) -> bool:
        token = self.tokens[self.index]
        return token.kind == "op" and token.text in texts

    def accept(self, *texts: str) -> str | None:
        return self.take().text if self.at(*texts) else None

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.wrong(f"{text} is missing before {self.token.text}")

    def wrong(self, text: str) -> Any:
        raise ExpressionError(f"{text} (column {self.token.at + 1})")

    def node(self, node: Node) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(f"the expression does too much (limit {MAX_NODES} operations)")
        return node

    # Grammar

    def whole(self) -> Parsed:
        node = self.expression()
        if self.token.kind != "end":
            self.wrong(f"{self.token.text} does not belong here")
        return Parsed(node, frozenset(path[0] for path in self.paths), frozenset(self.paths))

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested too deep (limit {MAX_DEPTH})")
        value = self.or_test()
        if self.accept("if"):
            condition = self.or_test()
            self.expect("else")
            value = self.node(run.choice(value, condition, self.expression()))
        self.depth -= 1
        return value

    def or_test(self) -> Node:
        value = self.and_test()
        while self.accept("or"):
            value = self.node(run.either(value, self.and_test()))
        return value

    def and_test(self) -> Node:
        value = self.not_test()
        while self.accept("and"):
            value = self.node(run.both(value, self.not_test()))
        return value

    def not_test(self) -> Node:
        turns = 0
        while self.accept("not"):
            turns += 1
        value = self.comparison()
        for _ in range(turns):
            value = self.node(run.negation(value))
        return value

    def comparison(self) -> Node:
        first = self.sum()
        rest: list[tuple[Callable[[Any, Any], bool], Node]] = []
        while name := self.comparator():
            rest.append((run.COMPARE[name], self.node(self.sum())))
        return self.node(run.compared(first, tuple(rest))) if rest else first

    def comparator(self) -> str | None:
        if name := self.accept("==", "!=", "<", "<=", ">", ">=", "in"):
            return name
        if self.accept("not"):
            self.expect("in")
            return "not in"
        return None

    def sum(self) -> Node:
        value = self.product()
        while name := self.accept("+", "-"):
            value = self.node(run.binary(run.COMPUTE[name], value, self.product()))
        return value

    def product(self) -> Node:
        value = self.unary()
        while name := self.accept("*", "/", "//", "%"):
            value = self.node(run.binary(run.COMPUTE[name], value, self.unary()))
        return value

    def unary(self) -> Node:
        turns = 0
        while self.accept("-"):
            turns += 1
        value = self.power()
        for _ in range(turns):
            value = self.node(run.unary(ops.negate, value))
        return value

    def power(self) -> Node:
        value = self.postfix()
        if self.accept("**"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ExpressionError(f"the expression is nested too deep (limit {MAX_DEPTH})")
            value = self.node(run.binary(ops.power, value, self.unary()))
            self.depth -= 1
        return value

    def postfix(self) -> Node:
        value, path = self.atom()
        fields = 0
        while True:
            if self.accept("."):
                name = self.field_name()
                if path is not None:
                    path = (*path, name)
                value = self.node(run.field(value, name))
            elif self.accept("["):
                self.keep(path)
                path = None
                value = self.subscript(value)
            else:
                break
            fields += 1
            if fields > MAX_DEPTH:
                raise ExpressionError(f"the expression is nested too deep (limit {MAX_DEPTH})")
        self.keep(path)
        return value

    def keep(self, path: tuple[str, ...] | None) -> None:
        if path is not None:
            self.paths.add(path)

    def field_name(self) -> str:
        token = self.token
        if not token.text[:1].isalpha():
            self.wrong("the name of a field is missing after the dot")
        return self.take().text

    def subscript(self, value: Node) -> Node:
        start = None if self.at(":") else self.expression()
        if not self.accept(":"):
            self.expect("]")
            return self.node(run.item(value, start or run.constant(None)))
        stop = None if self.at("]") else self.expression()
        self.expect("]")
        return self.node(run.part(value, start, stop))

    def atom(self) -> tuple[Node, tuple[str, ...] | None]:
        token = self.take()
        if token.kind == "number":
            return self.node(run.constant(_number(token.text))), None
        if token.kind == "text":
            return self.node(run.constant(self.text(token))), None
        if token.kind == "name":
            return self.call(token.text) if self.at("(") else self.name(token.text)
        if token.kind == "op":
            if token.text in _CONSTANTS:
                return self.node(run.constant(_CONSTANTS[token.text])), None
            if token.text == "(":
                value = self.expression()
                self.expect(")")
                return value, None
            if token.text == "[":
                return self.node(run.listing(self.several("]"))), None
        if token.kind != "end":
            self.index -= 1
        return self.wrong(f"a value is missing before {token.text}"), None

    def name(self, name: str) -> tuple[Node, tuple[str, ...] | None]:
        if name.startswith("_"):
            self.index -= 1
            self.wrong("a name cannot start with _")
        return self.node(run.variable(name)), (name,)

    def call(self, name: str) -> tuple[Node, tuple[str, ...] | None]:
        known = FUNCTIONS.get(name)
        if known is None:
            self.index -= 1
            self.wrong(f"there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}")
            raise AssertionError
        self.expect("(")
        arguments = self.several(")")
        if not known.least <= len(arguments) <= known.most:
            wanted = str(known.least) if known.least == known.most else f"{known.least} to {known.most}"
            self.wrong(f"{name} takes {wanted} values, not {len(arguments)}")
        make = run.speech if known.spoken else run.invocation
        return self.node(make(known.call, arguments)), None

    def several(self, closing: str) -> tuple[Node, ...]:
        values: list[Node] = []
        while not self.accept(closing):
            if values:
                self.expect(",")
                if self.accept(closing):
                    break
            values.append(self.expression())
        return tuple(values)

    def text(self, token: _Token) -> str:
        def unescape(match: re.Match[str]) -> str:
            if match[1] not in _ESCAPES:
                raise ExpressionError(f"\\{match[1]} means nothing in a text (column {token.at + 1})")
            return _ESCAPES[match[1]]

        return re.sub(r"\\(.)", unescape, token.text[1:-1], flags=re.DOTALL)


def _number(text: str) -> int | float:
    found: int | float = float(text) if set(text) & set(".eE") else int(text[: ops.MAX_TEXT])
    return ops.bounded(found)  # type: ignore[no-any-return]
