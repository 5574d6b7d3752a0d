"""The last messages, up to a size: what a call that went wrong said is there when somebody asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from itertools import islice
from typing import Final

from ivr.capture.message import Captured
from ivr.sip import Flow

__all__ = ["Ring"]

OVERHEAD: Final = 200
"""Octets that a kept message takes besides its text: tuple, times, path."""


class Ring:
    """Messages in order of time; the oldest go when there are more than `limit` octets of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: deque[tuple[float, bool, Flow, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Octets taken."""
        return self._size

    def add(self, at: float, incoming: bool, flow: Flow, data: bytes) -> None:
        """Keep one message. Nothing is parsed here: this runs for every message."""
        kept = self._kept
        kept.append((at, incoming, flow, data))
        size = self._size + len(data) + OVERHEAD
        while size > self._limit and kept:
            size -= len(kept.popleft()[3]) + OVERHEAD
        self._size = size

    def of_calls(self, call_ids: Collection[str], last: int | None = None) -> list[Captured]:
        """Messages of these Call-IDs, among the `last` ones or all that are kept (10 ms for 8 MiB: for a thread)."""
        wanted = [call_id.encode() for call_id in call_ids]
        found = []
        for at, incoming, flow, data in self._latest(last):
            # Most messages are of other calls, and bytes are searched faster than headers are read.
            if any(call_id in data for call_id in wanted):
                message = Captured(at, incoming, flow, data)
                if message.call_id in call_ids:
                    found.append(message)
        return found

    def _latest(self, count: int | None) -> list[tuple[float, bool, Flow, bytes]]:
        if count is None:
            return list(self._kept)
        return list(islice(reversed(self._kept), count))[::-1]
