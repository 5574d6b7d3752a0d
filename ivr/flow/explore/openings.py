"""How a call may begin: callers, times and profiles that make a difference to the flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ivr.flow.calendar import hours_at
from ivr.flow.elements.split import SplitElement
from ivr.flow.explore.vocabulary import Vocabulary
from ivr.flow.model import Flow
from ivr.flow.sim import Given
from ivr.settings import Calendar

__all__ = ["openings"]

MAX_OPENINGS = 24
"""Beginnings that are tried."""

CALLERS_TRIED = 300
"""Numbers looked through for one that falls to a way of a split."""

DAYS_AHEAD = 400
"""Days looked through for a holiday."""

HOURS_OF_DAY = (12, 20, 3)
"""Times of day that are tried: work, evening, night."""


def openings(
    base: Given, flows: Iterable[Flow], vocabulary: Vocabulary, calendars: Mapping[str, Calendar]
) -> list[Given]:
    """Beginnings, the usual one first."""
    flows = tuple(flows)
    found = [base]
    found += _times(base, flows, vocabulary, calendars)
    found += _callers(base, flows, vocabulary)
    found += _profiles(base, vocabulary)
    unique: list[Given] = []
    for given in found:
        if given not in unique:
            unique.append(given)
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
        found += [replace(base, caller=str(value)) for value in vocabulary.of(("call", "from")) if str(value)]
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
    found: list[Given] = []
    for field in fields:
        values = vocabulary.of(("profile", field)) or ["1"]
        found += [replace(base, profile={**base.profile, field: value}) for value in (*values, True)]
    return found
