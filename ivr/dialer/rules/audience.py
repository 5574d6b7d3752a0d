"""Who is in an audience: rows of a CSV file, or records of a request, as contacts or as what is wrong with them.

A CSV file has a first line that names its columns, one of them `number`; all others are variables, text each. Columns
are separated by `,`, `;` or tabulators, fields may stand in quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivr.errors import IvrError
from ivr.flow.values import plain_number

__all__ = ["NUMBER", "AudienceError", "BadRow", "Contact", "read_audience", "read_records"]

NUMBER = "number"
"""The column, or the member of a record, that says whom to call."""

MAX_COLUMNS = 50
"""Of a file: as many variables as an element of a flow keeps."""
MAX_NAME = 200
"""Characters of a variable's name."""
MAX_VALUE = 1000
"""Characters of a value: it is a name, a date, an amount, and stands in each contact's row."""
MAX_DIGITS = 20
"""Of a number: E.164 has 15, and a prefix for a line may stand before them."""
SHOWN = 40
"""Characters of what was found that an error shows."""

_SIGNS = {",": "a comma", ";": "a semicolon", "\t": "a tabulator"}
_ROUNDED = re.compile(r"\d+[.,]?\d*E\+?\d+", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(rf"\+?\d{{2,{MAX_DIGITS}}}", re.ASCII)
_URI = re.compile(r"sips?:[^\s<>\"]{1,200}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")

EXPECTED = "expected a number like +49 30 1234567, or sip:user@host"


class AudienceError(IvrError):
    """A file that is no audience at all: its first line, its characters."""

    http_status = 422


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call."""

    number: str
    """Without the signs that people group numbers with."""
    variables: Mapping[str, Any]
    """What came with it; with the number, the properties that the flow begins with."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no contact."""

    line: int
    """Its line in the file, or its place in the request, from 1."""
    column: str
    """Column that is wrong; empty: the row as a whole."""
    message: str
    """What was found, and what was expected."""

    def __str__(self) -> str:
        where = f", column {self.column}" if self.column else ""
        return f"line {self.line}{where}: {self.message}"


def read_audience(lines: Iterable[str]) -> Iterator[Contact | BadRow]:
    """Contacts of a CSV file, given line by line with line ends; AudienceError where the first line is none."""
    source = iter(lines)
    head = next(source, "")
    delimiter = _delimiter(head)
    try:
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise AudienceError(f"line 1: {error}") from None
    at = _number_column(names, delimiter)
    rows = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        line = rows.line_num + 2
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, "", _told(error))
            continue
        if any(field and not field.isspace() for field in row):
            yield _contact(row, names, at, line)


def read_records(records: Sequence[Any]) -> Iterator[Contact | BadRow]:
    """Contacts of a request: records like `{"number": "+15550100", "variables": {"name": "Anna"}}`."""
    for place, record in enumerate(records, 1):
        if not isinstance(record, dict):
            yield BadRow(place, "", "expected an object with number and variables")
            continue
        if unknown := sorted(record.keys() - {NUMBER, "variables"}):
            yield BadRow(place, unknown[0][:SHOWN], "unknown, expected number and variables")
            continue
        variables = record.get("variables", {})
        number = record.get(NUMBER)
        if not isinstance(number, str):
            yield BadRow(place, NUMBER, f"is missing or not text, {EXPECTED}")
        elif not isinstance(variables, dict) or len(variables) > MAX_COLUMNS:
            yield BadRow(place, "variables", f"expected an object with at most {MAX_COLUMNS} members")
        elif NUMBER in variables:
            yield BadRow(place, "variables", "number is not a variable: it stands beside them")
        else:
            problem = _number_problem(number)
            problems = (_value_problem(value) for value in variables.values() if isinstance(value, str))
            wrong = next(filter(None, problems), None)
            if problem is None and wrong is None:
                yield Contact(_plain(number), variables)
            else:
                yield BadRow(place, "variables" if problem is None else NUMBER, problem or wrong or "")


def _delimiter(head: str) -> str:
    bare = re.sub(r'"[^"]*"', "", head)
    return max(_SIGNS, key=bare.count)


def _number_column(names: list[str], delimiter: str) -> int:
    """Which column has the numbers; names of the columns are checked."""
    lowered = [name.lower() for name in names]
    if NUMBER not in lowered:
        found = ", ".join(repr(name[:SHOWN]) for name in names[:MAX_COLUMNS] if name) or "nothing"
        raise AudienceError(
            f"line 1: found {found}, expected the names of the columns, separated by {_SIGNS[delimiter]}, "
            "one of them number"
        )
    if len(names) > MAX_COLUMNS:
        raise AudienceError(f"line 1: {len(names)} columns, expected at most {MAX_COLUMNS}")
    for place, name in enumerate(names, 1):
        if not name:
            raise AudienceError(f"line 1, column {place}: has no name")
        if len(name) > MAX_NAME or _CONTROL.search(name):
            raise AudienceError(f"line 1, column {place}: expected a name of at most {MAX_NAME} letters")
        if lowered.index(name.lower()) != place - 1:
            raise AudienceError(f"line 1, column {place}: a second column {name!r}")
    return lowered.index(NUMBER)


def _contact(row: list[str], names: list[str], at: int, line: int) -> Contact | BadRow:
    if len(row) != len(names):
        spare = len(row) > len(names) and not any(row[len(names) :])
        if not spare:
            return BadRow(line, "", f"{len(row)} fields, expected {len(names)} as the first line has")
    problem = _number_problem(row[at])
    if problem is not None:
        return BadRow(line, names[at], problem)
    variables = {}
    for index, name in enumerate(names):
        if index != at:
            value = row[index].strip()
            wrong = _value_problem(value)
            if wrong is not None:
                return BadRow(line, name, wrong)
            variables[name] = value
    return Contact(_plain(row[at]), variables)


def _plain(number: str) -> str:
    number = number.strip()
    return plain_number(number[4:] if number[:4].lower() == "tel:" else number)


def _number_problem(text: str) -> str | None:
    number = _plain(text)
    if _DIGITS.fullmatch(number) or _URI.fullmatch(number):
        return None
    if not number:
        return f"is empty, {EXPECTED}"
    if _ROUNDED.fullmatch(number):
        return f"{number[:SHOWN]!r} was rounded by a spreadsheet: make the column text there and save it again"
    return f"{number[:SHOWN]!r} is no number, {EXPECTED}"


def _value_problem(value: str) -> str | None:
    if len(value) > MAX_VALUE:
        return f"{len(value)} characters, expected at most {MAX_VALUE}"
    if _CONTROL.search(value):
        return "has a control character, expected text"
    return None


def _told(error: csv.Error) -> str:
    text = str(error)
    if "end of data" in text or "field limit" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return "something stands after a closing quote; a quote inside a field is written twice"
    return text
