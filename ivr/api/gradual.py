"""Long lists, made so that calls go on beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["gradually"]

ROWS = 50
"""Made at once: two milliseconds of a core for agents, of whom much is told."""

T = TypeVar("T")
R = TypeVar("R")


async def gradually(items: Iterable[T], row: Callable[[T], R | None]) -> list[R]:
    """A row of each of these, without those that are None: not there any more. The loop does other things between."""
    found: list[R] = []
    for number, item in enumerate(list(items), 1):
        made = row(item)
        if made is not None:
            found.append(made)
        if number % ROWS == 0:
            await asyncio.sleep(0)
    return found
