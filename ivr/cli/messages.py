"""The SIP messages of a call, as `ivr trace` shows and saves them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.live import fetch, read_token
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["show_messages"]


def show_messages(settings: Settings, call: dict[str, Any], pcap: Path | None, *, shown: bool, as_json: bool) -> None:
    """Ask the daemon for the messages of a call; print them, save them. IvrError where it has none."""
    call_id = call.get("sip_call_id")
    if not call_id:
        raise IvrError("this call has no SIP Call-ID")
    if pcap is not None:
        pcap.write_bytes(_fetch(settings, "/v1/messages.pcap", call_id))
        click.echo(f"saved {pcap}", err=shown)
    if not shown:
        return
    messages = json.loads(_fetch(settings, "/v1/messages", call_id))["messages"]
    if as_json:
        click.echo(json.dumps(messages, indent=2))
        return
    for message in messages:
        arrow = "<-" if message["direction"] == "in" else "->"
        moment = datetime.fromtimestamp(message["at"]).strftime("%H:%M:%S.%f")[:-3]
        peer = message["from"] if message["direction"] == "in" else message["to"]
        click.secho(f"{moment}  {arrow} {peer}  {message['transport']}", bold=True)
        click.echo(message["text"].replace("\r\n", "\n").rstrip("\n"))
        click.echo()


def _fetch(settings: Settings, path: str, call_id: str) -> bytes:
    answer = fetch(settings.http.listen, f"{path}?call_id={quote(call_id, safe='')}", read_token(settings.token_file))
    if answer is None:
        raise IvrError("the daemon keeps no messages of this call any more (capture.kept says how many bytes it keeps)")
    return answer
