"""`ivr campaigns`: whom flows call, how far they are, and what becomes of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import click

from ivr.cli.live import NoDaemonError, ask, fetch, read_token, send
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.progress import follow, told
from ivr.cli.tables import print_table
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["command", "make_campaign"]

RESULTS = "answered, voicemail, no_answer, busy, declined, failed, interrupted, expired, not_called"


@click.group("campaigns", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List campaigns; show, watch, pause, resume, cancel, retry and export them."""
    if ctx.invoked_subcommand is None:
        _list(settings_of(ctx), as_json)


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List campaigns, newest first."""
    _list(settings_of(ctx), as_json)


@command.command()
@click.argument("campaign", type=click.IntRange(1))
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, campaign: int, as_json: bool) -> None:
    """Show how far a campaign is."""
    found = _get(settings_of(ctx), campaign)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in told(found):
            click.echo(line)


@command.command()
@click.argument("campaign", type=click.IntRange(1))
@json_option
@config_option
@click.pass_context
def watch(ctx: click.Context, campaign: int, as_json: bool) -> None:
    """Watch a campaign until it is over. Ctrl-C ends the watching, not the campaign."""
    settings = settings_of(ctx)
    _watch(settings, _get(settings, campaign), as_json)


def _steering(name: str, help_: str) -> None:
    @command.command(name, help=help_)
    @click.argument("campaign", type=click.IntRange(1))
    @json_option
    @config_option
    @click.pass_context
    def steer(ctx: click.Context, campaign: int, as_json: bool) -> None:
        found = _do(settings_of(ctx), campaign, name, {})
        click.echo(json.dumps(found, indent=2) if as_json else f"campaign {campaign} is {found['state']}")


_steering("start", "Begin to call: a campaign that was made as a draft.")
_steering("pause", "No new calls; those in progress go on.")
_steering("resume", "Go on with a campaign that is paused.")
_steering("cancel", "No new calls for ever: contacts that wait are done. Calls in progress go on.")


@command.command()
@click.argument("campaign", type=click.IntRange(1))
@click.option("--result", "results", multiple=True, metavar="RESULT", help=f"Which, instead of interrupted: {RESULTS}.")
@json_option
@config_option
@click.pass_context
def retry(ctx: click.Context, campaign: int, results: tuple[str, ...], as_json: bool) -> None:
    """Call again whom a crash of the daemon interrupted: nobody knows how far those calls came."""
    found = _do(settings_of(ctx), campaign, "retry", {"results": list(results)})
    click.echo(json.dumps(found, indent=2) if as_json else f"{found['put_back']} contacts wait again")


@command.command()
@click.argument("campaign", type=click.IntRange(1))
@click.option(
    "--output", "-o", type=click.File("wb", lazy=True), default="-", help="File to write; default: standard output."
)
@click.option("--state", type=click.Choice(["waiting", "running", "done"]), help="Only contacts in this state.")
@click.option("--result", metavar="RESULT", help="Only contacts with this result.")
@config_option
@click.pass_context
def export(ctx: click.Context, campaign: int, output: IO[bytes], state: str | None, result: str | None) -> None:
    """Write the contacts of a campaign, with what became of each, as CSV."""
    settings = settings_of(ctx)
    query = {"format": "csv", "state": state, "result": result}
    path = f"/v1/campaigns/{campaign}/contacts?" + urlencode({k: v for k, v in query.items() if v is not None})
    token = _token(settings)
    _get(settings, campaign)
    send(settings.http.listen, path, token, method="GET", into=output)


@command.command()
@click.argument("campaign", type=click.IntRange(1))
@config_option
@click.pass_context
def delete(ctx: click.Context, campaign: int) -> None:
    """Forget a campaign that is over, and all its contacts."""
    settings = settings_of(ctx)
    send(settings.http.listen, f"/v1/campaigns/{campaign}", _token(settings), method="DELETE")
    click.echo(f"campaign {campaign} is forgotten")


def make_campaign(
    settings: Settings,
    audience: Path,
    flow: str,
    options: dict[str, str | None],
    *,
    encoding: str | None = None,
    strict: bool = False,
    watched: bool = True,
    as_json: bool = False,
) -> None:
    """`ivr call --audience`: bring a CSV file to the daemon and watch what becomes of it. `options` are those of
    `POST /v1/campaigns`: name, speed, window, from, until, line, caller_id. IvrError where it is refused."""
    query = {"flow": flow, "strict": "true" if strict else None, **options}
    path = "/v1/campaigns?" + urlencode({name: value for name, value in query.items() if value is not None})
    kind = "text/csv" if encoding is None else f"text/csv; charset={encoding}"
    token = _token(settings)
    try:
        size, file = audience.stat().st_size, audience.open("rb")
    except OSError as error:
        raise IvrError(f"{audience}: {error.strerror}") from None
    with file:
        answer = send(settings.http.listen, path, token, body=file, size=size, kind=kind)
    made: dict[str, Any] = json.loads(answer)
    loaded = made["loaded"]
    for fault in loaded["faults"]:
        click.echo(f"{audience}: {fault}", err=True)
    if (rest := loaded["bad_rows"] - len(loaded["faults"])) > 0:
        click.echo(f"{audience}: {rest} more rows are bad", err=True)
    click.echo(f"campaign {made['id']}: {_of_loading(loaded)}", err=as_json)
    if watched:
        _watch(settings, made, as_json)
    elif as_json:
        click.echo(json.dumps(made, indent=2))


def _of_loading(loaded: dict[str, Any]) -> str:
    parts = [f"{loaded['new']} contacts"]
    for name, word in (("duplicates", "numbers twice"), ("do_not_contact", "not to be contacted"), ("bad_rows", "bad")):
        if loaded[name]:
            parts.append(f"{loaded[name]} {word}")
    return ", ".join(parts)


def _watch(settings: Settings, found: dict[str, Any], as_json: bool) -> None:
    """Until it is over, or whoever watches has seen enough."""
    key = found["id"]
    try:
        found = follow(found, lambda: _get(settings, key), time.sleep, quiet=as_json)
    except KeyboardInterrupt:
        click.echo(f"\ncampaign {key} goes on: ivr campaigns watch {key}, or pause {key}, or cancel {key}", err=True)
        return
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in told(found):
            click.echo(line)


def _list(settings: Settings, as_json: bool) -> None:
    answer = fetch(settings.http.listen, "/v1/campaigns", read_token(settings.token_file))
    found = [] if answer is None else json.loads(answer)["campaigns"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        rows = [
            (
                str(row["id"]),
                row["name"],
                row["flow"],
                row["state"],
                str(row["contacts"]),
                str(row["states"]["done"]),
                str(row["results"].get("answered", 0)),
                str(row["states"]["running"]),
            )
            for row in found
        ]
        print_table(("id", "name", "flow", "state", "contacts", "done", "answered", "running"), rows)
    else:
        click.echo("no campaigns")


def _get(settings: Settings, campaign: int) -> dict[str, Any]:
    answer = fetch(settings.http.listen, f"/v1/campaigns/{campaign}", read_token(settings.token_file))
    if answer is None:
        raise IvrError(f"there is no campaign {campaign}")
    found: dict[str, Any] = json.loads(answer)
    return found


def _do(settings: Settings, campaign: int, what: str, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = ask(settings.http.listen, f"/v1/campaigns/{campaign}/{what}", body, _token(settings))
    return found


def _token(settings: Settings) -> str:
    token = read_token(settings.token_file)
    if token is None:
        raise NoDaemonError(f"no daemon of yours runs: there is no readable token at {settings.token_file}")
    return token
