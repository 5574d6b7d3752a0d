"""`ivr webhooks`: how they fare, and what could not be delivered."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.live import ask, fetch, read_token
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["command"]

_ids = click.option("--id", "ids", multiple=True, metavar="EVENT", help="Of the event; default: all of them.")


@click.group("webhooks", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show how webhooks fare; list, retry and delete events that could not be delivered."""
    if ctx.invoked_subcommand is None:
        _list(settings_of(ctx), as_json)


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Show how webhooks fare."""
    _list(settings_of(ctx), as_json)


@command.command()
@click.argument("name")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@json_option
@config_option
@click.pass_context
def dead(ctx: click.Context, name: str, limit: int, as_json: bool) -> None:
    """List events that could not be delivered, the oldest first."""
    found = _get(settings_of(ctx), f"/v1/webhooks/{quote(name, safe='')}/dead?limit={limit}")["dead"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        rows = [
            (d["id"], d["type"], d["call"] or "", _moment(d["made_at"]), str(d["attempts"]), d["problem"])
            for d in found
        ]
        print_table(("event", "type", "call", "happened", "tries", "problem"), rows)
    else:
        click.echo("none")


@command.command()
@click.argument("name")
@_ids
@config_option
@click.pass_context
def retry(ctx: click.Context, name: str, ids: tuple[str, ...]) -> None:
    """Try again to deliver what was given up."""
    click.echo(f"{_change(settings_of(ctx), name, 'dead/retry', ids)['count']} are tried again")


@command.command()
@click.argument("name")
@_ids
@config_option
@click.pass_context
def delete(ctx: click.Context, name: str, ids: tuple[str, ...]) -> None:
    """Delete what was given up."""
    click.echo(f"{_change(settings_of(ctx), name, 'dead/delete', ids)['count']} are deleted")


@command.command()
@click.argument("name")
@config_option
@click.pass_context
def test(ctx: click.Context, name: str) -> None:
    """Send an event of the type webhook.test."""
    click.echo(f"event {_change(settings_of(ctx), name, 'test', ())['id']} is on its way")


@command.command()
@click.argument("name")
@config_option
@click.pass_context
def pause(ctx: click.Context, name: str) -> None:
    """Send nothing more until it is resumed, or the daemon starts anew; what happens waits."""
    _change(settings_of(ctx), name, "pause", ())
    click.echo(f"{name} is paused")


@command.command()
@click.argument("name")
@config_option
@click.pass_context
def resume(ctx: click.Context, name: str) -> None:
    """Send what waits, and go on."""
    _change(settings_of(ctx), name, "resume", ())
    click.echo(f"{name} goes on")


def _list(settings: Settings, as_json: bool) -> None:
    found = _get(settings, "/v1/webhooks")["webhooks"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        rows = [
            (
                w["name"],
                str(w["waiting"]),
                _moment(w["oldest"]),
                str(w["delivered"]),
                str(w["failed"]),
                str(w["lost"]),
                str(w["dead"]),
                "not enabled" if not w["enabled"] else "paused" if w["paused"] else w["problem"],
            )
            for w in found
        ]
        print_table(("webhook", "waiting", "oldest", "delivered", "failed", "lost", "dead", "problem"), rows)
    else:
        click.echo("no webhooks are configured")


def _get(settings: Settings, path: str) -> Any:
    found = fetch(settings.http.listen, path, read_token(settings.token_file))
    if found is None:
        raise IvrError("there is no such webhook")
    return json.loads(found)


def _change(settings: Settings, name: str, what: str, ids: tuple[str, ...]) -> Any:
    token = read_token(settings.token_file)
    if token is None:
        raise IvrError("the daemon does not run, or its token is not for you")
    body = {"ids": list(ids)} if ids else {}
    return ask(settings.http.listen, f"/v1/webhooks/{quote(name, safe='')}/{what}", body, token)


def _moment(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
