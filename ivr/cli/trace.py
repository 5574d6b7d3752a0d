"""`ivr trace`: the way of one call, element by element."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.calls import read_call, seconds
from ivr.cli.live import DaemonError, ask
from ivr.cli.options import config_option, json_option, settings_of
from ivr.errors import IvrError

__all__ = ["command"]

STEP_KEYS = ("element", "type", "entered_at", "left_at", "branch")
"""Shown in columns; the rest of a step follows as details."""


@click.command("trace")
@click.argument("call_id", metavar="ID")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, call_id: str, as_json: bool) -> None:
    """Show the way of one call: its elements, times, branches and inputs.

    ID is the call's id or its short id. A call in progress is asked of the running daemon.
    """
    settings = settings_of(ctx)
    record = read_call(settings.store, call_id)
    call = dataclasses.asdict(record) if record is not None else None
    if call is None or call["cause"] is None:
        try:
            call = ask(settings.http.listen, f"/v1/calls/{quote(call_id, safe='')}") or call
        except DaemonError:
            if call is None:
                raise IvrError(f"there is no call {call_id} in the store, and no daemon to ask") from None
    if call is None:
        raise IvrError(f"there is no call {call_id}")
    if as_json:
        click.echo(json.dumps(call, indent=2))
    else:
        _print(call)


def _print(call: dict[str, Any]) -> None:
    started = call["started_at"]
    moment = datetime.fromtimestamp(started).strftime("%Y-%m-%d %H:%M:%S")
    version = f" (version {call['flow_version']})" if call.get("flow_version") else ""
    click.echo(f"call {call['short_id']}  {call['id']}")
    click.echo(f"{call['direction']} from {call['caller'] or '?'} to {call['called'] or '?'}, {moment}")
    click.echo(
        f"flow {call['flow'] or '-'}{version}, {call['cause'] or 'in progress'}, SIP {call['sip_status'] or '-'}"
    )
    if call.get("answered_at") is not None:
        click.echo(f"answered after {seconds(started, call['answered_at'])} s, talked {_talk(call)}")
    for step in call["path"]:
        click.echo(_step_line(step, started))
    for hand_off in call["hand_offs"]:
        click.echo(f"handed off: {_details(hand_off)}")
    if call["quality"]:
        click.echo(f"quality: {_details(call['quality'])}")


def _talk(call: dict[str, Any]) -> str:
    return f"{seconds(call['answered_at'], call['ended_at'])} s" if call.get("ended_at") is not None else "until now"


def _step_line(step: dict[str, Any], started: float) -> str:
    entered = step.get("entered_at")
    offset = f"{max(0.0, entered - started):8.2f}" if entered is not None else " " * 8
    rest = {key: value for key, value in step.items() if key not in STEP_KEYS and value not in (None, "", {}, [])}
    line = f"{offset}  {step.get('element', ''):<20} {step.get('type', ''):<20} -> {step.get('branch') or '-'}"
    return f"{line}  {_details(rest)}" if rest else line


def _details(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
