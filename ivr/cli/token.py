"""`ivr token`: who may use the HTTP interface."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError
from ivr.units import parse_duration

if TYPE_CHECKING:
    from ivr.store import TokenTable

__all__ = ["command"]

SCOPES = ("admin", "calls", "calls:control", "calls:read", "campaigns", "events", "flows", "metrics", "people")
"""As `ivr.store.SCOPES` has them, which costs 0.3 s to import."""


def _lifetime(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("token")
@config_option
def command() -> None:
    """Make, list and take back tokens of the HTTP interface."""


@command.command()
@click.option("--name", required=True, metavar="NAME", help="Who gets it, for the list.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="What it is good for.")
@click.option("--expires", metavar="DURATION", callback=_lifetime, help="How long: 30d; default: until taken back.")
@config_option
@click.pass_context
def create(ctx: click.Context, name: str, scopes: tuple[str, ...], expires: float | None) -> None:
    """Make a token and print it. It is shown this once: the store keeps a hash."""
    from ivr.store import new_token

    now = time.time()
    token, text = new_token(name[:128], scopes, now, None if expires is None else now + expires)
    table = _table(ctx)
    try:
        table.add(token)
    finally:
        table.close()
    click.echo(text)


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List tokens, without their secrets."""
    table = _table(ctx)
    try:
        tokens = table.all()
    finally:
        table.close()
    if as_json:
        names = ("id", "name", "scopes", "created_at", "expires_at", "last_used")
        click.echo(json.dumps([{name: getattr(token, name) for name in names} for token in tokens], indent=2))
    elif tokens:
        rows = [
            (t.id, t.name, " ".join(t.scopes), _moment(t.created_at), _moment(t.expires_at), _moment(t.last_used))
            for t in tokens
        ]
        print_table(("id", "name", "scopes", "made", "expires", "last used"), rows)
    else:
        click.echo("no tokens")


@command.command()
@click.argument("name", metavar="ID|NAME")
@config_option
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """Take a token back, by its id, or all of a name. It is good for nothing from then on."""
    table = _table(ctx)
    try:
        count = table.remove(name)
    finally:
        table.close()
    if not count:
        raise IvrError(f"there is no token {name}")
    click.echo(f"{count} taken back")


def _table(ctx: click.Context) -> TokenTable:
    from ivr.store import TokenTable

    return TokenTable.open(settings_of(ctx).store)


def _moment(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
