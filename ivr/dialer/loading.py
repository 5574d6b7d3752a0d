"""Audiences into the store: read as a stream, in batches, so that neither memory nor the store's lock is taken long."""

from __future__ import annotations

import codecs
import io
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any

from ivr.dialer.rules.audience import AudienceError, BadRow, Contact, read_audience
from ivr.errors import StoreError
from ivr.lines import one_form
from ivr.store import ContactTable, Loaded

__all__ = ["ENCODINGS", "MAX_AUDIENCE_BYTES", "Result", "load_contacts", "open_audience", "read_file"]

MAX_AUDIENCE_BYTES = 64 * 2**20
"""Of one file: a million contacts with some variables. It waits on disk until it is read."""
MAX_CONTACTS = 1_000_000
"""Of one file."""
BATCH = 2000
"""Contacts of one transaction: 50 ms, so that calls' records need not wait."""
BREATH = 0.005
"""Seconds between two, in which others get the store's lock."""
PATIENCE = 10
"""Times that a batch is tried again, a second each, while the store cannot be written."""
SHOWN_FAULTS = 100
"""Bad rows that are told one by one; all are counted."""

ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-8-sig": "utf-8-sig",
    "utf-16": "utf-16",
    "us-ascii": "utf-8-sig",
    "iso-8859-1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}
"""Character sets by the names that people give them."""


@dataclass(slots=True)
class Result:
    """What became of an audience."""

    rows: int = 0
    """All of them."""
    new: int = 0
    """Contacts that the campaign has got."""
    duplicates: int = 0
    """Numbers that came more than once, or that the campaign had."""
    blocked: int = 0
    """Of the new ones, those on the do-not-contact list: they are done."""
    bad: int = 0
    """Rows that are no contacts."""
    faults: list[BadRow] = field(default_factory=list)
    """The first of those."""


def open_audience(source: IO[bytes], charset: str | None) -> io.TextIOWrapper:
    """The text of a file: of the character set that is named, else UTF-8, or UTF-16 where it begins with its mark."""
    head = source.read(2)
    source.seek(0)
    name = charset or ("utf-16" if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8")
    encoding = ENCODINGS.get(name.lower())
    if encoding is None:
        raise AudienceError(f"the character set {name[:40]!r} is not known, expected one of {', '.join(ENCODINGS)}")
    return io.TextIOWrapper(source, encoding, newline="")


def read_file(source: IO[bytes], charset: str | None) -> Iterator[Contact | BadRow]:
    """Contacts of a CSV file; AudienceError where it is no audience at all."""
    text = open_audience(source, charset)
    lines = _Lines(text)
    try:
        yield from read_audience(lines)
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1].hex()
        raise AudienceError(
            f"after line {lines.count}: byte 0x{found} is not {error.encoding}: "
            "save the file as UTF-8, or name its character set (windows-1252 say)"
        ) from None
    finally:
        text.detach()  # whoever opened the file closes it


class _Lines:
    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.count += 1
            yield line


def load_contacts(
    table: ContactTable,
    campaign: int,
    rows: Iterable[Contact | BadRow],
    now: float,
    *,
    country: str | None = None,
) -> Result:
    """Bring an audience into the store; blocks. `country` is that of numbers without a country code."""
    result, source = Result(), iter(rows)
    while part := list(islice(source, BATCH)):
        contacts = [(_number(row.number, country), row.variables) for row in part if isinstance(row, Contact)]
        faults = [row for row in part if isinstance(row, BadRow)]
        result.rows += len(part)
        if result.rows > MAX_CONTACTS:
            raise AudienceError(f"more than {MAX_CONTACTS} rows: make several campaigns of them")
        result.bad += len(faults)
        result.faults += faults[: SHOWN_FAULTS - len(result.faults)]
        loaded = _patiently(table, campaign, contacts, len(faults), now)
        result.new += loaded.new
        result.duplicates += loaded.duplicates
        result.blocked += loaded.blocked
        time.sleep(BREATH)
    return result


def _number(number: str, country: str | None) -> str:
    """So that a number is the same one whoever wrote it; those with a country code are so already."""
    return number if number.startswith("+") else one_form(number, country)


def _patiently(
    table: ContactTable, campaign: int, contacts: list[tuple[str, Mapping[str, Any]]], bad: int, now: float
) -> Loaded:
    for left in reversed(range(PATIENCE)):
        try:
            return table.load(campaign, contacts, bad, now)
        except StoreError:
            if not left:
                raise
            time.sleep(1.0)
    raise AssertionError
