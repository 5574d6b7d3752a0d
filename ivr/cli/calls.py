"""`ivr calls`: the table of calls, and what is done with live ones."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.live import NoDaemonError, ask, read_token
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import StoreError
from ivr.settings import Settings
from ivr.store import CallRecord, RecordReader
from ivr.units import parse_duration

__all__ = ["command", "completed_call", "read_call", "seconds"]

RECENT = 50
"""Calls looked through for one that just ended."""
LOOK_EVERY = 0.2
"""Seconds between such looks."""


def _ago(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else time.time() - parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("calls", invoke_without_command=True)
@click.option("--limit", "-n", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Rows.")
@click.option("--before", type=int, metavar="ID", help="Calls with a short id below this.")
@click.option("--flow", metavar="FLOW", help="Calls of this flow.")
@click.option("--cause", metavar="CAUSE", help="Calls that ended so: user_hung_up, ended_by_flow...")
@click.option("--since", metavar="DURATION", callback=_ago, help="Calls of the last 30m, 24h, 7d...")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    limit: int,
    before: int | None,
    flow: str | None,
    cause: str | None,
    since: float | None,
    as_json: bool,
) -> None:
    """List calls, newest first; hang up and transfer live ones."""
    if ctx.invoked_subcommand is not None:
        return
    reader = RecordReader.open(settings_of(ctx).store)
    try:
        calls = reader.calls(limit=limit, before=before, flow=flow, cause=cause, since=since)
    finally:
        reader.close()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(call) for call in calls], indent=2))
    elif calls:
        _print_table(calls)
    else:
        click.echo("no calls")


@command.command("hangup")
@click.argument("call")
@json_option
@config_option
@click.pass_context
def hang_up(ctx: click.Context, call: str, as_json: bool) -> None:
    """Hang up a live call; CALL is its id or short id."""
    done = _ask(settings_of(ctx), call, "hangup", {})
    click.echo(json.dumps(done, indent=2) if as_json else f"call {call} is hung up")


@command.command()
@click.argument("call")
@click.option("--to", metavar="TARGET", help="A number, phone:200, agent:anna, sip:…: called and bridged.")
@click.option("--queue", metavar="QUEUE", help="Queue of agents.")
@click.option("--flow", metavar="FLOW", help="Flow with a start_from_flow.")
@click.option("--ai-agent", metavar="NAME", help="AI agent.")
@click.option("--application", metavar="NAME", help="Voice application.")
@click.option("--otherwise", metavar="FLOW", help="Flow for the call where nobody takes it; else it stays where it is.")
@json_option
@config_option
@click.pass_context
def transfer(
    ctx: click.Context,
    call: str,
    to: str | None,
    queue: str | None,
    flow: str | None,
    ai_agent: str | None,
    application: str | None,
    otherwise: str | None,
    as_json: bool,
) -> None:
    """Move a live call to whom one of the options names; CALL is its id or short id."""
    targets = {"to": to, "queue": queue, "flow": flow, "ai_agent": ai_agent, "application": application}
    given = {name: value for name, value in targets.items() if value is not None}
    if len(given) != 1:
        raise click.UsageError("name exactly one of --to, --queue, --flow, --ai-agent, --application")
    if otherwise is not None:
        given["otherwise"] = otherwise
    done = _ask(settings_of(ctx), call, "transfer", given)
    click.echo(json.dumps(done, indent=2) if as_json else f"call {call} is at {done['element']} of {done['flow']}")


def _ask(settings: Settings, call: str, verb: str, body: dict[str, Any]) -> Any:
    token = read_token(settings.token_file)
    if token is None:
        raise NoDaemonError(f"no daemon runs on this configuration: {settings.token_file} is not there")
    return ask(settings.http.listen, f"/v1/calls/{quote(call, safe='')}/{verb}", body, token)


def _print_table(calls: list[CallRecord]) -> None:
    rows = [
        (
            str(call.short_id),
            datetime.fromtimestamp(call.started_at).strftime("%Y-%m-%d %H:%M:%S"),
            call.caller or "",
            call.called or "",
            call.flow or "",
            seconds(call.answered_at, call.ended_at),
            call.cause or "in progress",
        )
        for call in calls
    ]
    print_table(("id", "started", "from", "to", "flow", "seconds", "ended"), rows)


def seconds(start: float | None, end: float | None) -> str:
    """Time between two moments, empty where one of them is not known."""
    return "" if start is None or end is None else f"{end - start:.1f}"


def read_call(url: str, name: str) -> CallRecord | None:
    """The call of an id or short id; None where the store has it not, or there is no store yet."""
    try:
        reader = RecordReader.open(url)
    except StoreError:
        return None
    try:
        return reader.call(name)
    finally:
        reader.close()


def completed_call(url: str, matches: Callable[[CallRecord], bool], wait: float) -> CallRecord | None:
    """The newest of the last calls that matches, as soon as its record is complete; None after `wait` seconds."""
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        with contextlib.suppress(StoreError):
            reader = RecordReader.open(url)
            try:
                for call in reader.calls(limit=RECENT):
                    if call.cause is not None and matches(call):
                        return call
            finally:
                reader.close()
        time.sleep(LOOK_EVERY)
    return None
