"""Tells what pydantic found wrong with an element in the words and places of the person who wrote the flow."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ivr.errors import Fault
from ivr.flow.positions import Path, Places
from ivr.flow.values import SentenceError

__all__ = ["field_faults", "near", "wording"]

MAX_SHOWN = 80
"""Characters of a wrong value that a fault repeats."""

_SIMPLE = {
    "string_type": ("must be text", "text"),
    "int_type": ("must be a whole number", "a whole number"),
    "int_parsing": ("must be a whole number", "a whole number"),
    "int_from_float": ("must be a whole number", "a whole number"),
    "float_type": ("must be a number", "a number"),
    "float_parsing": ("must be a number", "a number"),
    "bool_type": ("must be true or false", "true or false"),
    "bool_parsing": ("must be true or false", "true or false"),
    "dict_type": ("must be a mapping of keys", "key: value"),
    "model_type": ("must be a mapping of keys", "key: value"),
    "model_attributes_type": ("must be a mapping of keys", "key: value"),
    "tuple_type": ("must be a list", "a list"),
    "list_type": ("must be a list", "a list"),
    "string_too_short": ("is empty", None),
}
_BOUNDS = {
    "greater_than": ("too small", "more than {gt}"),
    "greater_than_equal": ("too small", "at least {ge}"),
    "less_than": ("too large", "less than {lt}"),
    "less_than_equal": ("too large", "at most {le}"),
    "too_short": ("too few items", "at least {min_length}"),
    "too_long": ("too many items", "at most {max_length}"),
    "string_too_long": ("too long", "at most {max_length} characters"),
}


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def field_faults(errors: Sequence[ErrorDetails], base: Path, model: type[BaseModel], places: Places) -> list[Fault]:
    """One fault for each wrong field of the value at `base`, which was to become a `model`.

    A field that takes several shapes gives one error for each of them; they become one fault.
    """
    grouped: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        grouped.setdefault((*base, *_path(error["loc"], _at(places.data, base))), []).append(error)
    deepest = [
        path for path in grouped if not any(len(other) > len(path) and other[: len(path)] == path for other in grouped)
    ]
    # An error deeper in one shape of a field tells more than that the other shapes do not fit at all.
    kept = [path for path in grouped if path in deepest or any(_own(error) for error in grouped[path])]
    return [_fault(path, grouped[path], base, model, places) for path in kept]


def _own(error: ErrorDetails) -> bool:
    return error["type"] in ("value_error", "missing", "extra_forbidden")


def _fault(path: Path, errors: list[ErrorDetails], base: Path, model: type[BaseModel], places: Places) -> Fault:
    error = next((error for error in errors if _own(error)), errors[0])
    written = places.written(path)
    if error["type"] == "extra_forbidden":
        known = _fields(model, path[len(base) : -1])
        meant = near(str(path[-1]), known)
        text = f"unknown field, did you mean {meant}?" if meant else "unknown field"
        return places.fault(path, text, expected=None if meant else f"one of {', '.join(known)}")
    if error["type"] == "missing":
        return places.fault(path, "the field is missing")
    messages = [wording(error, written)] if _own(error) else [wording(each, written) for each in errors]
    expected = " or ".join(dict.fromkeys(wanted for _, wanted in messages if wanted))
    text = messages[0][0] if len({text for text, _ in messages}) == 1 else "not a value of this field"
    found = written
    if written is None:
        value = _at(places.data, path)
        found = "a list" if isinstance(value, list) else None
        if isinstance(value, dict) and path != base and error["type"] != "value_error":
            found = "a mapping"
    elif error["loc"][-1:] == ("[key]",):
        found = str(path[-1])
    elif written == "" and _at(places.data, path) is None:
        found = "nothing"
        if places.text_of_line(places.line(path)).rstrip().endswith(": #"):
            text, expected = "quote the #: without quotes it begins a comment", '"#"'
    elif text == "quote the digits":
        expected = f'"{written}"'
    elif len(written) > MAX_SHOWN:
        found = written[:MAX_SHOWN] + "…"
    return places.fault(path, text, found=found, expected=expected or None)


def wording(error: ErrorDetails, written: str | None) -> tuple[str, str | None]:
    """What is wrong, and what should stand there, of one error where `written` was found (None: no scalar)."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if kind in _BOUNDS:
        text, expected = _BOUNDS[kind]
        return text, expected.format(**{name: _plain(bound) for name, bound in context.items()})
    if kind == "value_error" and isinstance(context["error"], SentenceError):
        return str(context["error"]), None
    if kind == "value_error":
        text, _, expected = str(context["error"]).partition(": ")
        return text, expected or None
    if kind == "literal_error":
        allowed = str(context["expected"])
        meant = (
            near(written, [word.strip("' ") for word in allowed.replace(" or ", ",").split(",")]) if written else None
        )
        text = f"not one of the values allowed, did you mean {meant}?" if meant else "not one of the values allowed"
        return text, allowed
    message = error["msg"]
    return message[:1].lower() + message[1:], None


def _plain(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _path(loc: Sequence[str | int], data: Any) -> Path:
    """Way in the document of a location of pydantic's, which names members of unions, too."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            if index == len(loc) - 1 and isinstance(part, str) and part.isidentifier() and isinstance(data, dict):
                path.append(part)  # a field that is missing
        else:
            path.append(part)
    return tuple(path)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Fields that the mapping at `path` inside a model knows."""
    models = [model]
    for part in path:
        found: list[type[BaseModel]] = []
        for each in models:
            field = next((f for key, f in each.model_fields.items() if (f.alias or key) == part), None)
            if field is not None:
                found.extend(_models(field.annotation))
        models = found or models if isinstance(part, int) else found
    return [field.alias or key for each in models for key, field in each.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in _models(inner)]
