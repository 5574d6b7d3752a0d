"""`ivr flows`: versions of flows, and which of them are in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.live import DaemonError, NoDaemonError, ask, read_token
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.units import parse_share

__all__ = ["command"]

LATER = "no daemon runs: it holds from the next start on"


def _version(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, int]:
    """Name of the flow and number of the version that FLOW@N names."""
    flow, _, number = value.rpartition("@")
    if not flow or not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise click.BadParameter(f"{value!r} names no version, expected FLOW@N, like reception@3")
    return flow, int(number)


def _share(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else parse_share(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("flows", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List flows with their versions in force; show, compare, activate and roll back versions."""
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(ctx)
    try:
        listed = ask(settings.http.listen, "/v1/flows")
    except DaemonError:
        listed = None
    if listed is None:
        listed = {"flows": _offline(settings, _stored), "faults": []}
    if as_json:
        click.echo(json.dumps(listed, indent=2))
    elif listed["flows"]:
        _print_flows(listed["flows"])
    else:
        click.echo("no flows")
    for fault in listed["faults"]:
        click.echo(f"not in force: {fault}", err=True)


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List flows with their versions in force."""
    assert ctx.parent is not None
    ctx.parent.obj = ctx.obj
    ctx.parent.invoked_subcommand = None
    ctx.parent.invoke(command, as_json=as_json)


@command.command()
@click.argument("version", metavar="FLOW@N", callback=_version)
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, version: tuple[str, int], as_json: bool) -> None:
    """Print one version: reception@3."""
    flow, number = version
    found = _offline(settings_of(ctx), lambda keeper: keeper.store.version(flow, number))
    if found is None:
        raise IvrError(f"there is no version {number} of {flow}")
    if as_json:
        click.echo(json.dumps({name: getattr(found, name) for name in found.__slots__}, indent=2))
        return
    origin = ", ".join(part for part in (found.author, found.source, found.note) if part)
    click.echo(f"# {flow}@{number}  {found.hash}  {_moment(found.created_at)}  {origin}")
    click.echo(found.text, nl=not found.text.endswith("\n"))


@command.command()
@click.argument("flow", metavar="FLOW")
@json_option
@config_option
@click.pass_context
def versions(ctx: click.Context, flow: str, as_json: bool) -> None:
    """List the versions of a flow."""
    found = _offline(settings_of(ctx), lambda keeper: keeper.store.versions(flow))
    if not found:
        raise IvrError(f"there is no flow {flow}")
    if as_json:
        shown = [{name: getattr(v, name) for name in v.__slots__ if name != "text"} for v in found]
        click.echo(json.dumps(shown, indent=2))
        return
    rows = [
        (f"{flow}@{v.number}", v.hash, _moment(v.created_at), _moment(v.activated_at), v.author or "") for v in found
    ]
    print_table(("version", "content", "came in", "active since", "by"), rows)


@command.command()
@click.argument("flow", metavar="FLOW")
@click.argument("old", type=click.IntRange(1, 10**9), metavar="A")
@click.argument("new", type=click.IntRange(1, 10**9), metavar="B")
@json_option
@config_option
@click.pass_context
def diff(ctx: click.Context, flow: str, old: int, new: int, as_json: bool) -> None:
    """Tell what changed from version A to version B of a flow, as callers meet it."""
    from ivr.flow.diff import diff_flows

    found = _offline(settings_of(ctx), lambda keeper: diff_flows(keeper.flow(flow, old), keeper.flow(flow, new)))
    if as_json:
        click.echo(json.dumps(found.as_data(), indent=2, default=str))
    elif not found:
        click.echo("nothing that a caller would notice")
    else:
        for line in found.lines():
            click.echo(line)


@command.command()
@click.argument("version", metavar="FLOW@N", callback=_version)
@click.option("--canary", metavar="SHARE", callback=_share, help="Only for a share of new calls, like 10%.")
@config_option
@click.pass_context
def activate(ctx: click.Context, version: tuple[str, int], canary: float | None) -> None:
    """Put a version into force for new calls: reception@3."""
    flow, number = version
    body = {"number": number, "canary": None if canary is None else f"{canary * 100:.6g}%"}
    _change(
        settings_of(ctx),
        f"/v1/flows/{quote(flow, safe='')}/activate",
        body,
        lambda keeper: keeper.activate(flow, number, canary),
        flow,
    )


@command.command()
@click.argument("flow", metavar="FLOW")
@config_option
@click.pass_context
def rollback(ctx: click.Context, flow: str) -> None:
    """Undo the last change of a flow: end a trial, else go back to the version that was active before."""
    _change(
        settings_of(ctx),
        f"/v1/flows/{quote(flow, safe='')}/rollback",
        None,
        lambda keeper: keeper.rollback(flow),
        flow,
    )


@command.command()
@config_option
@click.pass_context
def reload(ctx: click.Context) -> None:
    """Take up the flows folder; a folder with a fault changes nothing."""
    _change(settings_of(ctx), "/v1/flows/reload", None, lambda keeper: keeper.load(), None)


# The daemon, else the store


def _offline(settings: Settings, work: Callable[[Any], Any]) -> Any:
    """Something done with the store, beside a daemon or without one."""
    from ivr.store import FlowVersions
    from ivr.versions import FlowKeeper

    store = FlowVersions.open(settings.store)
    try:
        return work(FlowKeeper(settings, store))
    finally:
        store.close()


def _stored(keeper: Any) -> list[dict[str, Any]]:
    return [
        {name: getattr(state, name) for name in ("flow", "active", "candidate", "share", "newest")} | {"calls": {}}
        for state in keeper.store.states().values()
    ]


def _change(settings: Settings, path: str, body: object, work: Callable[[Any], Any], flow: str | None) -> None:
    """Have the daemon change something, or the store where none runs; then tell what is in force."""
    token = read_token(settings.token_file)
    try:
        if token is None:
            ask(settings.http.listen, "/healthz")
            raise IvrError(f"a daemon runs, and its token cannot be read: {settings.token_file} (are you its user?)")
        listed = ask(settings.http.listen, path, body, token)["flows"]
        note = None
    except NoDaemonError:
        flows = _offline(settings, work)
        listed = [{"flow": name, "active": flows[name].number, **_trial(flows, name)} for name in flows]
        note = LATER
    for row in listed:
        if flow in (None, row["flow"]):
            click.echo(_told(row))
    if note is not None:
        click.echo(note)


def _trial(flows: Any, name: str) -> dict[str, Any]:
    candidate = flows.candidates.get(name)
    return {} if candidate is None else {"candidate": candidate.flow.number, "share": candidate.share}


# For people


def _told(row: dict[str, Any]) -> str:
    trial = f", {row['share']:.4g} of the calls try version {row['candidate']}" if row.get("candidate") else ""
    return f"{row['flow']}: version {row['active']} is active{trial}"


def _print_flows(flows: list[dict[str, Any]]) -> None:
    rows = [
        (
            flow["flow"],
            "-" if flow["active"] is None else str(flow["active"]),
            str(flow["candidate"] or ""),
            "" if flow["share"] is None else f"{flow['share'] * 100:.4g}%",
            str(flow["newest"]),
            ", ".join(f"{count} on {number}" for number, count in flow["calls"].items()),
        )
        for flow in flows
    ]
    print_table(("flow", "active", "candidate", "share", "versions", "calls"), rows)


def _moment(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
