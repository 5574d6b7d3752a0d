"""`{{ expression }}` in the text fields of a flow: read once when the flow is loaded, evaluated in each call.

    Expression("call.from == settings.boss").evaluate(scope)       -> Rendered(True, False)
    Template.parse("Your balance is {{ balance }}.").render(scope) -> Rendered("Your balance is 12.5.", False)
    Template.parse("{{ balance }}").render(scope)                  -> Rendered(12.5, False)

The last one keeps its type: it is one expression and nothing else.

Bounds and sandbox: `grammar` limits what is written, `operations` what values grow to. What values mean (null, text
beside numbers, what is equal) is written in `operations`. The language is documented in `grammar`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from ivr.flow.evaluation import Names, Record, Run, Sensitive
from ivr.flow.functions import FUNCTIONS, Function, function
from ivr.flow.grammar import parse
from ivr.flow.operations import MAX_ITEMS, ExpressionError, bounded, text_of

__all__ = [
    "CONTEXT_NAMES",
    "FUNCTIONS",
    "MASK",
    "Expression",
    "ExpressionError",
    "Function",
    "Names",
    "Record",
    "Rendered",
    "Scope",
    "Sensitive",
    "Template",
    "function",
    "mask",
    "reveal",
    "text_of",
]

CONTEXT_NAMES = frozenset({"call", "profile", "settings", "now", "result"})
"""Names that every flow has; no variable may be called so."""

MASK = "xxxx"
"""What stands for a sensitive value, whatever its length."""

MAX_EXPRESSIONS = 500
"""In one text: a body of many fields has some dozens. All of them are read before anything else is looked at."""
MAX_REVEAL_DEPTH = 20
"""Lists and records inside one another that a result may hold."""

T = TypeVar("T")


class Rendered(NamedTuple):
    """A value, and whether it must be kept out of sight."""

    value: Any
    """Without wrapper."""
    sensitive: bool
    """Something sensitive took part in it."""

    def shown(self) -> Any:
        """The value as logs, traces and reports may show it."""
        return MASK if self.sensitive else self.value

    def kept(self) -> Any:
        """The value as a variable keeps it: wrapped in :class:`Sensitive` where it is."""
        return Sensitive(self.value) if self.sensitive else self.value


@dataclass(slots=True)
class Scope:
    """What the names of an expression stand for, in one call at one moment."""

    variables: Mapping[str, object]
    """The flow's variables; values may be wrapped in :class:`Sensitive`."""
    context: Mapping[str, object] = field(default_factory=dict)
    """`call`, `profile`, `settings`, `now`, `result`; mappings, anywhere in which values may be wrapped."""
    sensitive: frozenset[str] = frozenset()
    """Variables that are sensitive whatever they hold."""
    language: str = "en"
    """In which values are said."""

    def read(self, name: str) -> object:
        """Value of a name, wrapped where sensitive; KeyError where there is none."""
        if name in self.variables:
            value = self.variables[name]
            return Sensitive(value) if name in self.sensitive and type(value) is not Sensitive else value
        return self.context[name]


def reveal(value: object) -> Rendered:
    """A value with every wrapper inside it opened; sensitive when there was one."""
    run = Run(Scope({}))
    return Rendered(_opened(run, value, 0), run.sensitive)


def _opened(run: Run, value: Any, depth: int) -> Any:
    value = run.open(value)
    if isinstance(value, (list, tuple, Mapping)):
        if depth > MAX_REVEAL_DEPTH:
            raise ExpressionError(f"lists and records are nested too deep (limit {MAX_REVEAL_DEPTH})")
        if isinstance(value, Mapping):
            return {key: _opened(run, item, depth + 1) for key, item in value.items()}
        return [_opened(run, item, depth + 1) for item in value]
    return value


def mask(value: object) -> object:
    """A value as it may be shown: what is sensitive in it becomes `xxxx`, the rest stays."""
    if type(value) is Sensitive:
        return MASK
    if isinstance(value, Mapping):
        return {key: mask(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item) for item in value]
    return value


class Expression:
    """One expression, ready to be evaluated any number of times.

    Raises ExpressionError where the text is none.
    """

    __slots__ = ("_node", "names", "paths", "source")

    def __init__(self, source: str) -> None:
        self.source = source.strip()
        """As written, without the braces."""
        if not self.source:
            raise ExpressionError("the expression is empty")
        parsed = parse(self.source)
        self._node = parsed.node
        self.names: frozenset[str] = parsed.names
        """Names that it may read."""
        self.paths: frozenset[tuple[str, ...]] = parsed.paths
        """The same with the fields that follow by dots: `("call", "from")`."""

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def evaluate(self, scope: Names, language: str | None = None) -> Rendered:
        """Its value; ExpressionError where it has none. The text of the error shows no value.

        `language` is that of the text around it; default: that of the scope.
        """
        run = Run(scope, language)
        try:
            value = self._node(run)
            if isinstance(value, (list, tuple, Mapping)):
                if len(value) > MAX_ITEMS:
                    raise ExpressionError(f"a list is too long (limit {MAX_ITEMS} items)")
                value = _opened(run, value, 0)
        except (RecursionError, ArithmeticError, TypeError, ValueError) as error:
            # Values come from outside (HTTP answers, headers): what no rule foresaw is still only an error of this one.
            raise ExpressionError(f"the expression has no value ({type(error).__name__})") from None
        return Rendered(value, run.sensitive)

    def meets_sensitive(self, scope: Names, language: str | None = None) -> bool:
        """Whether something sensitive takes part in it, also where it comes to no value."""
        run = Run(scope, language)
        with suppress(ExpressionError, RecursionError, ArithmeticError, TypeError, ValueError):
            self._node(run)
        return run.sensitive


class Template(Generic[T]):
    """The value of a field that may hold `{{ }}`: fixed, one whole expression, or text with expressions in it.

    `convert` makes what the field wants of a fixed text at load and of a rendered value in the call; it raises
    ValueError with a sentence.
    """

    __slots__ = ("_parts", "constant", "convert", "expressions", "source")

    def __init__(
        self,
        source: str,
        parts: tuple[str | Expression, ...],
        constant: T | None,
        convert: Callable[[Any], T] | None = None,
    ) -> None:
        self.source = source
        """As written."""
        self._parts = parts
        self.constant: T | None = constant
        """The value, where it does not depend on the call."""
        self.convert = convert
        self.expressions: tuple[Expression, ...] = tuple(part for part in parts if isinstance(part, Expression))
        """The expressions in it; empty for a fixed value."""

    @classmethod
    def parse(
        cls, value: object, convert: Callable[[Any], T] | None = None, literal: Callable[[Any], T] | None = None
    ) -> Template[T]:
        """Read a field; a fixed one is converted at once, by `literal` where given, else by `convert`.

        ExpressionError where an expression cannot be read, ValueError as the converter raises it.
        """
        if isinstance(value, str) and "{{" in value:
            return cls(value, _split(value), None, convert)
        if isinstance(value, str) and "}}" in value:
            raise ExpressionError("}} stands without {{")
        literal = literal or convert
        constant: Any = literal(value) if literal else value
        return cls(value if isinstance(value, str) else repr(value), (), constant, convert)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    @property
    def fixed(self) -> bool:
        """Whether it is the same in every call."""
        return not self.expressions

    @property
    def alone(self) -> bool:
        """Whether it is one expression and nothing else."""
        return len(self._parts) == 1 and not self.fixed

    @property
    def words(self) -> str:
        """What stands in it besides expressions: the text whose language can be known before a call."""
        return "".join(part for part in self._parts if isinstance(part, str)) if self._parts else self.source

    def render(self, scope: Names, language: str | None = None) -> Rendered:
        """The value in this call; ExpressionError where there is none, or where it is not what the field wants.

        `language` is that of the text, where it has one of its own.
        """
        if not self.expressions:
            return Rendered(self.constant, False)
        found = self.expressions[0].evaluate(scope, language) if self.alone else self._joined(scope, language)
        if self.convert is None:
            return found
        try:
            return Rendered(self.convert(found.value), found.sensitive)
        except ValueError as error:
            raise ExpressionError(str(error)) from None

    def spoken(self, scope: Names, language: str | None = None) -> tuple[Rendered, list[str]]:
        """The text without the expressions that have no value, and what is wrong with each of those: of a sentence
        the other words can still be said. ExpressionError where the text is too long.
        """
        if not self.expressions:
            return Rendered(text_of(self.constant), False), []
        texts: list[str] = []
        faults: list[str] = []
        sensitive = False
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            try:
                value, hidden = part.evaluate(scope, language)
                texts.append(text_of(value))
            except ExpressionError as error:
                faults.append(str(error))
                hidden = part.meets_sensitive(scope, language)
            sensitive = sensitive or hidden
        return Rendered(bounded("".join(texts)), sensitive), faults

    def quoted(self, scope: Names, quote: Callable[[str], str], *, first: bool = True) -> Rendered:
        """The text, with what its expressions give written as `quote` makes it; ExpressionError as :meth:`render`.

        With `first` false an expression that begins the text (a base URL) is left as it stands.
        """
        if not self.expressions:
            return Rendered(text_of(self.constant), False)
        return self._joined(scope, None, quote, first)

    def _joined(
        self, scope: Names, language: str | None, quote: Callable[[str], str] | None = None, first: bool = True
    ) -> Rendered:
        texts: list[str] = []
        sensitive = False
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
            else:
                value, hidden = part.evaluate(scope, language)
                text = text_of(value)
                texts.append(quote(text) if quote is not None and (first or texts) else text)
                sensitive = sensitive or hidden
        return Rendered(bounded("".join(texts)), sensitive)


def _split(text: str) -> tuple[str | Expression, ...]:
    """Fixed texts and expressions in turn; a text that is one expression, spaces around it aside, is that alone."""
    parts: list[str | Expression] = []
    at = count = 0
    while (start := text.find("{{", at)) >= 0:
        count += 1
        if count > MAX_EXPRESSIONS:
            raise ExpressionError(f"more than {MAX_EXPRESSIONS} expressions in one text")
        if start > at:
            parts.append(text[at:start])
        stop = _closing(text, start + 2)
        parts.append(Expression(text[start + 2 : stop]))
        at = stop + 2
    if at < len(text):
        parts.append(text[at:])
    whole = [part for part in parts if not (isinstance(part, str) and not part.strip())]
    if len(whole) == 1 and isinstance(whole[0], Expression):
        return (whole[0],)
    return tuple(parts)


def _closing(text: str, at: int) -> int:
    """Where the `}}` stands that closes an expression: the first outside its texts in quotes."""
    quote = ""
    while at < len(text):
        letter = text[at]
        if quote:
            if letter == "\\":
                at += 1
            elif letter == quote:
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif text.startswith("}}", at):
            return at
        at += 1
    raise ExpressionError("{{ has no }} after it" if not quote else "a text in quotes is not closed inside {{ }}")
