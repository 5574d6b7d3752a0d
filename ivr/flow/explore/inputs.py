"""Keys worth pressing at a collect: each response, what conditions ask for, something valid, something wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ivr.flow.elements.collect import CollectElement
from ivr.flow.patterns import KEYS

__all__ = ["right_keys", "wrong_keys"]

PLAIN_KEYS = "1234567890*#"
"""Keys of an ordinary telephone, in the order they are tried in."""

MAX_SEARCHED = 2_000
"""Beginnings looked at for an input that a pattern takes."""


def right_keys(element: CollectElement, wanted: Iterable[object]) -> list[str]:
    """Inputs that the element takes: its responses, else of those wanted the ones that fit, and one more."""
    if element.responses:
        return [_ended(element, keys) for keys in element.responses if element.valid(keys)]
    fitting = [keys for keys in map(_keys, wanted) if keys and element.valid(keys) and _typed(element, keys)]
    example = _example(element)
    if example is not None and example not in fitting:
        fitting.append(example)
    return [_ended(element, keys) for keys in dict.fromkeys(fitting)]


def wrong_keys(element: CollectElement) -> str | None:
    """An input that the element does not take, over as soon as it can be; None: it takes anything."""
    for key in reversed(PLAIN_KEYS):
        if not element.ends("", key) and not element.valid(key) and not element.extends(key):
            return key
    if element.terminator:
        if not element.valid("") and element.ends("", element.terminator):
            return element.terminator
        for key in PLAIN_KEYS:
            if not element.valid(key) and element.ends(key, element.terminator):
                return key + element.terminator
    return next((key for key in PLAIN_KEYS if not element.valid(key) and not element.ends("", key)), None)


def _keys(value: object) -> str:
    """A value as a caller could type it."""
    text = str(value) if not isinstance(value, float) or not value.is_integer() else str(int(value))
    return text if text and all(key in KEYS for key in text) else ""


def _typed(element: CollectElement, keys: str) -> bool:
    """Whether the input is not over before its last key."""
    return all(
        element.extends(keys[:size]) and not element.ends(keys[:size], keys[size]) for size in range(1, len(keys))
    )


def _ended(element: CollectElement, keys: str) -> str:
    """The keys with the terminator, where the element would wait for more."""
    if element.terminator and element.extends(keys) and element.ends(keys, element.terminator):
        return keys + element.terminator
    return keys


@lru_cache(maxsize=512)
def _example_of(pattern: object, least: int, longest: int, terminator: str) -> str | None:
    """The first shortest input by length and key; where all short ones are too many, the first by key."""
    matches = (lambda keys: True) if pattern is None else pattern.matches  # type: ignore[attr-defined]
    extends = (lambda keys: True) if pattern is None else pattern.extends  # type: ignore[attr-defined]
    if pattern is None:
        return "".join(PLAIN_KEYS[index % 9] for index in range(max(1, least)))
    beginnings = [""]
    looked = 0
    while beginnings and looked < MAX_SEARCHED:
        longer = []
        for keys in beginnings:
            looked += 1
            if least <= len(keys) <= longest and keys and matches(keys):
                return keys
            if len(keys) < longest and extends(keys):
                longer += [keys + key for key in PLAIN_KEYS if key != terminator]
        beginnings = longer
    todo, looked = [""], 0
    while todo and looked < MAX_SEARCHED:
        keys = todo.pop()
        looked += 1
        if least <= len(keys) <= longest and keys and matches(keys):
            return keys
        if len(keys) < longest and extends(keys):
            todo += [keys + key for key in reversed(PLAIN_KEYS) if key != terminator]
    return None


def _example(element: CollectElement) -> str | None:
    keys = _example_of(element.pattern, element.min_digits, element.longest, element.terminator)
    return keys if keys is not None and element.valid(keys) and _typed(element, keys) else None
