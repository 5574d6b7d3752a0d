"""Tables on the terminal, and in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["print_table"]

FILE_WIDTH = 200
"""A file has no width: nothing is cut."""


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns under their names."""
    from rich.console import Console  # 60 ms that --json does not need
    from rich.table import Table

    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=FILE_WIDTH)
    console.print(table)
