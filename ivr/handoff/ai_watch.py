"""Whether an AI agent and its caller still say something."""

from __future__ import annotations

from typing import Literal

from ivr.handoff.protocols import Encoding, Silence
from ivr.settings import AiAgent

__all__ = ["AiWatch"]


class AiWatch:
    """Of one connection; times are monotonic."""

    def __init__(self, agent: AiAgent, encoding: Encoding, now: float) -> None:
        self._agent = agent
        self._silence = Silence(encoding, now)
        self._spoke_until = now
        self._came_at = now

    def came(self, now: float) -> None:
        """A message of the endpoint has come."""
        self._came_at = now

    def heard(self, payload: bytes, now: float) -> None:
        """20 ms of the caller."""
        if self._agent.no_input_timeout is not None:
            self._silence.heard(payload, now)

    def pressed(self, now: float) -> None:
        """A key of the caller."""
        self._silence.pressed(now)

    def look(self, speaks: bool, now: float) -> Literal["endpoint_error", "no_input_timeout"] | None:
        """Why it has to end; `speaks` says whether sound of the agent still waits to be heard."""
        agent = self._agent
        if speaks:
            self._spoke_until = now
        if agent.silence_timeout is not None and now - self._came_at > agent.silence_timeout:
            return "endpoint_error"
        if (
            agent.no_input_timeout is not None
            and self._silence.seconds(self._spoke_until, now) >= agent.no_input_timeout
        ):
            return "no_input_timeout"
        return None
