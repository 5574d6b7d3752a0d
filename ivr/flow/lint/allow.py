"""`# ivr: allow CODE reason`: findings that somebody has looked at and wants to live with.

The comment stands in the line of the finding, or in the first line of the element, for the whole of it; alone in a line
it speaks for the line below. A reason is required, and an allowance that allows nothing is a finding itself.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from ivr.flow.lint.codes import CODES, Code, code
from ivr.flow.lint.findings import Finding
from ivr.flow.model import Flow

__all__ = ["allowed"]

A001 = code(
    "A001",
    "warning",
    "allowance that allows nothing",
    """The comment allows a finding that is not there: it was mended, or the comment stands in the wrong line. Take the
    comment out, so that it does not hide the finding when it comes back.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      bye: {type: hang_up}  # ivr: allow G002 the call is to end here
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      bye: {type: hang_up}
    """,
    allowable=False,
)
A002 = code(
    "A002",
    "warning",
    "allowance that cannot be used",
    """An allowance names one or more codes and gives a reason, for whoever reads the flow later:
    `# ivr: allow I003 old people call here`. Faults that refuse the flow cannot be allowed.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours: {type: play, text: "We are closed."}  # ivr: allow G002
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours: {type: play, text: "We are closed."}  # ivr: allow G002 nothing more is to be said
    """,
    allowable=False,
)

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*ivr:\s*allow\b[ \t:]*(.*)$")
_CODES_AND_REASON = re.compile(r"((?:[A-Za-z]\d{3})(?:\s*,\s*[A-Za-z]\d{3})*)(?![\w])[ \t:,-]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Allowance:
    line: int
    """Where it stands."""
    speaks_for: int
    """The line of findings that it is about."""
    codes: tuple[str, ...]
    """As written, in capitals."""
    reason: str
    """Empty where none is given."""


def allowed(flow: Flow, findings: Iterable[Finding]) -> list[Finding]:
    """The findings that nobody has allowed, and what is wrong with the allowances."""
    left = list(findings)
    used: set[tuple[int, str]] = set()
    allowances = list(_allowances(flow))
    if not allowances:
        return left
    by_line: dict[int, list[_Allowance]] = {}
    for allowance in allowances:
        if allowance.reason:
            by_line.setdefault(allowance.speaks_for, []).append(allowance)
    kept: list[Finding] = []
    for finding in left:
        lines = {finding.line, None if finding.element is None else flow.line(finding.element)}
        silencing = [
            allowance
            for line in lines
            if line is not None
            for allowance in by_line.get(line, ())
            if finding.code in allowance.codes
        ]
        if silencing and CODES[finding.code].allowable:
            used.update((allowance.line, finding.code) for allowance in silencing)
        else:
            kept.append(finding)
    kept.extend(_unfit(flow, allowances, used))
    return kept


def _unfit(flow: Flow, allowances: Iterable[_Allowance], used: set[tuple[int, str]]) -> Iterator[Finding]:
    for allowance in allowances:
        usable = [name for name in allowance.codes if name in CODES and CODES[name].allowable]
        for name in allowance.codes:
            if name not in usable:
                what = "cannot be allowed" if name in CODES else "is no code"
                yield _finding(flow, A002, allowance.line, f"{name} {what}", "ivr check --explain lists the codes")
        if not allowance.codes:
            yield _finding(flow, A002, allowance.line, "no code is named", "# ivr: allow CODE reason")
        elif not allowance.reason:
            yield _finding(flow, A002, allowance.line, "the reason is missing", "# ivr: allow CODE reason")
        else:
            for name in usable:
                if (allowance.line, name) not in used:
                    yield _finding(flow, A001, allowance.line, f"there is no finding {name} here", "take it out")


def _finding(flow: Flow, code: Code, line: int, message: str, mend: str) -> Finding:
    file = flow.places.file if flow.places is not None else flow.name
    return Finding(code.name, code.severity, file, line, None, None, message, mend)


# Comments


def _allowances(flow: Flow) -> Iterator[_Allowance]:
    lines = () if flow.places is None else flow.places.lines
    matches = [(number, found) for number, line in enumerate(lines, 1) if (found := _COMMENT.search(line))]
    if not matches:
        return
    texts = _text_places(lines)
    below = _lines_below(lines)
    for number, found in matches:
        at = (number - 1, found.start())
        before = bisect.bisect_right(texts, at, key=lambda place: place[0]) - 1
        if before >= 0 and at < texts[before][1]:
            continue
        parts = _CODES_AND_REASON.match(found[1])
        codes = tuple(name.strip().upper() for name in parts[1].split(",")) if parts else ()
        alone = not lines[number - 1][: found.start()].strip()
        yield _Allowance(number, below[number] if alone else number, codes, parts[2].strip() if parts else "")


def _lines_below(lines: Sequence[str]) -> list[int]:
    """For every line, counted from 0, the number of the next one that holds more than a comment."""
    found = [len(lines)] * (len(lines) + 1)
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].strip()
        found[index] = index + 1 if line and not line.startswith("#") else found[index + 1]
    return found


def _text_places(lines: Iterable[str]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where scalars begin and end, in their order: what looks like a comment inside one is text."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [
        ((token.start_mark.line, token.start_mark.column), (token.end_mark.line, token.end_mark.column))
        for token in yaml.scan("\n".join(lines), Loader=loader)
        if isinstance(token, yaml.ScalarToken)
    ]
