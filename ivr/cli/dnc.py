"""`ivr dnc`: who must not be called."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError

if TYPE_CHECKING:
    from ivr.store import People

__all__ = ["command"]

IMPORT_BATCH = 1000


@click.group("dnc")
@config_option
def command() -> None:
    """Say who must not be called: the do-not-contact list. It holds at once, whether a daemon runs or not."""


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the numbers, by the time they came."""
    people, _ = _people(ctx)
    try:
        found = people.do_not_contact()
    finally:
        people.close()
    if as_json:
        click.echo(json.dumps([{name: getattr(e, name) for name in e.__slots__} for e in found], indent=2))
    elif found:
        rows = [(e.number, datetime.fromtimestamp(e.added_at).strftime("%Y-%m-%d %H:%M"), e.reason) for e in found]
        print_table(("number", "since", "reason"), rows)
    else:
        click.echo("nobody is on the list")


@command.command()
@click.argument("number")
@click.option("--reason", default="", metavar="TEXT", help="For people who read the list.")
@config_option
@click.pass_context
def add(ctx: click.Context, number: str, reason: str) -> None:
    """Put a number on the list."""
    people, country = _people(ctx)
    plain = _plain(number, country)
    try:
        new = people.block([plain], reason, time.time())
    finally:
        people.close()
    click.echo(f"{plain} is {'now' if new else 'already'} on the list")


@command.command()
@click.argument("number")
@config_option
@click.pass_context
def remove(ctx: click.Context, number: str) -> None:
    """Take a number off the list. Exit code 1 where it is not on it."""
    people, country = _people(ctx)
    plain = _plain(number, country)
    try:
        gone = people.unblock(plain, time.time(), *_forms(plain, country))
    finally:
        people.close()
    if not gone:
        raise IvrError(f"{plain} is not on the list")
    click.echo(f"{plain} is not on the list any more")


@command.command()
@click.argument("number")
@json_option
@config_option
@click.pass_context
def check(ctx: click.Context, number: str, as_json: bool) -> None:
    """Say whether a number is on the list. Exit code 1 where it is."""
    people, country = _people(ctx)
    plain = _plain(number, country)
    try:
        entry = people.entry(*_forms(plain, country))
    finally:
        people.close()
    if as_json:
        click.echo(json.dumps({"number": plain, "listed": entry is not None}))
    elif entry is None:
        click.echo(f"{plain} may be called")
    else:
        click.echo(f"{plain} must not be called" + (f": {entry.reason}" if entry.reason else ""))
    ctx.exit(0 if entry is None else 1)


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", default="imported", metavar="TEXT", help="For people who read the list.")
@click.option("--encoding", metavar="NAME", help="Character set of the file; default: UTF-8.")
@config_option
@click.pass_context
def import_(ctx: click.Context, file: Path, reason: str, encoding: str | None) -> None:
    """Put all numbers of a CSV file on the list: its first line names the columns, one of them number.

    Rows that hold no number are told and left out: then the exit code is 1.
    """
    from ivr.dialer import BadRow, read_file

    people, country = _people(ctx)
    new, known, bad = 0, 0, 0

    def numbers() -> Iterator[str]:
        nonlocal bad
        with file.open("rb") as source:
            for row in read_file(source, encoding):
                if isinstance(row, BadRow):
                    bad += 1
                    click.echo(f"{file}: {row}", err=True)
                else:
                    yield _plain(row.number, country)

    try:
        source = numbers()
        while part := list(islice(source, IMPORT_BATCH)):
            added = people.block(part, reason, time.time())
            new, known = new + added, known + len(part) - added
    finally:
        people.close()
    click.echo(f"{new} numbers are new on the list, {known} were there, {bad} rows were bad")
    ctx.exit(1 if bad else 0)


def _people(ctx: click.Context) -> tuple[People, str | None]:
    """The list, and the country of numbers without a country code."""
    from ivr.store import People

    settings = settings_of(ctx)
    return People.open(settings.store), settings.country


def _plain(number: str, country: str | None) -> str:
    from ivr.flow.values import plain_number
    from ivr.lines import one_form

    return one_form(plain_number(number.strip()), country)


def _forms(number: str, country: str | None) -> tuple[str, ...]:
    """As it may stand on the list: other numbers came there before the country was known."""
    from ivr.lines import spellings

    return spellings(number, country)
