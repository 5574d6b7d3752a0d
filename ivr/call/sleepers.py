"""Which flows that sleep an event is for, told from what they keep of their conditions: the others need not be woken.

Those that wait for one value of a property (`order: 7`) are found by it, however many there are.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from typing import Any

from ivr.flow.elements.properties import may_hold, property_of
from ivr.flow.expressions import ExpressionError, Sensitive, text_of
from ivr.flow.snapshot import decode

__all__ = ["Sleepers"]

log = logging.getLogger("ivr.call")

EXACT = 2**53
"""Numbers below that have one spelling, whether they are whole or not."""

_Place = tuple[str, str]
"""A property and the value that it must have, as text."""


class Sleepers:
    """Flows by the names of events that wake them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[str, ...], str]] = {}
        """Names of events and checks of each, as JSON."""
        self._places: dict[str, dict[_Place | None, dict[str, str]]] = {}
        """Event, then place, then flow; to its checks. None: those that wait for no one value."""
        self._properties: dict[str, dict[str, int]] = {}
        """Event, then property that places are of; to how many flows."""

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def add(self, key: str, events: Collection[str], checks: Collection[Any] = ()) -> None:
        """A flow sleeps; `checks` are those of its snapshot, which one of its events must meet."""
        self.remove(key)
        text = json.dumps(list(checks), separators=(",", ":"))
        place = _place(_checks(text))
        self._known[key] = tuple(events), text
        for name in events:
            self._places.setdefault(name, {}).setdefault(place, {})[key] = text
            if place is not None:
                count = self._properties.setdefault(name, {})
                count[place[0]] = count.get(place[0], 0) + 1

    def remove(self, key: str) -> None:
        """A flow sleeps no more."""
        events, text = self._known.pop(key, ((), "[]"))
        place = _place(_checks(text))
        for name in events:
            places = self._places[name]
            del places[place][key]
            if not places[place]:
                del places[place]
            if not places:
                del self._places[name]
            if place is not None:
                count = self._properties[name]
                count[place[0]] -= 1
                if not count[place[0]]:
                    del count[place[0]]
                if not count:
                    del self._properties[name]

    def woken_by(self, name: str, properties: Mapping[str, Any]) -> list[str]:
        """Flows that an event may be for, in the order in which they lay down at their place."""
        places = self._places.get(name)
        if places is None:
            return []
        wanted: list[_Place | None] = [None]
        for path in self._properties.get(name, ()):
            value = _spelt(property_of(properties, path))
            if value is not None:
                wanted.append((path, value))
        judged: dict[str, bool] = {}
        found = []
        for place in wanted:
            for key, text in places.get(place, {}).items():
                if text not in judged:
                    judged[text] = _meets(text, properties)
                if judged[text]:
                    found.append(key)
        return found


def _checks(text: str) -> list[tuple[str, str, Any]]:
    """Checks that can be read; a flow whose checks are damaged is woken by every event."""
    try:
        found = [(str(path), str(operator), decode(value)) for path, operator, value in json.loads(text)]
    except Exception:
        log.warning("conditions of a flow that waits cannot be read: every event wakes it")
        return []
    return [(path, name, value.value if type(value) is Sensitive else value) for path, name, value in found]


def _meets(text: str, properties: Mapping[str, Any]) -> bool:
    try:
        return may_hold(_checks(text), properties)
    except Exception:
        log.exception("conditions of a flow that waits cannot be judged: it is woken")
        return True


def _place(checks: list[tuple[str, str, Any]]) -> _Place | None:
    for path, operator, value in checks:
        large = isinstance(value, (int, float)) and not abs(value) < EXACT
        spelt = None if operator != "is" or large else _spelt(value)
        if spelt is not None:
            return path, spelt
    return None


def _spelt(value: Any) -> str | None:
    """A plain value as text, the same for all that `is` takes for equal; None for others."""
    if not isinstance(value, (str, bool, int, float)):
        return "" if value is None else None
    try:
        return text_of(value).casefold()
    except ExpressionError:
        return None
