"""Events for flows: those that come from outside and those that happen inside, brought to who waits for them.

posted    kept in the store first, then told: who is told, and dies, finds it there
inside    `call.ended`, `profile.changed`: kept behind the back of whoever tells, and only where a flow asks for them
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from datetime import UTC, datetime
from typing import Any

from ivr.errors import StoreError
from ivr.flow import ports
from ivr.store import KeptEvent, KeptWait, Store

__all__ = ["CALL_ENDED", "PROFILE_CHANGED", "EventHub"]

log = logging.getLogger("ivr.events")

CALL_ENDED = "call.ended"
PROFILE_CHANGED = "profile.changed"
INSIDE = frozenset({CALL_ENDED, PROFILE_CHANGED})

RECENT = 1000
"""Events that are remembered here: flows that they wake look for them at once, many at a time. At most 64 MB."""
SETTLE_SECONDS = 1.0
"""What happened inside a moment ago is given so long to reach the store before past events are read from it."""

Arrived = Callable[[ports.EventArrived], None]


class EventHub:
    """Who waits for which event, among flows that run."""

    def __init__(
        self,
        store: Store,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        wall: Callable[[], float],
    ) -> None:
        """`spawn` runs a task that somebody owns."""
        self._store = store
        self._spawn = spawn
        self._wall = wall
        self._posting = asyncio.Lock()
        self._listeners: dict[str, dict[object, Callable[[KeptEvent], None]]] = {}
        self._recent: deque[KeptEvent] = deque()
        self._forgotten = 0
        """Events with higher numbers are all among the recent ones."""
        self.last = 0
        """Number of the last event that everybody was told of."""
        self.wanted: Callable[[str], bool] = lambda name: False
        """Whether flows in force, or flows that sleep, ask for events of a name."""
        self.starts: Callable[[str, dict[str, Any], float], list[KeptWait]] = lambda name, properties, at: []
        """Flows that an event of this name starts; they are kept together with it."""
        self.told: Callable[[KeptEvent, list[KeptWait]], None] = lambda event, starts: None
        """Hears of every event, before those that listen."""

    async def begin(self) -> None:
        """Read where the store is."""
        self.last = self._forgotten = await asyncio.to_thread(self._store.events.last)

    async def post(self, key: str, name: str, properties: dict[str, Any]) -> tuple[KeptEvent, str]:
        """Keep an event and bring it to who waits for it; the event that is kept, and `new`, `known` or `other`."""
        async with self._posting:  # events reach everybody in the order of their numbers
            now = self._wall()
            starts = self.starts(name, properties, now)
            event, taken = await asyncio.to_thread(self._store.events.add, key, name, properties, now, starts)
            if taken == "new":
                self._tell(event, starts)
            return event, taken

    def happened(self, key: str, name: str, properties: dict[str, Any]) -> None:
        """Something happened inside."""
        if self._listeners.get(name) or self.wanted(name):
            now = self._wall()
            self._store.writer.event(key, name, properties, now)
            self._tell(KeptEvent(self.last, key, name, properties, now), [])

    def _tell(self, event: KeptEvent, starts: list[KeptWait]) -> None:
        self.last = max(self.last, event.number)
        if len(self._recent) >= RECENT:
            self._forgotten = max(self._forgotten, self._recent.popleft().number)
        self._recent.append(event)
        self.told(event, starts)
        for listener in list(self._listeners.get(event.name, {}).values()):
            listener(event)

    def wait_for(
        self,
        command: ports.WaitForEvent,
        arrived: Arrived,
        *,
        after: int = 0,
        settled: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Call `arrived` for every such event until the function that is returned is called (see `Outside`).

        Of past ones, those after the event of a number; `settled` is called once they have all been told.
        """
        key = object()
        listeners = self._listeners.setdefault(command.event, {})
        past = _Past(command, arrived, settled if command.since is not None else None)
        listeners[key] = past.listen
        if command.since is None:
            past.begin(())
        else:
            since, inside = command.since.timestamp(), command.event in INSIDE
            # One that happened inside has the number of the event before it.
            first = after if inside else after + 1
            found = [
                event
                for event in self._recent
                if event.name == command.event and event.number >= first and event.received_at >= since
            ]
            if after > self._forgotten if inside else after >= self._forgotten:
                asyncio.get_running_loop().call_soon(past.begin, found)
            else:
                self._spawn(self._read_past(past, after, found if inside else []))

        def stop() -> None:
            past.stopped = True
            listeners.pop(key, None)
            if not listeners and self._listeners.get(command.event) is listeners:
                del self._listeners[command.event]

        return stop

    async def _read_past(self, past: _Past, after: int, recent: Collection[KeptEvent]) -> None:
        """Of the `recent` ones some may not be in the store yet; there, what happened inside has a number of its own,
        higher than that of the event before it."""
        command = past.command
        assert command.since is not None
        since = command.since.timestamp()

        def read() -> Collection[KeptEvent]:
            if command.event in INSIDE:
                self._store.writer.flush(SETTLE_SECONDS)
            return self._store.events.since(command.event, since, after)

        try:
            found = await asyncio.to_thread(read)
        except StoreError as error:
            log.warning("past events cannot be read: %s", error)
            found = ()
        known = {event.id for event in found}
        past.begin([*found, *(event for event in recent if event.id not in known)])


class _Past:
    """A wait that first hears of past events, then of those that came meanwhile, each once."""

    def __init__(
        self, command: ports.WaitForEvent, arrived: Arrived, settled: Callable[[], None] | None = None
    ) -> None:
        self.command = command
        self._arrived = arrived
        self._settled = settled
        self._held: list[KeptEvent] | None = []
        """Those that came while the past is not known yet."""
        self.stopped = False

    def listen(self, event: KeptEvent) -> None:
        if self._held is None:
            self._arrived(event_arrived(self.command, event))
        else:
            self._held.append(event)

    def begin(self, past: Collection[KeptEvent]) -> None:
        """The past is known."""
        held, self._held = self._held or [], None
        known = {event.id for event in past}
        for event in [*past, *(event for event in held if event.id not in known)]:
            if not self.stopped:
                self._arrived(event_arrived(self.command, event))
        if self._settled is not None:
            self._settled()


def event_arrived(command: ports.WaitForEvent, event: KeptEvent) -> ports.EventArrived:
    """An event as a flow hears of it."""
    at = datetime.fromtimestamp(event.received_at, UTC).astimezone()
    return ports.EventArrived(command.id, event.name, event.properties, at)
