"""Where something stands in the details of a step, in the record and in its replay alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ivr.flow.trace import INSIDE

__all__ = ["Place", "at_place", "playing"]

Place = tuple[tuple[str, int], ...]
"""Lists of details and numbers in them, from the step inwards: `(("twiml", 0), ("played", 2))`."""


def playing(details: Mapping[str, Any]) -> tuple[Place, Mapping[str, Any]]:
    """The newest prompt of a step that has not ended, and where it stands: it may be one of what runs inside. Where
    there is none, an empty place."""
    open_ = [
        (where, entry)
        for place, part in _parts(details)
        for where, entry in _entries(place, part, "played")
        if "reason" not in entry
    ]
    return max(reversed(open_), key=lambda each: float(each[1]["at"]), default=((), {"prompts": ()}))


def at_place(details: Mapping[str, Any], place: Place) -> Mapping[str, Any] | None:
    """What stands at a place; None: nothing."""
    found: Mapping[str, Any] | None = details if place else None
    for name, index in place:
        entries = () if found is None else found.get(name) or ()
        found = entries[index] if index < len(entries) else None
    return found


def _parts(details: Mapping[str, Any], place: Place = ()) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """As :func:`ivr.flow.trace.parts`, with where each of them stands."""
    yield place, details
    for name in INSIDE:
        for where, inner in _entries(place, details, name):
            yield from _parts(inner, where)


def _entries(place: Place, details: Mapping[str, Any], name: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for index, entry in enumerate(details.get(name) or ()):
        yield (*place, (name, index)), entry
