"""What a flow has begun and not ended: the commands whose end is awaited, and what stops them.

Elements end what they began when they come to their end by themselves, or with the call. Who takes a call away from an
element in the middle of it asks here what is left to be stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ivr.flow.ports import (
    AiAgentDone,
    ApplicationDone,
    CancelForward,
    Command,
    Event,
    Forward,
    ForwardDone,
    JoinQueue,
    LeaveQueue,
    OfferApplication,
    Play,
    PlayDone,
    QueueDone,
    Record,
    RecordDone,
    StartAiAgent,
    StopAiAgent,
    StopApplication,
    StopPlay,
    StopRecord,
)

__all__ = ["UnderWay"]

KEPT = 64
"""Commands whose end is awaited; an element has a handful, and ends that were lost must not fill memory."""

STOPS: dict[type[Any], Callable[[int], Command]] = {
    Play: StopPlay,
    Record: StopRecord,
    Forward: CancelForward,
    JoinQueue: lambda number: LeaveQueue(number, "cancelled"),
    StartAiAgent: StopAiAgent,
    OfferApplication: StopApplication,
}
"""What begins something, and what stops it."""

ENDS = (
    StopPlay,
    StopRecord,
    CancelForward,
    StopAiAgent,
    StopApplication,
    PlayDone,
    RecordDone,
    ForwardDone,
    QueueDone,
    AiAgentDone,
    ApplicationDone,
)
"""After these there is nothing left to stop."""


class UnderWay:
    """The commands of one flow whose end is awaited."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, Command] = {}

    def take(self, what: Command | Event) -> None:
        """Take note of a command that is given, or of an event that came; to be told of one twice does no harm."""
        kind = type(what)
        if kind in STOPS:
            if len(self._open) >= KEPT:
                del self._open[next(iter(self._open))]
            self._open[what.id] = what  # type: ignore[union-attr, assignment]
        elif kind in ENDS or (type(what) is LeaveQueue and what.reason == "cancelled"):
            self._open.pop(what.id, None)  # type: ignore[union-attr]

    def stops(self, given: Iterable[Command], kinds: tuple[type[Any], ...] = ()) -> list[Command]:
        """What stops all of it, or what is of these kinds; `given` are commands that are not carried out yet."""
        for command in given:
            self.take(command)
        return [
            STOPS[type(command)](number)
            for number, command in self._open.items()
            if not kinds or type(command) in kinds
        ]

    def running(self, kind: type[Any], given: Iterable[Command]) -> int | None:
        """Id of the newest command of a kind that is under way; None: there is none."""
        for command in given:
            self.take(command)
        return next((number for number, command in reversed(self._open.items()) if type(command) is kind), None)
