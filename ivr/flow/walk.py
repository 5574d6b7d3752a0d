"""Walks over the fields of an element, to find the templates and prompts in it wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import Template
from ivr.flow.ports import PromptSpec, Voice

__all__ = ["fixed_prompts", "prompts", "templates"]

Path = tuple[str | int, ...]


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """A value and all in it, with paths as the file has them."""
    yield path, value
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


def fixed_prompts(element: BaseModel, language: str | None) -> Iterator[PromptSpec]:
    """Prompts of an element that are the same in every call; `language` is that of the flow's texts."""
    for _, prompt in prompts(element):
        kind = "text" if prompt.text else "file" if prompt.file else None
        source = prompt.text or prompt.file
        spoken = prompt.language
        if kind is None or source is None or not source.fixed or (spoken is not None and not spoken.fixed):
            continue
        voice = None if prompt.voice is None else Voice(prompt.voice.gender, prompt.voice.name, prompt.voice.engine)
        own = language if spoken is None else spoken.constant
        yield PromptSpec(
            "text" if kind == "text" else "file",
            source.constant or "",
            own if kind == "text" else None,
            voice,
            prompt.rate,
        )
