"""Keys that are sent to the caller's side."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

from ivr.flow.ports import Event, SendKeys

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["KEYS_TO_SEND", "WHICH_KEYS", "keys_hidden", "keys_sent"]

KEY_SECONDS, WAIT_SECONDS = 0.17, 0.5
"""Of a key that is sent, and of a `w`."""
KEYS_TO_SEND = re.compile(r"[0-9*#A-Dw]{1,64}", re.ASCII)
"""What can be sent."""
WHICH_KEYS = "digits: 1 to 64 of 0-9 * # A-D, and w for half a second of silence"
"""The same as a sentence."""


def keys_hidden(keys: str) -> str:
    """What the trace has of them, for they may be a PIN: as many keys, and the pauses, so that it can be replayed."""
    return re.sub("[^w]", "*", keys)


def keys_sent(ctx: Session, keys: str) -> Generator[float | None, Event | None, None]:
    """Send keys, with `w` for half a second, and wait until they are out."""
    ctx.emit(SendKeys(keys))
    waits = keys.count("w")
    until = ctx.now + KEY_SECONDS * (len(keys) - waits) + WAIT_SECONDS * waits
    while ctx.now < until:
        yield until
