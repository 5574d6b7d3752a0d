"""Keys that an endpoint presses by INFO."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from ivr.sip import Session
from ivr.sip.bodies import key_body

if TYPE_CHECKING:
    from ivr.endpoint.agent import Agent

__all__ = ["KEYS", "KeysByInfo"]

KEYS: Final = "0123456789*#ABCD"
INFO_EVERY: Final = 0.25
"""Seconds between two keys by INFO: one has lasted as long as it says, with a pause, before the next begins."""


class KeysByInfo:
    """Those of one call, one after the other."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._waiting: deque[str] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def press(self, keys: str, session: Session) -> None:
        """Send the first now, unless others are on their way."""
        self._waiting.extend(keys)
        if self._timer is None:
            self._next(session)

    def _next(self, session: Session) -> None:
        self._timer = None
        if not self._waiting or session.ended:
            self._waiting.clear()
            return
        session.info(*key_body(self._waiting.popleft()), self._agent.now)
        self._timer = self._agent.later(INFO_EVERY, lambda: self._next(session))
        self._agent.flush()

    def drop(self) -> None:
        """Forget those that wait: the call is over, or its other side takes none."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
