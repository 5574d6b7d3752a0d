"""What changes, shown again and again: in place on a terminal, one after the other in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ivr.cli.live import DaemonError

__all__ = ["Part", "show", "watch"]

LOOK_SECONDS = 1.0
"""Between two looks at a terminal."""
PRINT_SECONDS = 10.0
"""Between two where there is none."""
PATIENCE = 30.0
"""Seconds without a daemon: it may be starting again."""
FILE_WIDTH = 200

Part = str | tuple[Sequence[str], Iterable[Sequence[str]]]
"""A line, or a table: names of the columns, and rows."""


def show(parts: Iterable[Part]) -> None:
    """Print lines and tables."""
    console = _console()
    for part in parts:
        console.print(_renderable(part))


def watch(look: Callable[[], Iterable[Part]], sleep: Callable[[float], None], rounds: int | None = None) -> None:
    """Show what `look` gives until Ctrl-C, or so many times. DaemonError where nobody answers for long."""
    from rich.console import Group
    from rich.live import Live

    console, missed, first = _console(), 0.0, True
    pause = LOOK_SECONDS if console.is_terminal else PRINT_SECONDS
    parts = list(look())
    try:
        with Live(console=console, auto_refresh=False, screen=False) as live:
            while True:
                if console.is_terminal:
                    live.update(Group(*map(_renderable, parts)), refresh=True)
                else:
                    show(parts if first else ["", *parts])
                first = False
                if rounds is not None and (rounds := rounds - 1) <= 0:
                    return
                sleep(pause)
                try:
                    parts, missed = list(look()), 0.0
                except DaemonError:
                    missed += pause
                    if missed >= PATIENCE:
                        raise
    except KeyboardInterrupt:
        click.echo("", err=True)


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=FILE_WIDTH)


def _renderable(part: Part) -> Any:
    from rich.table import Table
    from rich.text import Text

    if isinstance(part, str):
        return Text(part)
    head, rows = part
    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
