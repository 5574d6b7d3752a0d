"""`ivr trace`: the way of one call, element by element."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.calls import read_call, seconds
from ivr.cli.live import DaemonError, ask
from ivr.cli.messages import show_messages
from ivr.cli.options import config_option, json_option, settings_of
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["command", "find_call"]

STEP_KEYS = ("element", "type", "entered_at", "left_at", "branch", "flow")
"""Shown in columns; the rest of a step follows as details."""


@click.command("trace")
@click.argument("call_id", metavar="ID")
@click.option("--sip", "sip", is_flag=True, help="Show the SIP messages of the call and of the legs it placed instead.")
@click.option(
    "--pcap",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write these messages to a file for Wireshark or sngrep.",
)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, call_id: str, sip: bool, pcap: Path | None, as_json: bool) -> None:
    """Show the way of one call: its elements, times, branches and inputs.

    ID is the call's id or its short id. A call in progress is asked of the running daemon, and so are SIP messages, of
    which it keeps the last ones (capture.kept).
    """
    settings = settings_of(ctx)
    call = find_call(settings, call_id)
    if sip or pcap is not None:
        show_messages(settings, call, pcap, shown=sip, as_json=as_json)
    elif as_json:
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
    started, details = call["started_at"], call.get("details") or {}
    moment = datetime.fromtimestamp(started).strftime("%Y-%m-%d %H:%M:%S")
    click.echo(f"call {call['short_id']}  {call['id']}")
    click.echo(f"{call['direction']} from {call['caller'] or '?'} to {call['called'] or '?'}, {moment}")
    click.echo(
        f"flow {call['flow'] or '-'}{_version(call)}, {call['cause'] or 'in progress'}, SIP {call['sip_status'] or '-'}"
    )
    for name, version in (details.get("flows") or {}).items():
        if name != call["flow"]:
            click.echo(f"flow {name}{_numbered(version)}")
    if call.get("answered_at") is not None:
        click.echo(f"answered after {seconds(started, call['answered_at'])} s, talked {_talk(call)}")
    for fault in (*filter(None, [details.get("fault")]), *(details.get("faults") or ())):
        click.echo(f"fault: {fault}")
    flow = call["flow"]
    for step in call["path"]:
        if step.get("flow", flow) != flow:
            flow = step["flow"]
            click.echo(f"{' ' * 10}flow {flow}")
        click.echo(_step_line(step, started))
    if details.get("trace") == "full":
        click.echo("more happened than a trace holds")
    for hand_off in call["hand_offs"]:
        click.echo(f"handed off: {_details(hand_off)}")
    if call.get("source") or call.get("sip_call_id"):
        click.echo(f"SIP: from {call.get('source') or '?'}, Call-ID {call.get('sip_call_id') or '?'}")
    for what in ("headers", "media", "profile", "properties", "hidden"):
        if details.get(what):
            told = details[what]
            click.echo(f"{what}: {_details(told) if isinstance(told, dict) else ', '.join(map(str, told))}")
    if call["quality"]:
        click.echo(f"quality: {_details(call['quality'])}")


def _version(call: dict[str, Any]) -> str:
    return _numbered({"version": call.get("flow_version"), "number": call.get("flow_number")})


def _numbered(version: dict[str, Any]) -> str:
    """Number and hash of a version."""
    if not version.get("version"):
        return ""
    number = version.get("number")
    return f" (version {number}, {version['version']})" if number else f" (version {version['version']})"


def _talk(call: dict[str, Any]) -> str:
    return f"{seconds(call['answered_at'], call['ended_at'])} s" if call.get("ended_at") is not None else "until now"


def _step_line(step: dict[str, Any], started: float) -> str:
    entered = step.get("entered_at")
    offset = f"{max(0.0, entered - started):8.2f}" if entered is not None else " " * 8
    rest = {key: value for key, value in step.items() if key not in STEP_KEYS and value not in (None, "", {}, [], 0)}
    line = f"{offset}  {step.get('element', ''):<20} {step.get('type', ''):<20} -> {step.get('branch') or '-'}"
    told: list[tuple[float, str]] = []
    if rest.get("keys"):
        rest.pop("digits", None)
    for what, tell in TOLD.items():
        told += [(_moment(entry), tell(entry)) for entry in rest.pop(what, ())]
    for note in rest.pop("notes", ()):
        told.append((float("inf"), f"note: {note}"))
    if rest:
        line += f"  {_details(rest)}"
    told.sort(key=itemgetter(0))
    lines = [f"{at:14.2f}  {text}" if at != float("inf") else f"{' ' * 16}{text}" for at, text in told]
    return "\n".join([line, *lines])


def _moment(entry: dict[str, Any]) -> float:
    """When it began, in seconds since the call did."""
    return float(next((entry[name] for name in ("at", "asked_at", "done_at") if entry.get(name) is not None), 0.0))


def _played(played: dict[str, Any]) -> str:
    """What was played and how much of it was heard."""
    prompts = " + ".join(
        f'"{prompt["value"]}"' if prompt.get("kind") == "text" else f"{prompt.get('kind')} {prompt.get('value')}"
        for prompt in played.get("prompts", ())
    )
    heard, reason = played.get("heard"), played.get("reason")
    if heard is None:
        return prompts
    failed = f": {played['error']}" if played.get("error") else ""
    return f"{prompts}  {heard:.1f} s heard" + ("" if reason == "completed" else f", {reason}{failed}")


def _key(key: dict[str, Any]) -> str:
    """One key with its source and how long it was held."""
    return f"key {key.get('key')} ({key.get('source')}, {key.get('duration', 0.0):.2f} s)"


def _request(request: dict[str, Any]) -> str:
    """A request and what came of it."""
    connector = f"{request['connector']}: " if request.get("connector") else ""
    outcome = request.get("status") or request.get("error") or "no answer yet"
    text = f" ({request['text']})" if request.get("text") else ""
    elapsed = f" after {request['elapsed']:.2f} s" if "elapsed" in request else ""
    body = ""
    if "body" in request:
        body = f"  {_short(json.dumps(request['body'], ensure_ascii=False))}"
    elif request.get("body_cut"):
        body = "  (the answer was too long to be kept)"
    return f"{request.get('method')} {connector}{request.get('url')} -> {outcome}{text}{elapsed}{body}"


def _mail(mail: dict[str, Any]) -> str:
    """A mail and what came of it."""
    return f"mail {json.dumps(mail.get('subject', '(sensitive)'), ensure_ascii=False)}: {mail.get('error') or 'sent'}"


def _event(event: dict[str, Any]) -> str:
    """An event from outside."""
    return f"event {event.get('name')}  {_short(json.dumps(event.get('properties', {}), ensure_ascii=False))}"


def _timer(timer: dict[str, Any]) -> str:
    """A time that came, and for how much it was late."""
    late = timer.get("at", 0.0) - timer.get("due", 0.0)
    return f"time is up, waited for {timer.get('for')}" + (f", {late:.2f} s late" if late >= LATE else "")


def _place(place: dict[str, Any]) -> str:
    """A place in a queue."""
    estimate = f", {place['estimate']:.0f} s to wait" if place.get("estimate") is not None else ""
    return f"place {place.get('position')}{estimate}"


def _offer(offer: dict[str, Any]) -> str:
    """An agent's phone that rang."""
    return f"rings at {offer.get('agent')}"


INSIDE = ("kind", "verb", "at", "asked_at", "done_at", "played", "keys", "positions", "offers", "strategy", "twiml")
"""Of what ran inside an element: told by its line, or too long for it."""


def _inside(what: str, entry: dict[str, Any]) -> str:
    """A member of `failover`, a verb of a document, an instruction from outside, with what it says of itself."""
    rest = {key: value for key, value in entry.items() if key not in INSIDE and value not in (None, "", {}, [], 0)}
    told = f"  {_short(_details(rest))}" if rest else ""
    return f"{what} {entry.get('kind') or entry.get('verb')}{told}"


LATE = 0.05
"""Seconds by which a timer is late without being told so."""

MAX_SHOWN = 160
"""Characters of an answer that a person reads in a trace; `--json` has all of it."""

TOLD: dict[str, Callable[[dict[str, Any]], str]] = {
    "played": _played,
    "keys": _key,
    "terminators": _key,
    "requests": _request,
    "mails": _mail,
    "events": _event,
    "timers": _timer,
    "positions": _place,
    "offers": _offer,
    "failover": partial(_inside, "failover:"),
    "broken_off": partial(_inside, "broken off:"),
    "twiml": partial(_inside, "document:"),
    "instructions": partial(_inside, "asked for:"),
}
"""Lists in a step that have a line for each entry."""


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _details(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
