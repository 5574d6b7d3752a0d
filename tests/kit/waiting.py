"""Waiting for what nobody tells of: it is looked at again and again, for longer than the slowest machine needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

LONGEST = 30.0
"""Seconds: a machine of half the speed with twice the load still gets there."""
LOOK_EVERY = 0.005
SLEEP_EVERY = 0.02
"""Where other processes are to get there: they need the processor more."""


async def until(condition: Callable[[], Any], what: str = "what is waited for", seconds: float = LONGEST) -> Any:
    """What `condition` gives once it is true; the loop goes on meanwhile."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while not (found := condition()):
        assert clock() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(LOOK_EVERY)
    return found


def wait_until(condition: Callable[[], Any], what: str, seconds: float = LONGEST) -> Any:
    """The same where there is no loop."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(SLEEP_EVERY)
    return found
