"""`ivr queue`: queues and agents of the running daemon, as they are now and as they were."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args
from urllib.parse import quote, urlencode

import click

from ivr.center.reports import Step
from ivr.cli.live import NoDaemonError, ask, fetch, read_token, send
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.queue_tables import agents_table, callbacks_table, explained, queue_told, queues_table, report_table
from ivr.cli.watching import Part, show, watch
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["command"]

watch_option = click.option("--watch", "watched", is_flag=True, help="Go on showing it until Ctrl-C.")


@click.group("queue", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show queues, agents, call backs and reports; say why calls go where they go; change an agent's status."""
    if ctx.invoked_subcommand is None:
        _queues(settings_of(ctx), as_json, watched=False)


@command.command("list")
@watch_option
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, watched: bool, as_json: bool) -> None:
    """List queues: who waits, who is there, how today goes."""
    _queues(settings_of(ctx), as_json, watched=watched)


@command.command("show")
@click.argument("queue")
@watch_option
@json_option
@config_option
@click.pass_context
def show_(ctx: click.Context, queue: str, watched: bool, as_json: bool) -> None:
    """Show a queue with its callers, in order."""
    settings = settings_of(ctx)

    def look() -> dict[str, Any]:
        found = _get(settings, f"/v1/queues/{quote(queue, safe='')}", f"there is no queue {queue}")
        return {**found, **_get(settings, f"/v1/queues/{quote(queue, safe='')}/callers", "")}

    _shown(look, queue_told, as_json, watched=watched)


@command.command()
@watch_option
@json_option
@config_option
@click.pass_context
def agents(ctx: click.Context, watched: bool, as_json: bool) -> None:
    """List agents: what they are and do."""
    settings = settings_of(ctx)
    _shown(lambda: _get(settings, "/v1/agents", ""), agents_table, as_json, watched=watched, key="agents")


@command.command()
@click.argument("agent")
@click.argument("status", required=False)
@json_option
@config_option
@click.pass_context
def status(ctx: click.Context, agent: str, status: str | None, as_json: bool) -> None:
    """Show an agent, or give him a STATUS: available, busy, away, unavailable, or one of the configuration."""
    settings = settings_of(ctx)
    path = f"/v1/agents/{quote(agent, safe='')}"
    if status is not None:
        found = ask(settings.http.listen, f"{path}/status", {"status": status}, _token(settings))
    else:
        found = _get(settings, path, f"there is no agent {agent}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(agents_table({"agents": [found]}))


@command.command()
@click.argument("facts", nargs=-1, metavar="[FACT=VALUE]...")
@click.option("--queue", metavar="QUEUE", help="Queue that the flow names; default: the routes say.")
@click.option("--priority", type=click.IntRange(1, 10), help="That the flow gives.")
@click.option("--person", metavar="NUMBER", help="Number of the caller, for the agent who last spoke to him.")
@click.option("--call", metavar="ID", help="A call that a queue has, by id or short id, instead of facts.")
@json_option
@config_option
@click.pass_context
def explain(
    ctx: click.Context,
    facts: tuple[str, ...],
    queue: str | None,
    priority: int | None,
    person: str | None,
    call: str | None,
    as_json: bool,
) -> None:
    """Say why a call goes where it goes: `ivr queue explain from=+4930123456 tags=vip profile.tier=gold`.

    Values are read as JSON where they are JSON; a fact that comes twice is a list. Exit code 1 where the call may not
    wait.
    """
    settings = settings_of(ctx)
    body: dict[str, Any] = {"facts": _facts(facts)}
    given = {"queue": queue, "priority": priority, "person": person, "call": call}
    body |= {name: value for name, value in given.items() if value is not None}
    found = ask(settings.http.listen, "/v1/routes/explain", body, _token(settings))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(explained(found))
    ctx.exit(0 if found["outcome"] == "waits" else 1)


def _facts(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise click.UsageError(f"{text!r} is no fact: like from=+4930123456")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        if isinstance(read, float | int) and not isinstance(read, bool) and name in ("from", "to"):
            read = value  # a number that is called is a text
        if name in found:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), read]
        else:
            found[name] = read
    return found


@command.command()
@click.argument("queue")
@click.option("--from", "from_", metavar="TIME", help="2026-03-02 or 2026-03-02T09:00; default: today.")
@click.option("--to", metavar="TIME", help="Up to before then, a date to its end; default: now.")
@click.option("--interval", type=click.Choice(get_args(Step)), default="hour", show_default=True, help="Of a row.")
@json_option
@config_option
@click.pass_context
def report(ctx: click.Context, queue: str, from_: str | None, to: str | None, interval: str, as_json: bool) -> None:
    """Report how a queue went, and its agents. Exit code 1 where the service level was missed."""
    settings = settings_of(ctx)
    query = {"from": from_, "to": to, "interval": interval}
    path = f"/v1/queues/{quote(queue, safe='')}/report?"
    path += urlencode({name: value for name, value in query.items() if value is not None})
    found = _get(settings, path, f"there is no queue {queue}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(report_table(found, settings.zone))
    level = found["total"]["service_level"]
    ctx.exit(1 if level is not None and level * 100 < found["target"]["percent"] else 0)


@command.command()
@click.argument("queue", required=False)
@click.option("--cancel", metavar="ID", help="Call this one not back.")
@json_option
@config_option
@click.pass_context
def callbacks(ctx: click.Context, queue: str | None, cancel: str | None, as_json: bool) -> None:
    """List who is called back, in order."""
    settings = settings_of(ctx)
    if cancel is not None:
        path = f"/v1/callbacks/{quote(cancel, safe='')}"
        send(settings.http.listen, path, _token(settings), method="DELETE")
        click.echo(f"{cancel} is not called back")
        return
    path = "/v1/callbacks" if queue is None else f"/v1/queues/{quote(queue, safe='')}/callbacks"
    found = _get(settings, path, f"there is no queue {queue}")
    if as_json:
        click.echo(json.dumps(found["callbacks"], indent=2))
    else:
        show(callbacks_table(found))


def _queues(settings: Settings, as_json: bool, *, watched: bool) -> None:
    _shown(lambda: _get(settings, "/v1/queues", ""), queues_table, as_json, watched=watched, key="queues")


def _shown(
    look: Callable[[], dict[str, Any]],
    table: Callable[[Mapping[str, Any]], Iterable[Part]],
    as_json: bool,
    *,
    watched: bool,
    key: str | None = None,
) -> None:
    if watched and not as_json:
        watch(lambda: table(look()), time.sleep)
        return
    found = look()
    if as_json:
        click.echo(json.dumps(found if key is None else found[key], indent=2))
    else:
        show(table(found))


def _get(settings: Settings, path: str, missing: str) -> dict[str, Any]:
    answer = fetch(settings.http.listen, path, read_token(settings.token_file))
    if answer is None:
        raise IvrError(missing or "the daemon that runs has no contact centre")
    found: dict[str, Any] = json.loads(answer)
    return found


def _token(settings: Settings) -> str:
    token = read_token(settings.token_file)
    if token is None:
        raise NoDaemonError(f"no daemon of yours runs: there is no readable token at {settings.token_file}")
    return token
