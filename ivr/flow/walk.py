"""Walks over the fields of an element, to find the templates and prompts in it wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import ExpressionError, Scope, Template, text_of
from ivr.flow.ports import PromptSpec, Voice
from ivr.flow.spoken import Languages

__all__ = ["at_first", "first_prompts", "prompts", "templates", "unnamed_texts"]

Path = tuple[str | int, ...]


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """A value and all in it but plain texts and numbers, with paths as the file has them."""
    if type(value) in _PLAIN:
        return
    yield path, value
    if isinstance(value, Template):
        return
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _values(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _values(item, (*path, index))


def templates(element: BaseModel) -> Iterator[tuple[Path, Template[Any]]]:
    """Every field of an element that may hold expressions, with its path."""
    for path, value in _values(element, ()):
        if isinstance(value, Template):
            yield path, value


def prompts(element: BaseModel) -> Iterator[tuple[Path, PromptFields]]:
    """Every prompt of an element, with its path."""
    for path, value in _values(element, ()):
        if isinstance(value, PromptFields):
            yield path, value


def at_first(template: Template[str], first: Scope, language: str | None = None) -> str | None:
    """Text of a field while all variables have their defaults; None where it depends on the call or on secrets.

    `first` holds the defaults, and nothing of a call.
    """
    if any(name not in first.variables for expression in template.expressions for name in expression.names):
        return None
    try:
        value, sensitive = template.render(first, language)
    except ExpressionError:
        return None
    return None if sensitive or value is None else text_of(value)


def unnamed_texts(element: BaseModel) -> Iterator[str]:
    """Texts of an element's prompts of which the element does not say the language, without their expressions."""
    for _, prompt in prompts(element):
        if prompt.text is not None and prompt.language is None:
            yield prompt.text.words


def first_prompts(element: BaseModel, first: Scope, languages: Languages | None = None) -> Iterator[PromptSpec]:
    """Prompts of an element as they are while all variables have their defaults, where that is known."""
    for _, prompt in prompts(element):
        source = prompt.text or prompt.file
        found = None if languages is None or prompt.text is None else languages.known(prompt.text.words)
        language = first.variables.get("language") or found
        spoken = at_first(prompt.language, first) if prompt.language is not None else language
        spoken = spoken if isinstance(spoken, str) and spoken else None
        value = None if source is None else at_first(source, first, spoken)
        if not value:
            continue
        if prompt.file is not None:
            yield PromptSpec("file", value, rate=prompt.rate)
            continue
        voice = None if prompt.voice is None else Voice(prompt.voice.gender, prompt.voice.name, prompt.voice.engine)
        yield PromptSpec("text", value, spoken, voice, prompt.rate)
