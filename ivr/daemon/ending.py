"""How the daemon ends: no new calls, those in progress may end by themselves, what is left is ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ivr.call.manager import CallManager
from ivr.service import ServiceManager

__all__ = ["Ending"]

log = logging.getLogger("ivr.daemon")

STOP_SECONDS = 30.0
"""For all that is left when the last call is over: recordings are completed, records written."""
BYE_WAIT = 1.0
"""Seconds for the answers to the BYEs of the last calls."""
LAST_WORDS = 10.0
"""Seconds before the end in which flows may say something to callers who waited for an agent, or take a message."""


class Ending:
    """Told to stop by signals, waits for calls."""

    def __init__(self, service: ServiceManager, drain_timeout: float) -> None:
        """`drain_timeout`: seconds that calls in progress have."""
        self._service = service
        self._timeout = drain_timeout
        self._at_once = asyncio.Event()
        self.begun = asyncio.Event()
        """Set when no new calls are to be taken any more."""

    def ask(self) -> None:
        """Stop; asked a second time, at once."""
        if self.begun.is_set():
            self._at_once.set()
        self.begun.set()

    async def drain(self, manager: CallManager, close_queues: Callable[[], None]) -> None:
        """Let calls end, then end those that are left. Who waits for an agent is served until shortly before, and told
        then that the queue is closed."""
        manager.draining = True
        idle = asyncio.Event()
        manager.when_idle(idle.set)
        if not idle.is_set():
            log.info("stopping: waiting for %d calls", len(manager.calls))
            self._service.more_time(self._timeout + STOP_SECONDS)
            waits = [asyncio.ensure_future(idle.wait()), asyncio.ensure_future(self._at_once.wait())]
            last = min(LAST_WORDS, self._timeout / 2)
            done, _ = await asyncio.wait(waits, timeout=self._timeout - last, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                close_queues()
                await asyncio.wait(waits, timeout=last, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        if manager.calls:
            log.info("ending %d calls", len(manager.calls))
            manager.end_all("system")
        if manager.total or manager.placed:
            await asyncio.sleep(BYE_WAIT)
        manager.write_all()
