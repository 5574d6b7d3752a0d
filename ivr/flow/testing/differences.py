"""What a difference between a case and its call is, and how it is written for people."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Literal

from ivr.flow.testing.matching import GAP, Row, align

__all__ = ["Difference", "Kind", "closest", "plain", "shown", "side_by_side"]

Kind = Literal[
    "fault",
    "unused",
    "path",
    "visits",
    "branches",
    "said",
    "variables",
    "results",
    "tags",
    "profile",
    "do_not_contact",
    "requests",
    "mails",
    "forwards",
    "hand_offs",
    "calls",
    "contacts",
    "recordings",
    "ended_by",
    "timing",
    "notes",
]

BEFORE, AFTER = 3, 6
"""Rows shown before and after the first one that differs: enough to see where one is."""

COLUMN = 34
"""Characters of a column; longer names are cut."""

MAX_VALUE = 200
"""Characters of a value in a report."""

NEAR = 0.5
"""Likeness from which a text counts as the one that was probably meant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was not as the case says."""

    kind: Kind
    """What it is about."""
    text: str
    """A sentence."""
    line: int
    """Where the expectation stands in the file of the case."""
    details: tuple[str, ...] = ()
    """Lines that show it."""
    expected: Any = None
    """As the case has it: plain JSON values."""
    actual: Any = None
    """As it was: plain JSON values."""

    def __str__(self) -> str:
        return "\n".join([self.text, *(f"  {line}" for line in self.details)])


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, (date, time)):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def shown(value: Any) -> str:
    """A value for people, on one line."""
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def closest(wanted: str, texts: Sequence[str]) -> str | None:
    """The text that comes nearest to what was wanted; None where none is near."""
    bare = wanted.replace("*", "")
    rated = [(difflib.SequenceMatcher(None, bare, text[: len(bare) + 20]).ratio(), text) for text in texts]
    best = max(rated, default=(0.0, ""))
    return best[1] if best[0] >= NEAR else None


def side_by_side(
    wanted: Sequence[Any],
    found: Sequence[Any],
    fits: Callable[[Any, Any], bool],
    write: Callable[[Any], str],
    remark: Callable[[int], str] = lambda _: "",
) -> tuple[list[str], Row | None, int]:
    """Two lists beside each other around the first difference; that difference, and the index in `found` where it is.

    `write` gives the text of one found, `remark` what else is told of it.
    """
    rows = align(wanted, found, fits)
    first = next((index for index, row in enumerate(rows) if not row.same), None)
    if first is None:
        return [], None, len(found)
    begin, end = max(0, first - BEFORE), min(len(rows), first + AFTER + 1)
    cells = []
    previous_gap: int | None = None
    for index in range(begin, end):
        row = rows[index]
        left = "" if row.wanted is None else write(wanted[row.wanted])
        if row.wanted is not None and wanted[row.wanted] == GAP:
            left = GAP if row.wanted != previous_gap else ""
            previous_gap = row.wanted
        right = "" if row.found is None else write(found[row.found])
        note = "" if row.found is None else remark(row.found)
        cells.append((_mark(row, index == first), _cut(left), _cut(right), note))
    widths = [
        max(len(text) for text in (head, *(row[place] for row in cells)))
        for place, head in ((1, "expected"), (2, "was"))
    ]
    lines = [f"  {'expected':<{widths[0]}}  {'was':<{widths[1]}}".rstrip()]
    if begin:
        lines.append(f"  … {begin} the same")
    lines += [f"{mark} {left:<{widths[0]}}  {right:<{widths[1]}}  {note}".rstrip() for mark, left, right, note in cells]
    if end < len(rows):
        lines.append(f"  … {len(rows) - end} more")
    at = next((row.found for row in rows[first:] if row.found is not None), len(found))
    return lines, rows[first], at


def _mark(row: Row, first: bool) -> str:
    return " " if row.same else ">" if first else "≠"


def _cut(text: str) -> str:
    return text if len(text) <= COLUMN else text[: COLUMN - 1] + "…"
