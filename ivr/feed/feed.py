"""The feed: events with numbers that grow, the newest of which are remembered."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.feed.concerns import NOBODY, Concern, Concerns

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
    concerns: Concern = NOBODY
    """Agents whose call it is about, and the queue."""


class Feed:
    """Takes what happens and tells everybody who listens, at once and in order."""

    def __init__(self, wall: Callable[[], float], kept: int = KEPT) -> None:
        self._wall = wall
        self._recent: deque[FeedEvent] = deque(maxlen=kept)
        self._listeners: dict[object, Listener] = {}
        self.concerns = Concerns()
        """Whose calls are whose now."""
        self.run = f"{int(wall() * 1000):x}"
        """Names this run of the daemon: numbers begin anew with each one."""
        self.last = 0
        """Number of the newest event."""

    def tell(self, type_: str, data: Mapping[str, Any], call: str | None = None) -> FeedEvent:
        """Something has happened. Never raises, never waits."""
        self.last += 1
        event = FeedEvent(self.last, type_, self._wall(), call, data, self.concerns.note(type_, data, call))
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

    # As others see them

    def id_of(self, event: FeedEvent) -> str:
        """The id of an event: of all runs of all daemons, as far as clocks differ by a millisecond."""
        return f"{self.run}-{event.number}"

    def number_of(self, id_: str) -> int | None:
        """The number of an event of this run, by its id; None: it is of another run, or of none."""
        run, _, number = id_.rpartition("-")
        return int(number) if run == self.run and number.isascii() and number.isdecimal() and len(number) < 16 else None

    def shown(self, event: FeedEvent) -> dict[str, Any]:
        """An event as JSON."""
        return {
            "id": self.id_of(event),
            "type": event.type,
            "at": round(event.at, 3),
            "call": event.call,
            "data": dict(event.data),
        }
