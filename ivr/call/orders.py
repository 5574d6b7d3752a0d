"""What somebody outside asks of a live call, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ivr.flow import ports

__all__ = ["Orders"]

MAX_OPEN = 64
"""Instructions of one call that are not done: who gives more does not wait for answers."""

Done = Callable[[ports.InstructionDone], None]


class Orders:
    """Instructions of one call that are under way."""

    __slots__ = ("_feed", "_last", "_open")

    def __init__(self, feed: Callable[[ports.Event], None]) -> None:
        self._feed = feed
        self._last = 0
        self._open: dict[int, Done] = {}

    def give(self, verb: str, fields: Mapping[str, Any], done: Done) -> int:
        """Ask for something; `done` is called once, now or later, whatever happens. Its number."""
        self._last += 1
        number = self._last
        if len(self._open) >= MAX_OPEN:
            done(ports.InstructionDone(number, error="too many instructions are under way"))
            return number
        self._open[number] = done
        self._feed(ports.Instruction(number, verb, fields))
        return number

    def done(self, command: ports.InstructionDone) -> None:
        """The flow has carried one out, or says why it cannot."""
        if (done := self._open.pop(command.id, None)) is not None:
            done(command)

    def close(self) -> None:
        """The flow is over: what is left will not be done."""
        for number in list(self._open):
            self.done(ports.InstructionDone(number, error="the call is over"))
