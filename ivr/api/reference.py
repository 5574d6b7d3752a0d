"""The OpenAPI document for people: as a page, and as Markdown for the documentation."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.api.openapi import USUAL_PROBLEMS

__all__ = ["markdown", "page"]

Schema = Mapping[str, Any]

REFERENCE = "#/components/schemas/"
USUAL = tuple(USUAL_PROBLEMS.values())
"""Problems that are told once for all, where there is not room for everything."""
STORE_LIMIT = 2**63
"""What numbers in the store are below: nothing to know of."""
METHODS = ("get", "post", "put", "patch", "delete")

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--key:#06c}
@media(prefers-color-scheme:dark){:root{--key:#6af}}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem}
code{font:.9em ui-monospace,monospace;background:var(--soft);border-radius:3px;padding:.1em .3em}
nav{columns:14rem;border:1px solid var(--line);border-radius:6px;padding:.5rem 1rem;margin:1rem 0}
nav a{display:block;text-decoration:none}
a{color:var(--key)}
h2{border-bottom:1px solid var(--line);margin-top:2.5rem;text-transform:capitalize}
h3{margin:2rem 0 .3rem}
h3 code{font-weight:600}
h4{margin:.8rem 0 .2rem}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
td:first-child{white-space:nowrap}
"""


@dataclass(frozen=True, slots=True)
class _Row:
    """A field, or a parameter."""

    name: str
    kind: str
    needed: bool
    told: str


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    tag: str
    summary: str
    paragraphs: list[str]
    parameters: list[_Row]
    body: str
    """Name of its model, or its content types; empty: none."""
    answers: list[tuple[str, str, str]]
    """Status, model or content type, description."""

    @property
    def anchor(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method} {self.path}".lower()).strip("-")


def _operations(document: Schema) -> Iterator[_Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if (found := methods.get(method)) is not None:
                yield _operation(method.upper(), path, found)


def _operation(method: str, path: str, found: Schema) -> _Operation:
    parameters = [
        _Row(one["name"], f"{_kind(one['schema'])} in the {one['in']}", one["required"], one["description"])
        for one in found.get("parameters", ())
    ]
    content = found.get("requestBody", {}).get("content", {})
    answers = [
        (status, _content(answer.get("content", {})), answer["description"])
        for status, answer in found["responses"].items()
        if status != "default"
    ]
    paragraphs = [" ".join(part.split()) for part in found["description"].split("\n\n") if part]
    return _Operation(
        method, path, found["tags"][0], found["summary"], paragraphs, parameters, _content(content), answers
    )


def _content(content: Schema) -> str:
    named = [_kind(one["schema"]) for kind, one in content.items() if kind == "application/json"]
    return ", ".join([*named, *(kind for kind in content if not kind.startswith("application/") or not named)])


def _kind(schema: Schema) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[several]))
    if "enum" in schema:
        return ", ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {_kind(values)}"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    words = []
    for name, text in (
        ("minimum", "from {}"), ("exclusiveMinimum", "more than {}"), ("maximum", "to {}"),
        ("exclusiveMaximum", "less than {}"), ("maxLength", "at most {} characters"),
    ):  # fmt: skip
        if name in schema and schema[name] != STORE_LIMIT:
            words.append(text.format(schema[name]))
    return f" ({', '.join(words)})" if words else ""


def _fields(schema: Schema) -> list[_Row]:
    needed = schema.get("required", ())
    rows = []
    for name, one in schema.get("properties", {}).items():
        told = " ".join(str(one.get("description", "")).split())
        if "default" in one and one["default"] not in (None, "", [], {}):
            told = f"{told} Default: `{json.dumps(one['default'])}`.".strip()
        rows.append(_Row(name, _kind(one), name in needed, told))
    return rows


def _models(document: Schema) -> Iterator[tuple[str, str, list[_Row]]]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        rows = _fields(schema)
        if rows:
            yield name, " ".join(schema.get("description", "").partition("\n\n")[0].split()), rows


def _tags(document: Schema) -> list[str]:
    return [tag["name"] for tag in document["tags"]]


# As a page


def page(document: Schema) -> str:
    """The document as a page of HTML that needs nothing else."""
    names = {name for name, _, _ in _models(document)}
    operations = list(_operations(document))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>HTTP API</title><style>{STYLE}</style><h1>HTTP API</h1>",
        f"<p>{_rich(document['info']['description'])} "
        f"Version {html.escape(document['info']['version'])}. <a href='openapi.json'>OpenAPI document</a></p><nav>",
        *(f"<a href='#{tag}'>{tag}</a>" for tag in _tags(document)),
        "<a href='#models'>models</a></nav>",
    ]
    for tag in _tags(document):
        parts.append(f"<h2 id='{tag}'>{tag}</h2>")
        parts.extend(_html_of(one, names) for one in operations if one.tag == tag)
    parts.append("<h2 id='models'>Models</h2>")
    for name, told, rows in _models(document):
        parts.append(f"<h3 id='model-{name}'>{name}</h3><p>{_rich(told)}</p>{_table(rows, names)}")
    return "\n".join(parts) + "\n"


def _html_of(one: _Operation, names: set[str]) -> str:
    parts = [
        f"<h3 id='{one.anchor}'><code>{one.method} {html.escape(one.path)}</code></h3>",
        f"<p><strong>{_rich(one.summary)}</strong></p>",
        *(f"<p>{_rich(text)}</p>" for text in one.paragraphs),
    ]
    if one.parameters:
        parts.append(f"<h4>Parameters</h4>{_table(one.parameters, names)}")
    if one.body:
        parts.append(f"<p>Body: {_linked(one.body, names)}</p>")
    rows = "".join(f"<tr><td>{status}<td>{_linked(kind, names)}<td>{_rich(told)}" for status, kind, told in one.answers)
    parts.append(f"<h4>Answers</h4><table>{rows}</table>")
    return "\n".join(parts)


def _table(rows: list[_Row], names: set[str]) -> str:
    shown = "".join(
        f"<tr><td><code>{html.escape(row.name)}</code>{'' if row.needed else ' (optional)'}"
        f"<td>{_linked(row.kind, names)}<td>{_rich(row.told)}"
        for row in rows
    )
    return f"<table>{shown}</table>"


def _linked(kind: str, names: set[str]) -> str:
    return re.sub(
        r"\w+",
        lambda word: f"<a href='#model-{word[0]}'>{word[0]}</a>" if word[0] in names else word[0],
        html.escape(kind),
    )


def _rich(text: str) -> str:
    """Text with `code` in it."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))


# As Markdown


def markdown(document: Schema) -> str:
    """The document as a page of the documentation."""
    operations = list(_operations(document))
    lines = [
        "# HTTP API reference",
        "",
        "Made from the models that check requests (`ivr schema openapi`); a running daemon shows it at `/v1/docs`, and",
        "gives the OpenAPI document at `/v1/openapi.json`. How to use it, and which problems all requests may have, is",
        "in [HTTP API](http-api.md).",
        "",
    ]
    for tag in _tags(document):
        lines += [f"## {tag}", ""]
        for one in operations:
            if one.tag == tag:
                lines += _markdown_of(one)
    lines += ["## Models", ""]
    for name, told, rows in _models(document):
        lines += [f"### {name}", "", *([told, ""] if told else []), *_rows(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_of(one: _Operation) -> list[str]:
    lines = [f"### {one.method} {one.path}", "", one.summary, ""]
    for text in one.paragraphs:
        lines += [text, ""]
    if one.parameters:
        lines += [*_rows(one.parameters), ""]
    if one.body:
        lines += [f"Body: {one.body}", ""]
    lines += ["| answer | | |", "|---|---|---|"]
    lines += [
        f"| {status} | {_cell(kind)} | {_cell(told)} |"
        for status, kind, told in one.answers
        if not told.startswith(USUAL)
    ]
    return [*lines, ""]


def _rows(rows: list[_Row]) -> list[str]:
    lines = ["| name | kind | |", "|---|---|---|"]
    for row in rows:
        optional = "" if row.needed else " (optional)"
        lines.append(f"| `{row.name}`{optional} | {_cell(row.kind)} | {_cell(row.told)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
