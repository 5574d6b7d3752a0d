"""What the transports ask before they take anything in, and whom they show it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ivr.sip import Flow

__all__ = ["Doorkeeper", "Tap"]

Tap = Callable[[str, bytes, Flow], None]
"""Shown every SIP message: "in" or "out", its octets, its path. Called in the loop for each message, so it only takes
note."""


class Doorkeeper(Protocol):
    """Decides by source address and size alone, before anything is parsed. Called in the loop for every message: it
    must neither wait nor search."""

    def message(self, host: str, now: float, size: int) -> bool:
        """Whether a message of `size` octets from this address is looked at; False drops it without a word. `now` is
        monotonic seconds."""

    def connection(self, host: str, now: float) -> bool:
        """Whether a connection from this address is taken; False closes it before a handshake."""
