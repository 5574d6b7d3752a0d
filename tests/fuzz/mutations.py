"""Texts that nobody would write: mutated flows, and expressions, patterns and paths made at random."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ivr.flow.functions import FUNCTIONS

__all__ = ["cases_text", "expression", "flow_text", "json_path", "pattern", "seeds", "settings_text"]

ROOT = Path(__file__).resolve().parents[2]

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**30, 1.5, -0.0, float("inf"), float("nan"), "", " ", "x" * 300, "{{", "}}", "{{ }}",
    "{{ x }}", "{{ 1 / 0 }}", "{{ 'a' * 9 ** 9 }}", "{{ result.digits }}", "{{ (((((1))))) }}", "*", "#", "100", "1e9",
    "é\u202e\ud83d", "09:00", "2026-13-45", [], {}, [[]], [{}], {"text": "hi"}, {"": ""}, {"a": {"b": []}},
    ["1", "1"], "5s", "-5s", "99999999999999999999d", "sip:\x01", "\x7f", "start", "bye", "play",
)  # fmt: skip
"""Values that stand where others are expected."""

TOKENS = (
    "&a ", "*a", "<<: *a", "!!python/object:os.system ", "!!binary ", "!!set ", "!secret X", "? ", ": ", "- ", "\t",
    "\n", "\r", "|\n", ">-\n", "%YAML 9.9\n", "---\n", "...\n", "{", "}", "[", "]", "{{", "}}", '"', "'", "#",
    "# ivr: allow G002", "\\", "\x00", "\ufeff", "\u2028", "\ud7ff", "0x", "1e999", "190:20:30:15", "2001-01-01",
    ".nan", "~", "on", "no", "=", "<<",
    "# ivr: allow A001, ZZZZ x", "{{ x", "type: play", "next: start", "elements:",
)  # fmt: skip
"""Pieces of text that mean something to one of the readers."""


@cache
def seeds() -> tuple[str, ...]:
    """Flows that hold: of the configuration, the examples, the documentation, and the table of codes."""
    from ivr.flow.lint import CODES

    found = [path.read_text() for folder in ("config", "tests") for path in sorted((ROOT / folder).rglob("*.yaml"))]
    for path in sorted((ROOT / "docs").glob("*.md")):
        found.extend(re.findall(r"^```yaml flow\n(.*?)^```$", path.read_text(), re.M | re.S))
    found.extend(code.faulty for code in CODES.values())
    return tuple(text for text in found if "elements:" in text and len(text) < 20_000)


@cache
def _settings() -> tuple[str, ...]:
    texts = [path.read_text() for path in sorted((ROOT / "config").rglob("ivr*.yaml"))]
    for path in sorted((ROOT / "docs").glob("*.md")):
        texts.extend(re.findall(r"^```yaml settings\n(.*?)^```$", path.read_text(), re.M | re.S))
    return tuple(texts)


@cache
def _cases() -> tuple[str, ...]:
    return tuple(path.read_text() for path in sorted((ROOT / "config").rglob("*.test.yaml")))


class _Loader(yaml.SafeLoader):
    """Reads secrets as text."""


_Loader.add_constructor("!secret", lambda loader, node: str(node.value))


@cache
def _data(texts: tuple[str, ...]) -> tuple[Any, ...]:
    found = []
    for text in texts:
        try:
            found.append(yaml.load(text, Loader=_Loader))
        except yaml.YAMLError:
            continue
    return tuple(each for each in found if isinstance(each, (dict, list)))


def flow_text(chance: random.Random) -> str | bytes:
    """A flow with some things wrong."""
    return _wrong(seeds(), chance)


def settings_text(chance: random.Random) -> str | bytes:
    """A configuration with some things wrong."""
    return _wrong(_settings(), chance)


def cases_text(chance: random.Random) -> str | bytes:
    """Test cases with some things wrong."""
    return _wrong(_cases(), chance)


def _wrong(texts: tuple[str, ...], chance: random.Random) -> str | bytes:
    if chance.random() < 0.5:
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            text = _spoil(text, chance)
        if chance.random() < 0.1:
            content = bytearray(text.encode("utf-8", "surrogatepass"))
            for _ in range(3):
                content[chance.randrange(len(content)) :][:1] = bytes([chance.randrange(256)])
            return bytes(content)
        return text
    data = json.loads(json.dumps(chance.choice(_data(texts)), default=str))
    for _ in range(chance.choice((1, 1, 2, 5))):
        _bend(data, chance)
    return json.dumps(data, indent=1)


def _spoil(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    to = min(len(text), at + chance.choice((0, 1, 1, 5, 50)))
    kind = chance.randrange(4)
    if kind == 0:
        return text[:at] + text[to:]
    if kind == 1:
        return text[:at] + chance.choice(TOKENS) * chance.choice((1, 1, 1, 30)) + text[to:]
    if kind == 2:
        return text[:to] + text[at:to] * chance.choice((1, 10)) + text[to:]
    other = chance.choice(seeds())
    start = chance.randrange(len(other))
    return text[:at] + other[start : start + chance.randrange(80)] + text[to:]


def _bend(data: Any, chance: random.Random) -> None:
    places = list(_places(data))
    if not places:
        return
    holder, key = chance.choice(places)
    kind = chance.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, name = chance.choice(places)
        holder[key] = json.loads(json.dumps(other[name])) if _has(other, name) else None
    elif kind == 2 and isinstance(holder, dict):
        holder[chance.choice(("", "type", "next", "x", "branches", "{{ x }}", str(key) + "2"))] = holder.pop(key)
    elif kind == 3 and isinstance(holder, dict):
        holder[f"{key}x"] = holder[key]
    else:
        value = chance.choice(JUNK)
        holder[key] = json.loads(json.dumps(value)) if value == value else value


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items):
        yield data, key
        yield from _places(value)


# Expressions

NAMES = ("x", "text", "items", "record", "deep", "big", "secret", "now", "call", "result", "none", "unknown", "nan")
LITERALS = (
    "0",
    "1",
    "-7",
    "2.5",
    "1e308",
    "10 ** 9",
    '"a"',
    "'Ä\\n'",
    "null",
    "true",
    "[]",
    "[1, [2], 'x']",
    "''",
    "'9' * 3",
)
BINARY = ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", "in", "not in", "and", "or")
FIELDS = ("a", "b", "from", "items", "real", "class", "headers", "tags")


def expression(chance: random.Random, depth: int = 0) -> str:
    """An expression, mostly one that can be read."""
    if depth > chance.choice((2, 4, 8, 30)):
        return chance.choice((*NAMES, *LITERALS))

    def inner() -> str:
        return expression(chance, depth + 1)

    makers: tuple[Callable[[], str], ...] = (
        lambda: chance.choice(NAMES),
        lambda: chance.choice(LITERALS),
        lambda: f"{inner()} {chance.choice(BINARY)} {inner()}",
        lambda: f"({inner()} {chance.choice(BINARY)} {inner()})",
        lambda: f"{inner()}[{inner()}]",
        lambda: f"{inner()}[{inner()}:{inner()}]",
        lambda: f"{chance.choice(NAMES)}.{chance.choice(FIELDS)}",
        lambda: f"{inner()} if {inner()} else {inner()}",
        lambda: f"{chance.choice(('not ', '-', '--', '('))}{inner()}",
        lambda: f"{chance.choice(sorted(FUNCTIONS))}({', '.join(inner() for _ in range(chance.randrange(4)))})",
        lambda: f"[{', '.join(inner() for _ in range(chance.randrange(4)))}]",
    )
    text = chance.choice(makers)()
    if not depth and chance.random() < 0.3:
        at = chance.randrange(len(text) + 1)
        text = (
            text[:at]
            + chance.choice((*BINARY, "(", ")", "]", '"', "\\", "\x00", "__class__", "é", "{{", "9" * 40))
            + text[at:]
        )
    return text


PATTERN_PARTS = (
    "1",
    "[0-9]",
    "[^5]",
    "\\d",
    ".",
    "*",
    "+",
    "?",
    "{2}",
    "{0,64}",
    "{1000}",
    "(",
    ")",
    "|",
    "(?:",
    "\\1",
    "^",
    "$",
    "(?=",
    "[",
    "]",
)


def pattern(chance: random.Random) -> str:
    """A pattern for keys, as collect takes it."""
    if chance.random() < 0.2:
        return "(" * chance.randrange(5) + "(\\d*)*" * chance.randrange(1, 12) + ")" * chance.randrange(5)
    return "".join(chance.choice(PATTERN_PARTS) for _ in range(chance.randrange(1, 25)))


PATH_PARTS = (
    "$",
    ".",
    "..",
    "*",
    "a",
    "b",
    "[0]",
    "[*]",
    "[-1]",
    "['a']",
    "[?(@.a)]",
    "[0:2]",
    "(",
    ")",
    "|",
    "`parent`",
    "&",
    "[?@.a>1]",
    " ",
)


def json_path(chance: random.Random) -> str:
    """A JSONPath, or nearly one."""
    return "$" * (chance.random() < 0.9) + "".join(chance.choice(PATH_PARTS) for _ in range(chance.randrange(1, 12)))
