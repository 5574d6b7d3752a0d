"""`ivr policy`: whether a number may be dialled through a line, and which rule says so."""

from __future__ import annotations

import json
import time
from datetime import datetime

import click

from ivr.call.identity import normalise
from ivr.cli.options import config_option, json_option, settings_of
from ivr.flow.calendar import hours_at
from ivr.guard import Dialler, DialPolicy, Verdict
from ivr.settings import DialLimits, Settings

__all__ = ["command"]

EXIT_REFUSED = 1


def _dialler(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Dialler:
    kind, _, name = value.partition(":")
    match kind:
        case "phone" if name:
            return Dialler("phone", phone=name)
        case "flow" if name:
            return Dialler("flow", flow=name)
        case "guest":
            return Dialler("guest", flow=name or None, written=False)
    raise click.BadParameter(f"{value!r} is none of phone:USER, flow:NAME, guest, guest:FLOW")


@click.command("policy")
@click.argument("number")
@click.option(
    "--from",
    "dialler",
    required=True,
    callback=_dialler,
    metavar="WHO",
    help="phone:USER, flow:NAME, or guest[:FLOW] for a number that a guest brings.",
)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, number: str, dialler: Dialler, as_json: bool) -> None:
    """Say whether a number may be dialled through a line, and why. Nothing is dialled.

    Exit code 1 where it may not. What was used of the limits today is known to the running daemon alone.
    """
    settings = settings_of(ctx)
    if dialler.phone is not None and dialler.phone not in settings.phones:
        raise click.UsageError(f"there is no phone {dialler.phone}")
    verdict = DialPolicy(settings.outbound_policy).judge(normalise(number), dialler, is_open=_is_open(settings))
    line = _line(settings, verdict)
    if as_json:
        limits = [{"of": " ".join(place).strip(), **limit.model_dump()} for place, limit in verdict.limits]
        parts = {name: getattr(verdict, name) for name in ("allowed", "number", "rule", "reason", "emergency")}
        click.echo(json.dumps({**parts, "line": line, "limits": limits}, indent=2))
    else:
        _tell(verdict, line)
    if not verdict.allowed or line is None:
        ctx.exit(EXIT_REFUSED)


def _tell(verdict: Verdict, line: str | None) -> None:
    rule = f"outbound_policy.{verdict.rule}: " if verdict.rule else ""
    click.echo(f"{'may be dialled' if verdict.allowed else 'refused'}: {rule}{verdict.reason}")
    if not verdict.allowed:
        return
    click.echo(f"line: {line}" if line is not None else "there is no line that it could go through")
    for place, limit in verdict.limits:
        if limit != DialLimits():
            told = ", ".join(f"{name} {value}" for name, value in limit.model_dump().items() if value is not None)
            click.echo(f"limit of {' '.join(place).strip()}: {told}")


def _line(settings: Settings, verdict: Verdict) -> str | None:
    """The line that the number goes through first; None without one."""
    policy = settings.outbound_policy
    if verdict.emergency and policy.emergency_line is not None:
        return policy.emergency_line
    return next(iter((*policy.line, *settings.lines)), None)


def _is_open(settings: Settings) -> bool:
    name = settings.outbound_policy.hours
    if name is None:
        return True
    return hours_at(settings.calendars[name], datetime.fromtimestamp(time.time(), settings.zone)).status == "open"
