"""How a call may begin: callers, times and profiles that make a difference to the flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from ivr.flow.calendar import hours_at
from ivr.flow.elements.split import SplitElement
from ivr.flow.explore.answers import event_properties
from ivr.flow.explore.vocabulary import Vocabulary
from ivr.flow.model import Flow
from ivr.flow.sim import Given
from ivr.flow.sim.given import first_entry
from ivr.settings import Calendar

__all__ = ["Opening", "openings"]

MAX_OPENINGS = 16
"""Beginnings that are tried."""

CALLERS_TRIED = 300
"""Numbers looked through for one that falls to a way of a split."""

DAYS_AHEAD = 400
"""Days looked through for a holiday."""

HOURS_OF_DAY = (12, 20, 3)
"""Times of day that are tried: work, evening, night."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One beginning."""

    given: Given
    """The call."""
    failing: frozenset[str] = frozenset()
    """Elements whose recordings cannot be written."""


def openings(
    flow: Flow, base: Given, flows: Iterable[Flow], vocabulary: Vocabulary, calendars: Mapping[str, Calendar]
) -> list[Opening]:
    """Beginnings of a flow at its entry, the usual one first."""
    flows = tuple(flows)
    found = [base]
    entry: Any = flow.elements[base.entry or first_entry(flow)]
    if entry.OUTSIDE:
        conditions, save = getattr(entry, "conditions", ()), getattr(entry, "save", {})
        properties = event_properties(conditions, save, vocabulary, base.caller)
        for each in properties:
            each.pop(getattr(entry, "contact", ""), None)  # the number is the caller's
        found += [replace(base, properties=each) for each in properties]
    found += _times(base, flows, vocabulary, calendars)
    found += _callers(base, flows, vocabulary)
    found += _profiles(base, vocabulary)
    unique: list[Opening] = []
    for given in found:
        if Opening(given) not in unique:
            unique.append(Opening(given))
    return unique[:MAX_OPENINGS]


def _times(
    base: Given, flows: tuple[Flow, ...], vocabulary: Vocabulary, calendars: Mapping[str, Calendar]
) -> list[Given]:
    """One moment for each way in which the calendars together can stand, else some where the clock is read."""
    types = {element.type for flow in flows for element in flow.elements.values()}
    if "hours" not in types and "now" not in vocabulary.decisive:
        return []
    day = base.time.replace(minute=0, second=0, microsecond=0)
    moments = [day.replace(hour=hour) + timedelta(days=ahead) for ahead in range(7) for hour in HOURS_OF_DAY]
    if not calendars or "hours" not in types:
        return [replace(base, time=moment) for moment in (moments[0], moments[2], moments[18], moments[20])]
    moments += [day.replace(hour=HOURS_OF_DAY[0]) + timedelta(days=ahead) for ahead in range(7, DAYS_AHEAD)]
    seen: set[tuple[str, ...]] = {_standing(calendars, base.time)}
    found = []
    for moment in moments:
        standing = _standing(calendars, moment)
        if standing not in seen:
            seen.add(standing)
            found.append(replace(base, time=moment))
    return found


def _standing(calendars: Mapping[str, Calendar], moment: Any) -> tuple[str, ...]:
    return tuple(hours_at(calendar, moment.astimezone(calendar.zone)).status for calendar in calendars.values())


def _callers(base: Given, flows: tuple[Flow, ...], vocabulary: Vocabulary) -> list[Given]:
    found: list[Given] = []
    if ("call", "from") in vocabulary.paths:
        found.append(replace(base, caller=""))
        numbers = [value for value in vocabulary.of(("call", "from")) if isinstance(value, str)]
        found += [replace(base, caller=number) for number in numbers if any(map(str.isdecimal, number))]
    for flow in flows:
        for name, element in flow.elements.items():
            if isinstance(element, SplitElement) and element.key is None:
                missing = set(element.ways) - {element.way_of(base.caller, f"{flow.name}/{name}")}
                for number in range(CALLERS_TRIED):
                    caller = f"+1555{number:07d}"
                    way = element.way_of(caller, f"{flow.name}/{name}")
                    if way in missing:
                        missing.discard(way)
                        found.append(replace(base, caller=caller))
    return found


def _profiles(base: Given, vocabulary: Vocabulary) -> list[Given]:
    fields = sorted({path[1] for path in vocabulary.paths if path[0] == "profile" and len(path) > 1})
    turns = [vocabulary.of(("profile", field)) or ["1"] for field in fields]
    return [
        replace(base, profile={**base.profile, field: value})
        for values in zip_longest(*turns)
        for field, value in zip(fields, values, strict=True)
        if value is not None
    ]
