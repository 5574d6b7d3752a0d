"""`ivr capture`: SIP, RTP and RTCP of one call in a pcap file."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import click

from ivr.cli.live import DaemonError, ask, fetch, read_token
from ivr.cli.options import config_option, settings_of
from ivr.errors import IvrError

__all__ = ["command"]

LOOK_EVERY = 0.5
"""Seconds between looks at whether the call is over."""


@click.command("capture")
@click.argument("call", metavar="[CALL]", required=False)
@click.option("--to", "to", metavar="NUMBER", help="The next call to this number.")
@click.option("--from", "from_", metavar="NUMBER", help="The next call from this number.")
@click.option("--within", metavar="DURATION", default="10m", show_default=True, help="It has to begin in that time.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("call.pcap"),
    show_default=True,
    help="Where to write it.",
)
@config_option
@click.pass_context
def command(ctx: click.Context, call: str | None, to: str | None, from_: str | None, within: str, output: Path) -> None:
    """Write the SIP, RTP and RTCP of one call into a file for Wireshark.

    CALL is the id or short id of a call in progress; without it the next call is taken, to and from the numbers given.
    Waits until the call is over; Ctrl-C writes what there is. Sound of encrypted calls is written in the clear.
    """
    if call is not None and (to is not None or from_ is not None):
        raise click.UsageError("either a call in progress, or --to and --from for the next one")
    settings = settings_of(ctx)
    token = read_token(settings.token_file)
    if token is None:
        raise IvrError(f"the daemon's token cannot be read ({settings.token_file}): does it run, are you its user?")
    wanted = {"call": call} if call is not None else {"to": to, "from": from_, "within": within}
    capture = ask(settings.http.listen, "/v1/captures", wanted, token)
    path = f"/v1/captures/{capture['id']}"
    click.echo("capturing the call" if call is not None else "waiting for the call", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        capture = _wait(settings.http.listen, path, token, capture)
    data = fetch(settings.http.listen, f"{path}/pcap", token) or b""
    ask(settings.http.listen, f"{path}/remove", None, token)
    if not capture["call"] and capture["state"] != "running":
        raise IvrError("no such call began")
    with open(output, "wb", opener=_for_owner) as file:
        file.write(data)
    click.echo(f"{output}: {len(data)} octets, {capture['messages']} SIP messages, {capture['streams']} legs", err=True)


def _for_owner(path: str, flags: int) -> int:
    """What people say is for the owner of the file alone."""
    return os.open(path, flags, 0o600)


def _wait(listen: Any, path: str, token: str, capture: dict[str, Any]) -> dict[str, Any]:
    """Until the capture is over; what it is then."""
    while capture["state"] in ("waiting", "running"):
        time.sleep(LOOK_EVERY)
        before = capture["state"]
        answer = fetch(listen, path, token)
        if answer is None:
            raise DaemonError("the daemon was started anew, and knows of no capture")
        capture = json.loads(answer)
        if before == "waiting" and capture["state"] == "running":
            click.echo(f"call {capture['short_id']} has begun", err=True)
    return capture
