"""`ivr call`: have the daemon call somebody, and watch how that goes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ivr.cli.live import NoDaemonError, ask, read_token
from ivr.cli.options import config_option, settings_of
from ivr.errors import IvrError
from ivr.settings import HostPort, Settings

__all__ = ["command"]

LOOK_EVERY = 0.25
"""Seconds between looks at how far the call is: it rings for some, and people watch."""
EXIT_NOT_ANSWERED = 1

_WORDS = {
    "no_answer": "nobody answered",
    "busy": "busy",
    "declined": "declined",
    "failed": "failed",
    "answered": "answered",
}


def _variables(_ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in value:
        name, equals, text = one.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{one!r} is not NAME=VALUE")
        found[name] = text
    return found


@click.command("call")
@click.argument("number", required=False)
@click.option("--audience", type=click.Path(dir_okay=False, path_type=Path), help="CSV file: call everybody in it.")
@click.option("--flow", metavar="FLOW", help="Flow that has the call.")
@click.option("--say", metavar="TEXT", help="Say this, and hang up.")
@click.option("--line", metavar="LINE", help="Line to call through; else as outbound_policy says.")
@click.option("--from", "from_", metavar="ID", help="Caller id to show; else the line's.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", callback=_variables, help="For the flow.")
@click.option("--detect", type=click.Choice(["fast", "beep"]), help="Tell a machine from a person; beep waits for it.")
@click.option("--record", is_flag=True, help="Record the call, both sides.")
@click.option("--ring", metavar="DURATION", help="How long to let it ring; 45s where nothing is said.")
@click.option("--wait/--no-wait", default=True, help="Watch the call to its end (default), or only ask for it.")
@click.option("--speed", metavar="N/PERIOD", help="With --audience: calls in a time, like 30/minute, 1000/hour.")
@click.option("--window", metavar="HOURS", help='With --audience: when, like "mon-fri 09:00-17:00 Europe/Berlin".')
@click.option("--until", metavar="MOMENT", help="With --audience: nobody is called after, like 2026-03-02T17:00+01:00.")
@click.option("--match-agents", metavar="QUEUE", help="With --audience: call as this queue's agents are free.")
@click.option("--name", metavar="NAME", help="With --audience: name of the campaign.")
@click.option("--encoding", metavar="NAME", help="With --audience: character set of the file; default: UTF-8.")
@click.option("--strict", is_flag=True, help="With --audience: call nobody where a row is bad.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the call as JSON at the end.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    number: str | None,
    audience: Path | None,
    flow: str | None,
    say: str | None,
    line: str | None,
    from_: str | None,
    variables: dict[str, str],
    detect: str | None,
    record: bool,
    ring: str | None,
    wait: bool,
    speed: str | None,
    window: str | None,
    until: str | None,
    match_agents: str | None,
    name: str | None,
    encoding: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Call NUMBER (or sip:…, phone:200), or everybody in an audience, and give the calls to a flow.

    Shows how it goes: ringing, answered, who answered, the way through the flow. Starts a daemon of this configuration
    while the call lasts when none runs. Exit code 0 where the call was answered, 1 where it was not.
    """
    if flow is not None and say is not None:
        raise click.UsageError("--flow and --say: the flow says what is said")
    settings = settings_of(ctx)
    own = {"speed": speed, "window": window, "until": until, "match_agents": match_agents, "name": name}
    if audience is not None:
        if number is not None or flow is None:
            raise click.UsageError("--audience: names a flow with --flow, and no number")
        if say or variables or detect or record or ring:
            raise click.UsageError("--audience: what is said, detected and recorded is said by the flow")
        from ivr.cli.campaigns import make_campaign

        own |= {"line": line, "caller_id": from_}
        make_campaign(settings, audience, flow, own, encoding=encoding, strict=strict, watched=wait, as_json=as_json)
        return
    if number is None:
        raise click.UsageError("a number is missing, or --audience FILE")
    if any((*own.values(), encoding, strict)):
        given = ", --".join(name.replace("_", "-") for name in own)
        raise click.UsageError(f"--{given}, --encoding and --strict are for an --audience")
    body = {
        "to": number,
        "flow": flow,
        "say": say,
        "line": line,
        "from": from_,
        "properties": variables,
        "machine_detection": detect,
        "record_call": record,
        "ring_timeout": ring,
    }
    with _daemon(settings, ctx.obj, wait) as (listen, token):
        answer = ask(listen, "/v1/calls", {key: value for key, value in body.items() if value is not None}, token)
        if not wait:
            click.echo(json.dumps(answer) if as_json else f"asked for call {answer['id']}")
            return
        found = _Watch(listen, str(answer["id"]), quiet=as_json).run()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    if not any(attempt.get("outcome") == "answered" for attempt in _attempts(found)):
        ctx.exit(EXIT_NOT_ANSWERED)


@contextlib.contextmanager
def _daemon(settings: Settings, config: str | None, wait: bool) -> Iterator[tuple[HostPort, str]]:
    """Where the daemon answers, and its token; starts one where none does."""
    listen = settings.http.listen
    token = read_token(settings.token_file)
    if token is not None:
        with contextlib.suppress(NoDaemonError):
            ask(listen, "/v1/calls")
            yield listen, token
            return
    if not wait:
        raise NoDaemonError(f"no daemon answers at {listen}: there is nobody to leave the call to")
    from ivr.cli.daemons import started

    click.echo("no daemon runs: starting one", err=True)
    with started(Path(config) if config is not None else settings.source) as ready:
        host, _, port = ready["http"].rpartition(":")
        token = read_token(settings.token_file)
        if token is None:
            raise IvrError(f"there is no readable token at {settings.token_file}")
        yield HostPort(host.strip("[]"), int(port)), token


def _attempts(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (record.get("details") or {}).get("attempts", [])
    return found


class _Watch:
    """Looks at one call until it is over, and tells what is new."""

    def __init__(self, listen: HostPort, call_id: str, *, quiet: bool) -> None:
        self._listen = listen
        self._id = call_id
        self._quiet = quiet
        self._began = time.monotonic()
        self._told: set[str] = set()
        self._steps = 0

    def run(self) -> dict[str, Any]:
        """The record of the call at its end."""
        while True:
            found = ask(self._listen, f"/v1/calls/{self._id}")
            if found is None:
                raise IvrError(f"the daemon knows nothing of call {self._id} any more")
            self._look(found)
            if found["state"] == "ended":
                return dict(found)
            time.sleep(LOOK_EVERY)

    def _look(self, found: Mapping[str, Any]) -> None:
        for attempt in _attempts(found):
            self._attempt(attempt)
        steps = found.get("path") or []
        for step in steps[self._steps :]:
            if step.get("left_at") is None and found["state"] != "ended":
                break
            self._steps += 1
            branch = step.get("branch")
            self._say(f"{step['element']}{f' -> {branch}' if branch else ''}")
        if found["state"] == "ended":
            self._say(f"over: {found.get('cause')}", once="over")

    def _attempt(self, attempt: Mapping[str, Any]) -> None:
        number = attempt["attempt"]
        line = f" by line {attempt['line']}" if attempt.get("line") else ""
        self._say(f"calling {attempt['to']}{line}", once=f"{number} calls")
        if "ringing_at" in attempt:
            self._say("ringing", once=f"{number} rings")
        if "answered_at" in attempt:
            self._say("answered", once=f"{number} answered")
        if "answerer" in attempt:
            self._say(f"{attempt['answerer']} ({attempt['confidence']:.0%})", once=f"{number} found")
        outcome = attempt.get("outcome")
        if outcome is not None and outcome != "answered":
            code = f" ({attempt['sip_code']})" if attempt.get("sip_code") else ""
            self._say(f"{_WORDS.get(outcome, outcome)}: {attempt.get('status', '')}{code}", once=f"{number} failed")

    def _say(self, text: str, once: str | None = None) -> None:
        if once is not None:
            if once in self._told:
                return
            self._told.add(once)
        if not self._quiet:
            click.echo(f"{time.monotonic() - self._began:7.2f} s  {text}")
