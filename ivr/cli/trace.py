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
from ivr.settings import Settings

__all__ = ["command", "find_call"]

STEP_KEYS = ("element", "type", "entered_at", "left_at", "branch", "flow")
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
    call = find_call(settings_of(ctx), call_id)
    if as_json:
        click.echo(json.dumps(call, indent=2))
    else:
        _print(call)


def find_call(settings: Settings, call_id: str) -> dict[str, Any]:
    """The record of a call: from the store, and of one in progress from the daemon; IvrError where there is none."""
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
    return call


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
    flow = call["flow"]
    for step in call["path"]:
        if step.get("flow", flow) != flow:
            flow = step["flow"]
            click.echo(f"{' ' * 10}flow {flow}")
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
    rest = {key: value for key, value in step.items() if key not in STEP_KEYS and value not in (None, "", {}, [], 0)}
    line = f"{offset}  {step.get('element', ''):<20} {step.get('type', ''):<20} -> {step.get('branch') or '-'}"
    told = [_played(played) for played in rest.pop("played", ())]
    if keys := rest.pop("keys", ()):
        rest.pop("digits", None)
        told.append("keys " + " ".join(_key(key) for key in keys))
    if rest:
        line += f"  {_details(rest)}"
    return "".join([line, *(f"\n{' ' * 14}{text}" for text in told)])


def _played(played: dict[str, Any]) -> str:
    """What was played and how much of it was heard."""
    prompts = " + ".join(
        f'"{prompt["value"]}"' if prompt.get("kind") == "text" else f"{prompt.get('kind')} {prompt.get('value')}"
        for prompt in played.get("prompts", ())
    )
    heard, reason = played.get("heard"), played.get("reason")
    if heard is None:
        return prompts
    return f"{prompts}  {heard:.1f} s heard" + ("" if reason == "completed" else f", {reason}")


def _key(key: dict[str, Any]) -> str:
    """One key with its source and its time in the call."""
    return f"{key.get('key')} ({key.get('source')} at {key.get('at', 0.0):.2f} s)"


def _details(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
