"""The command `ivr` and how its subcommands are found.

Each lives in a module of its own in this package, as a click command named `command`. A module is imported when its
command is called, so that `ivr --help` costs nothing of what the commands need. Exit codes: 0 ok, 1 faults, 2 usage.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import click

from ivr import __version__
from ivr.errors import FaultsError, IvrError

__all__ = ["COMMANDS", "cli", "main"]

EXIT_FAULTS = 1

COMMANDS = {
    "serve": "Take calls until told to stop.",
    "check": "Check the configuration and the flows.",
    "test": "Run the test cases of flows.",
    "simulate": "Walk through a flow without a phone.",
    "graph": "Draw a flow as SVG or PNG.",
    "schema": "Print the JSON Schema of flows, tests or settings, for editors.",
    "say": "Speak a text into a sound file.",
    "prompts": "Trim, normalise and join prompt files.",
    "flows": "List, compare, activate and roll back versions of flows.",
    "token": "Make and take back tokens of the HTTP interface.",
    "queue": "Show queues, agents and reports; say why calls go where.",
    "webhooks": "Show webhooks, and what could not be delivered.",
    "campaigns": "List, watch, pause, resume and cancel campaigns.",
    "dnc": "Say who must not be called.",
    "bans": "Show who is shut out; shut out, let in again.",
    "policy": "Say whether a number may be dialled, and why.",
    "call": "Call somebody, and give the call to a flow.",
    "calls": "List calls; hang up and transfer live ones.",
    "trace": "Show the way of one call.",
    "capture": "Write SIP and sound of one call into a pcap file.",
    "replay": "Run a call again and show where it goes another way.",
    "lines": "List lines: usable or not, and why.",
    "doctor": "Check that this machine and its lines are fit for calls.",
    "phone": "Telephone from the terminal.",
    "bot": "Talk to an AI agent without a telephone.",
    "demo": "Call the daemon for real and keep the sound of both sides.",
}
"""Commands with the line that `ivr --help` shows, so that listing them imports none."""


class _Commands(click.Group):
    """Finds a command's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands of this installation, in the order of first use."""
        return [name for name in COMMANDS if importlib.util.find_spec(f"ivr.cli.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS or not importlib.util.find_spec(f"ivr.cli.{cmd_name}"):
            return None
        command: click.Command = importlib.import_module(f"ivr.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours is told in a sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except FaultsError as error:
            for fault in error.faults:
                click.echo(str(fault), err=True)
        except IvrError as error:
            click.echo(f"ivr: {error}", err=True)
        ctx.exit(EXIT_FAULTS)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ivr")
@click.option(
    "--config",
    "-c",
    metavar="FILE",
    help="Configuration; else IVR_CONFIG, ./config/ivr.yaml, /etc/ivr/ivr.yaml.",
)
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """A telephony IVR runtime: real calls, call flows written as YAML."""
    ctx.obj = config


def main() -> None:
    """Entry point of the command `ivr`."""
    try:
        cli(prog_name="ivr")
    except BrokenPipeError:  # the reader of our output, `head` say, has what it wanted
        sys.stderr.close()
        sys.exit(EXIT_FAULTS)
