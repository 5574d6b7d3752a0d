"""The feed: events with numbers that grow, the newest of which are remembered."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.feed.concerns import NOBODY, Concern, Concerns

__all__ = ["KEPT", "Feed", "FeedEvent"]

log = logging.getLogger("ivr.feed")

KEPT = 10_000
"""Events that are remembered for who comes back: some minutes of a busy day."""
KEPT_BYTES = 16 * 2**20
"""Of their data, about: hand-over packets that agents are shown have up to 64 KiB each."""
_PLAIN_BYTES = 500
"""Of data without anything nested."""

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
    size: int = _PLAIN_BYTES
    """Bytes of the data, about."""


class Feed:
    """Takes what happens and tells everybody who listens, at once and in order."""

    def __init__(self, wall: Callable[[], float], kept: int = KEPT) -> None:
        self._wall = wall
        self._kept = kept
        self._recent: deque[FeedEvent] = deque()
        self._bytes = 0
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
        concern = self.concerns.note(type_, data, call)
        event = FeedEvent(self.last, type_, self._wall(), call, data, concern, _size(data))
        self._recent.append(event)
        self._bytes += event.size
        while len(self._recent) > self._kept or self._bytes > KEPT_BYTES:
            self._bytes -= self._recent.popleft().size
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

    @property
    def oldest(self) -> int:
        """Number of the oldest event that is remembered; of the next one where none is."""
        return self._recent[0].number if self._recent else self.last + 1

    def since(self, number: int) -> list[FeedEvent] | None:
        """Events after the one of a number, oldest first; None where some of them are forgotten."""
        if number > self.last or number < self.oldest - 1:
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


def _size(data: Mapping[str, Any]) -> int:
    if not any(isinstance(value, (Mapping, list, tuple)) for value in data.values()):
        return _PLAIN_BYTES
    return _PLAIN_BYTES + len(json.dumps(data, default=str))
