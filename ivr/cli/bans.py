"""`ivr bans`: who is shut out of the running daemon."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click

from ivr.cli.live import ask, fetch, read_token
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.units import parse_duration

__all__ = ["command"]


def _seconds(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int:
    try:
        return max(1, round(parse_duration(value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("bans", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List sources that are shut out; shut one out, let one in again."""
    if ctx.invoked_subcommand is None:
        _list(settings_of(ctx), as_json)


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List sources that are shut out."""
    _list(settings_of(ctx), as_json)


@command.command()
@click.argument("source")
@click.option("--for", "seconds", default="1h", metavar="DURATION", callback=_seconds, help="How long: 30m, 7d.")
@config_option
@click.pass_context
def add(ctx: click.Context, source: str, seconds: int) -> None:
    """Shut out an IPv4 address, or the /64 of an IPv6 address."""
    settings = settings_of(ctx)
    ask(settings.http.listen, "/v1/bans", {"source": source, "seconds": seconds}, _token(settings))
    click.echo(f"{source} is shut out for {timedelta(seconds=seconds)}")


@command.command()
@click.argument("source")
@config_option
@click.pass_context
def remove(ctx: click.Context, source: str) -> None:
    """Let a source in again, and forget what it did."""
    settings = settings_of(ctx)
    ask(settings.http.listen, "/v1/bans/remove", {"source": source}, _token(settings))
    click.echo(f"{source} is let in again")


def _list(settings: Settings, as_json: bool) -> None:
    answer = fetch(settings.http.listen, "/v1/bans", _token(settings))
    bans: list[dict[str, Any]] = json.loads(answer)["bans"] if answer is not None else []
    if as_json:
        click.echo(json.dumps(bans, indent=2))
    elif bans:
        rows = [
            (
                ban["source"],
                ban["reason"],
                str(timedelta(seconds=ban["seconds_left"])),
                str(ban["times"]),
                "yes" if ban["proven"] else "no",
            )
            for ban in bans
        ]
        print_table(("source", "reason", "left", "times", "proven"), rows)
    else:
        click.echo("nobody is shut out")


def _token(settings: Settings) -> str:
    token = read_token(settings.token_file)
    if token is None:
        raise IvrError(f"no daemon of yours runs: there is no readable token at {settings.token_file}")
    return token
