"""Compares what was expected with what was there: globs, lists with gaps, values, and the alignment of two lists."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from ivr.flow.expressions import text_of

__all__ = ["GAP", "Row", "align", "glob", "in_order", "list_matches", "same_value", "subset"]

GAP = "..."
"""In a list: anything may stand here, also nothing."""

COST, GAIN = 100_000, 1
"""What a row costs that differs, whether both of its sides are there or one, and what a row gains of which both fit: of
ways to lay the lists side by side with as few differences the one counts that has most in common."""

A = TypeVar("A")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, " ".join(text.split()).split("*"))), re.S)


def glob(pattern: str, text: str) -> bool:
    """Whether a text is like the pattern, in which `*` stands for anything; runs of blanks count as one."""
    return bool(_pattern(pattern).fullmatch(" ".join(text.split())))


def in_order(wanted: Sequence[Any], found: Sequence[A], fits: Callable[[Any, A], bool]) -> int | None:
    """Index of the first one wanted that is not found behind those before it; None when all are."""
    place = 0
    for index, want in enumerate(wanted):
        while place < len(found) and not fits(want, found[place]):
            place += 1
        if place == len(found):
            return index
        place += 1
    return None


def list_matches(wanted: Sequence[Any], found: Sequence[A], fits: Callable[[Any, A], bool]) -> bool:
    """Whether the list is the one wanted, gaps taken into account."""
    reached = {0}  # numbers of wanted ones that may be behind us
    for item in found:
        reached = _past_gaps(wanted, reached)
        further = set()
        for place in reached:
            if place < len(wanted):
                if wanted[place] == GAP:
                    further.add(place)
                elif fits(wanted[place], item):
                    further.add(place + 1)
        if not further:
            return False
        reached = further
    return len(wanted) in _past_gaps(wanted, reached)


def _past_gaps(wanted: Sequence[Any], reached: set[int]) -> set[int]:
    found = set(reached)
    for place in reached:
        while place < len(wanted) and wanted[place] == GAP:
            place += 1
            found.add(place)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One line of two lists side by side."""

    wanted: int | None
    """Index of what was expected; None: nothing was."""
    found: int | None
    """Index of what was there; None: nothing was."""
    same: bool
    """The two fit."""


def align(wanted: Sequence[Any], found: Sequence[A], fits: Callable[[Any, A], bool]) -> list[Row]:
    """The two lists side by side with as few differences as there can be, and these as late as can be.

    A gap stands beside everything that it takes in, or alone where that is nothing.
    """
    rows, columns = len(wanted), len(found)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    fitting = [[want != GAP and fits(want, item) for item in found] for want in wanted]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            if i == rows:
                cost[i][j] = COST * (columns - j)
            elif wanted[i] == GAP:
                cost[i][j] = min(cost[i + 1][j], cost[i][j + 1] if j < columns else math.inf)  # type: ignore[assignment]
            elif j == columns:
                cost[i][j] = cost[i + 1][j] + COST
            else:
                step = cost[i + 1][j + 1] + (-GAIN if fitting[i][j] else COST)
                cost[i][j] = min(step, cost[i + 1][j] + COST, cost[i][j + 1] + COST)
    return _walk(wanted, columns, cost, fitting)


def _walk(wanted: Sequence[Any], columns: int, cost: list[list[int]], fitting: list[list[bool]]) -> list[Row]:
    found: list[Row] = []
    i = j = 0
    while i < len(wanted) or j < columns:
        left = cost[i][j]
        if i < len(wanted) and wanted[i] == GAP:
            if j < columns and cost[i][j + 1] == left and cost[i + 1][j] != left:
                found.append(Row(i, j, True))
                j += 1
            else:
                if not (found and found[-1].wanted == i):
                    found.append(Row(i, None, True))
                i += 1
        elif i < len(wanted) and j < columns and fitting[i][j] and cost[i + 1][j + 1] == left + GAIN:
            found.append(Row(i, j, True))
            i, j = i + 1, j + 1
        elif i < len(wanted) and j < columns and cost[i + 1][j + 1] == left - COST:
            found.append(Row(i, j, False))
            i, j = i + 1, j + 1
        elif j < columns and cost[i][j + 1] == left - COST:
            found.append(Row(None, j, False))
            j += 1
        else:
            found.append(Row(i, None, False))
            i += 1
    return found


# Values


def same_value(wanted: Any, found: Any) -> bool:
    """Whether a value is the one written: numbers by their size, texts as globs, dates also by their text."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, (int, float, Decimal)) and isinstance(found, (int, float, Decimal)):
        return math.isclose(wanted, found, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(same_value(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)) and isinstance(found, (list, tuple)):
        return len(wanted) == len(found) and all(map(same_value, wanted, found))
    if wanted == found:
        return True
    if isinstance(wanted, str) and isinstance(found, str):
        return glob(wanted, found)
    return isinstance(wanted, (str, date)) and isinstance(found, (date, datetime, time)) and _written(wanted, found)


def _written(wanted: str | date, found: date | datetime | time) -> bool:
    return str(wanted) in (text_of(found), found.isoformat(), str(found))


def subset(wanted: Any, found: Any) -> bool:
    """Whether a value has all that is written: mappings may have more keys; texts are globs; the rest is the same."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and subset(each, found[key]) for key, each in wanted.items())
    if isinstance(wanted, (list, tuple)) and isinstance(found, (list, tuple)):
        return len(wanted) == len(found) and all(map(subset, wanted, found))
    return same_value(wanted, found)
