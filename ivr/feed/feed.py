"""The feed: events with numbers that grow, the newest of which are remembered."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KEPT", "Feed", "FeedEvent"]

log = logging.getLogger("ivr.feed")

KEPT = 10_000
"""Events that are remembered for who comes back: some minutes of a busy day, a few megabytes."""

Listener = Callable[["FeedEvent"], None]


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Something that happened."""

    number: int
    """Grows by one; of this process."""
    type: str
    """Like `call.started`, `agent.status`, `queue.joined`."""
    at: float
    """Seconds since the epoch."""
    call: str | None
    """Id of the call that it is about; None: of none."""
    data: Mapping[str, Any]
    """What is to be told, as JSON: no digits, no values that are sensitive."""


class Feed:
    """Takes what happens and tells everybody who listens, at once and in order."""

    def __init__(self, wall: Callable[[], float], kept: int = KEPT) -> None:
        self._wall = wall
        self._recent: deque[FeedEvent] = deque(maxlen=kept)
        self._listeners: dict[object, Listener] = {}
        self.last = 0
        """Number of the newest event."""

    def tell(self, type_: str, data: Mapping[str, Any], call: str | None = None) -> FeedEvent:
        """Something has happened. Never raises, never waits."""
        self.last += 1
        event = FeedEvent(self.last, type_, self._wall(), call, data)
        self._recent.append(event)
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:
                log.exception("a listener of the feed failed")
        return event

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on, until the function that is returned is called."""
        key = object()
        self._listeners[key] = listener

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def since(self, number: int) -> list[FeedEvent] | None:
        """Events after the one of a number, oldest first; None where some of them are forgotten."""
        if number > self.last or (self._recent and number < self._recent[0].number - 1):
            return None
        return [event for event in self._recent if event.number > number]
