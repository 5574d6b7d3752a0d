"""`ivr lines`: the lines of the running daemon, as they are now."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import click

from ivr.cli.live import ask
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.tables import print_table
from ivr.errors import IvrError

__all__ = ["command"]

EXIT_FAULTS = 1


@click.command("lines")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the lines: which can be used, why others cannot, what hardware they are. Exit code 1 where one cannot be
    used."""
    settings = settings_of(ctx)
    answer = ask(settings.http.listen, "/v1/lines")
    if answer is None:
        raise IvrError("the daemon that runs tells nothing of lines")
    lines: list[dict[str, Any]] = answer["lines"]
    if as_json:
        click.echo(json.dumps(lines, indent=2))
    elif lines:
        rows = []
        for line in lines:
            kind = settings.lines[line["name"]].type if line["name"] in settings.lines else "?"
            since = str(timedelta(seconds=round(max(0.0, time.time() - line["since"]))))
            rows.append((line["name"], kind, "yes" if line["usable"] else "no", since, line["reason"] or _told(line)))
        print_table(("line", "type", "usable", "for", "what"), rows)
    else:
        click.echo("no line is configured")
    if not all(line["usable"] for line in lines):
        ctx.exit(EXIT_FAULTS)


def _told(line: dict[str, Any]) -> str:
    """What there is to say of a line that can be used."""
    told = [line["hardware"]] if line["hardware"] else []
    if line["registered"]:
        told.append("registered")
    if line["round_trip"] is not None and line["hardware"] is None:
        told.append(f"answers after {line['round_trip'] * 1000:.0f} ms")
    return ", ".join(told)
