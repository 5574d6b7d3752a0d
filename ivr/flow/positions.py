"""The text of a flow as data with places: what YAML reads, and where each part stands.

The YAML rules themselves (no key twice, keys are text, limits) are `ivr.yamlpos`'s; here is what people trip over in
flows: a bare `*`, a `#` that began a comment, digits and times without quotes.
"""

from __future__ import annotations

import re
from typing import Any

from ivr import yamlpos
from ivr.errors import Fault
from ivr.flow.values import Unquoted
from ivr.yamlpos import Path

__all__ = ["LIMITS", "Path", "Places", "dotted"]

LIMITS = yamlpos.Limits(characters=500_000, nodes=20_000, depth=20, aliases=100)
"""A flow of 100 elements with long texts takes a tenth of this. An expanded alias counts as all that it stands for."""

_NUMERIC = re.compile(r"[0-9*#+][0-9*#]*|[0-9]{1,2}:[0-9]{2}", re.ASCII)
_STAR = re.compile(r"(?:[:-]\s+|[\[,{]\s*)\*(?=[\s,\]}]|$)")


def dotted(path: Path) -> str:
    """A path as people write it: `retry_prompt.text`, `to.0`."""
    return ".".join(str(part) for part in path)


class Places:
    """A flow's text, read: `data` holds plain values, the methods say where they stand."""

    __slots__ = ("_document", "_lines", "data", "faults", "file")

    def __init__(self, text: str | bytes, file: str) -> None:
        self.file = file
        """As the person named it."""
        self._document = yamlpos.load(text, limits=LIMITS)
        written = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        self._lines = written[: LIMITS.characters].splitlines()
        self.faults: list[Fault] = [self._problem(problem) for problem in self._document.problems]
        """What is wrong with the text as YAML; then `data` is None."""
        self.data: Any = self._document.value
        """Dicts with text keys, lists, scalars; numeric texts without quotes are :class:`Unquoted`."""
        for path in self._document.plain:
            if _NUMERIC.fullmatch(self._document.texts[path]):
                self._mark_unquoted(path)

    def line(self, path: Path) -> int | None:
        """Line of a value, or of the nearest one around it."""
        mark = self._document.mark(path)
        return mark.line if mark else None

    def column(self, path: Path) -> int | None:
        """Column of a value, or of the nearest one around it."""
        mark = self._document.mark(path)
        return mark.column if mark else None

    @property
    def lines(self) -> list[str]:
        """The text, line by line."""
        return self._lines

    def text_of_line(self, line: int | None) -> str:
        """A line of the file; empty where there is none."""
        return self._lines[line - 1] if line is not None and line <= len(self._lines) else ""

    def written(self, path: Path) -> str | None:
        """A scalar as it was written; None for what is not a scalar."""
        return self._document.text(path)

    def fault(self, path: Path, text: str, *, found: str | None = None, expected: str | None = None) -> Fault:
        """A fault of the value at a path; element and field are taken from the path."""
        element, field = None, path
        if len(path) >= 2 and path[0] == "elements":
            element, field = str(path[1]), path[2:]
        return Fault(text, self.file, self.line(path), element, dotted(field) or None, found, expected)

    def _mark_unquoted(self, path: Path) -> None:
        if not path:
            return
        holder = self.data
        try:
            for part in path[:-1]:
                holder = holder[part]
            value = holder[path[-1]]
        except (KeyError, IndexError, TypeError):  # a merge key, or what an alias stands for
            return
        if type(value) is str:
            holder[path[-1]] = Unquoted(value)

    def _problem(self, problem: yamlpos.Problem) -> Fault:
        line = problem.mark.line if problem.mark else None
        message, expected = problem.text, problem.expected
        if ("alphabetic" in message or "has no anchor" in message) and _STAR.search(self.text_of_line(line)):
            message, expected = "quote the star: in YAML a bare * begins an alias", '"*"'
        element, field = None, problem.path
        if len(field) >= 2 and field[0] == "elements":
            element, field = str(field[1]), field[2:]
        return Fault(message, self.file, line, element, dotted(field) or None, problem.found, expected)
