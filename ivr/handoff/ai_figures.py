"""What the record of a call says of an AI agent that had it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from ivr.handoff.ai_links import Link

__all__ = ["AiFigures"]

MAX_ODD: Final = 20
"""Kinds of odd things that are told apart."""


class AiFigures:
    """Counts of one hand-off, over all its connections."""

    def __init__(self, agent: str, protocol: str, now: float) -> None:
        self._agent = agent
        self._protocol = protocol
        self._began = now
        self._connected: float | None = None
        self._first_sound: float | None = None
        self.marks = 0
        self.clears = 0
        self.keys = 0
        self.reconnects = 0
        self.left_out = 0
        """Frames of the caller that the endpoint did not read in time."""
        self.dropped = 0.0
        """Seconds of the agent's speech that there was no room for."""
        self.caught_up = 0.0
        """Seconds of it that were left out so that the rest is not heard too late."""
        self.spoken = 0.0
        """Seconds of it that were heard."""
        self._odd: Counter[str] = Counter()
        self._octets = [0, 0]
        self._messages = [0, 0]

    def connected(self, now: float) -> None:
        """The endpoint has taken the call."""
        self._connected = now

    def first_sound(self, at: float) -> None:
        """The agent is heard for the first time."""
        if self._first_sound is None:
            self._first_sound = at

    def odd_thing(self, text: str) -> bool:
        """Something that means nothing has come; True for the first of its kind."""
        if text not in self._odd and len(self._odd) >= MAX_ODD:
            text = "others"
        self._odd[text] += 1
        return self._odd[text] == 1

    def link_done(self, link: Link) -> None:
        """A connection is over: add what went over it."""
        self._octets = [self._octets[0] + link.octets_in, self._octets[1] + link.octets_out]
        self._messages = [self._messages[0] + link.messages_in, self._messages[1] + link.messages_out]

    def entry(self, reason: str, text: str, talked: float, at: float) -> dict[str, Any]:
        """The hand-off as the record has it; `at` is its end, in seconds since the epoch."""
        found: dict[str, Any] = {
            "kind": "ai_agent",
            "target": self._agent,
            "protocol": self._protocol,
            "outcome": reason,
            "talk_time": round(talked, 3),
            "ended_at": at,
            "connect_seconds": _after(self._connected, self._began),
            "first_sound_seconds": _after(self._first_sound, self._began),
            "spoken_seconds": round(self.spoken, 3),
            "marks": self.marks,
            "clears": self.clears,
            "keys": self.keys,
            "messages_in": self._messages[0],
            "messages_out": self._messages[1],
            "bytes_in": self._octets[0],
            "bytes_out": self._octets[1],
        }
        if text:
            found["text"] = text
        unusual = {
            "reconnects": self.reconnects,
            "dropped_seconds": round(self.dropped, 3),
            "caught_up_seconds": round(self.caught_up, 3),
            "frames_left_out": self.left_out,
            "odd": dict(self._odd),
        }
        return found | {name: value for name, value in unusual.items() if value}


def _after(at: float | None, began: float) -> float | None:
    return None if at is None else round(max(0.0, at - began), 3)
