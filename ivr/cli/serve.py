"""`ivr serve`: the daemon in the foreground."""

from __future__ import annotations

import os

import click

from ivr.cli.options import config_option
from ivr.settings import find_config

__all__ = ["command"]


@click.command("serve")
@config_option
@click.pass_context
def command(ctx: click.Context) -> None:
    """Take calls until told to stop.

    Prints one line when it is ready: "ready sip=udp:127.0.0.1:5060 http=127.0.0.1:8080". SIGHUP loads the flows anew,
    SIGTERM lets calls end (limits.drain_timeout) and stops.
    """
    from ivr import daemon  # everything that takes calls: not needed to show help

    ctx.exit(daemon.main(find_config(ctx.obj, os.environ)))
