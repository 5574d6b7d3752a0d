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
    from ivr.store import Token, TokenTable

__all__ = ["command"]

SCOPES = (
    "admin",
    "agents",
    "agents:read",
    "agents:self",
    "calls",
    "calls:control",
    "calls:read",
    "campaigns",
    "events",
    "events:read",
    "flows",
    "metrics",
    "people",
    "recordings",
    "recordings:read",
    "webhooks",
)
ROLES = ("agent", "manager", "analytics", "account")
"""As `ivr.store` has them, which costs 0.3 s to import."""


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
@click.option("--name", metavar="NAME", help="Who gets it, for the list; default: the agent.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it is good for.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Scopes that go together.")
@click.option("--agent", metavar="AGENT", help="Agent of the contact centre who gets it; with --role agent.")
@click.option("--expires", metavar="DURATION", callback=_lifetime, help="How long: 30d; default: until taken back.")
@config_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str | None,
    scopes: tuple[str, ...],
    roles: tuple[str, ...],
    agent: str | None,
    expires: float | None,
) -> None:
    """Make a token and print it. It is shown this once: the store keeps a hash.

    Roles are names for scopes that go together: `agent` (his own calls and status), `manager` (all but the system
    itself), `analytics` (looking, no more), `account` (everything). A token has several, but not agent and manager.
    """
    from ivr.api.guard import where_to_listen
    from ivr.store import new_token

    _check_roles(ctx, scopes, roles, agent)
    name = name or agent
    if name is None:
        raise click.UsageError("--name is missing: who gets it?")
    now = time.time()
    expires_at = None if expires is None else now + expires
    token, text = new_token(name[:128], scopes, now, expires_at, roles=roles, agent=agent)
    table = _table(ctx)
    try:
        first = not table.all()
        table.add(token)
    finally:
        table.close()
    click.echo(text)
    listen = settings_of(ctx).http.listen
    if first and where_to_listen(listen, open_to_somebody=False) != listen:
        click.echo(f"A daemon that runs already listens on {listen} once it is started anew.", err=True)


def _check_roles(ctx: click.Context, scopes: tuple[str, ...], roles: tuple[str, ...], agent: str | None) -> None:
    if not (scopes or roles):
        raise click.UsageError("a token without --scope and --role would be good for nothing")
    if {"agent", "manager"} <= set(roles):
        raise click.UsageError("not agent and manager together: whoever leads agents has a token of his own for that")
    if ("agent" in roles) != (agent is not None):
        raise click.UsageError("--role agent and --agent go together: whose token is it?")
    if agent is not None and agent not in (known := settings_of(ctx).agents):
        raise IvrError(f"there is no agent {agent}, expected one of: {', '.join(known) or 'none is configured'}")


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
        names = ("id", "name", "roles", "scopes", "agent", "created_at", "expires_at", "last_used")
        click.echo(json.dumps([{name: getattr(token, name) for name in names} for token in tokens], indent=2))
    elif tokens:
        rows = [
            (t.id, t.name, " ".join(t.roles), " ".join(t.scopes), t.agent or "", *map(_moment, _times(t)))
            for t in tokens
        ]
        print_table(("id", "name", "roles", "scopes", "agent", "made", "expires", "last used"), rows)
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
        tokens = [token for token in table.all() if name in (token.id, token.name)]
        count = table.remove(name)
    finally:
        table.close()
    if not count:
        raise IvrError(f"there is no token {name}")
    for token in tokens:
        click.echo(f"{token.id} {token.name}: {' '.join((*token.roles, *token.scopes))}")
    click.echo(f"{count} taken back")


def _times(token: Token) -> tuple[float | None, ...]:
    return token.created_at, token.expires_at, token.last_used


def _table(ctx: click.Context) -> TokenTable:
    from ivr.store import TokenTable

    return TokenTable.open(settings_of(ctx).store)


def _moment(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
