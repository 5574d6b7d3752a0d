"""The one writer of the centre: everything that happens is told in turn, and nothing else changes it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ivr.center.keeping import Keeping
from ivr.center.rules import decisions as told
from ivr.center.rules import events as happened
from ivr.center.rules.center import Center

if TYPE_CHECKING:
    from ivr.call.services import Services

__all__ = ["Writer"]

log = logging.getLogger("ivr.center")

CLOCK_SECONDS: Final = 30.0
"""Between looks at the clock on the wall, which may be set."""


class Writer:
    """Tells the centre, has its decisions carried out, wakes it, and has kept what must be."""

    def __init__(
        self,
        services: Services,
        center: Center,
        keeping: Keeping,
        do: Callable[[told.Decision], None],
        broken: Callable[[happened.Event | told.Decision], None],
    ) -> None:
        """`do` carries out a decision; `broken` hears of an event or a decision with which something failed."""
        self._services = services
        self._center = center
        self._keeping = keeping
        self._do = do
        self._broken = broken
        self._events: deque[happened.Event] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._clock_timer: asyncio.TimerHandle | None = None
        self.busy = False
        """Something is being carried out: what is told now comes after it."""

    def receive(self, event: happened.Event) -> None:
        """Something has happened; what the centre decides is done before this returns, unless that is under way."""
        self._events.append(event)
        if self.busy:
            return
        self.busy = True
        try:
            while self._events:
                self._take(self._events.popleft())
        finally:
            self.busy = False
        self._rearm()
        self._keeping.look()
        self._services.flush()

    def _take(self, event: happened.Event) -> None:
        try:
            self._center.receive(event, self._services.clock())
            decisions = self._center.decisions()
        except Exception:
            log.exception("the centre failed")
            self._broken(event)
            return
        for decision in decisions:
            try:
                self._do(decision)
            except Exception:
                log.exception("a decision of the centre could not be carried out")
                self._broken(decision)

    def stop(self) -> None:
        """Nothing is decided any more; what must be kept is written."""
        for timer in (self._timer, self._clock_timer):
            if timer is not None:
                timer.cancel()
        self._center.at(self._services.clock())
        self._keeping.look()
        self._keeping.write("agents", "queues", "meta")  # seconds pass without a change

    # Time

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when = self._center.next_timer()
        if when is not None:
            self._timer = self._services.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.receive(happened.Tick())

    def look_at_clock(self) -> None:
        """Tell what the clock on the wall says, now and again and again."""
        self.receive(happened.ClockSet(self._services.wall()))
        self._clock_timer = self._services.call_later(CLOCK_SECONDS, self.look_at_clock)
