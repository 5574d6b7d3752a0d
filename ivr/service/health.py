"""Whether the daemon is well, and whether it takes calls.

well      its loop turns, its media workers work: as long as that is so the service manager is told, and restarts a
          daemon that is not
ready     everything is there that a call needs: what `/readyz` says, and `systemctl status` shows
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ivr.service.notify import ServiceManager
from ivr.settings import HealthSettings

__all__ = ["Check", "Health"]

BEAT = 0.25
"""Seconds between looks whether the loop turns in time."""
STATUS_EVERY = 5.0
"""Seconds between sentences for `systemctl status`."""
WATCHDOG_SHARE = 3.0
"""The service manager is told so many times within the time that it waits."""

Check = Callable[[], str | None]
"""Gives a sentence about what is wrong, or None."""


class Health:
    """Asks everything that can be wrong; nothing here waits or reads a disk."""

    def __init__(self, settings: HealthSettings, manager: ServiceManager) -> None:
        self._settings = settings
        self._manager = manager
        self._lag = 0.0
        self._beaten = time.monotonic()
        self.vital: list[Check] = []
        """A daemon of which one of these fails has to be restarted."""
        self.needed: list[Check] = []
        """No calls are taken while one of these fails."""
        self.on_lag: Callable[[float], None] = lambda seconds: None
        """Told how late the loop was, four times a second."""
        self.sentence: Callable[[], str] = lambda: ""
        """What goes on, for `systemctl status`."""

    def sick(self) -> list[str]:
        """What is wrong with the daemon; empty while it is well."""
        return [text for check in self.vital if (text := check()) is not None]

    def unready(self) -> list[str]:
        """Why no calls are taken; empty while they are."""
        faults = self.sick()
        if self.lag > self._settings.loop_lag:
            faults.append(f"the loop is {self.lag:.1f} s late")
        faults.extend(text for check in self.needed if (text := check()) is not None)
        return faults

    @property
    def lag(self) -> float:
        """Seconds by which the loop was late at the last look, or is now."""
        return max(self._lag, time.monotonic() - self._beaten - BEAT)

    async def beat(self) -> None:
        """Look whether the loop turns, and tell the service manager that all is well, again and again.

        A loop that hangs tells nothing: that is what the service manager waits for.
        """
        loop = asyncio.get_running_loop()
        tell_every = (self._manager.watchdog or STATUS_EVERY) / WATCHDOG_SHARE
        tell_at = status_at = loop.time()
        due = loop.time() + BEAT
        while True:
            await asyncio.sleep(due - loop.time())
            now = loop.time()
            self._lag, self._beaten = max(now - due, 0.0), now
            self.on_lag(self._lag)
            due = now + BEAT
            if now >= tell_at:
                tell_at = now + tell_every
                if not self.sick():
                    self._manager.well()
            if now >= status_at:
                status_at = now + STATUS_EVERY
                faults = self.unready()
                self._manager.status(f"Not ready: {'; '.join(faults)}" if faults else self.sentence())
