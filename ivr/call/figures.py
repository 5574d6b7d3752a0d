"""What a caller had to wait for, in one call: answers, sound, prompts after keys."""

from __future__ import annotations

from collections.abc import Callable

from ivr.flow import ports

__all__ = ["CallFigures"]

MAX_REACTIONS = 100
"""Of one call: more are those of a caller who plays with the keys."""


class CallFigures:
    """Times of one call, in monotonic seconds since its INVITE was handled; None for what did not happen."""

    __slots__ = ("_begun", "_clock", "_key_at", "_plays", "answered", "ended", "first_audio", "reactions")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._key_at: float | None = None
        self._plays: dict[int, float | None] = {}
        """Plays that are not over, with the key that each followed."""
        self.answered: float | None = None
        """Until the 200 was sent."""
        self.first_audio: float | None = None
        """Until the first packet of a prompt was sent."""
        self.ended: float | None = None
        """Until it was over."""
        self.reactions: list[float] = []
        """From a key, its beginning or its end, whichever was heard last, until the first packet of the prompt that the
        flow began next."""

    def take_answer(self) -> None:
        """The call is answered."""
        self.answered = self._clock() - self._begun

    def take_end(self) -> None:
        """The call is over."""
        self.ended = self._clock() - self._begun

    def take(self, event: ports.Event) -> None:
        """What the flow is told."""
        # The end of a key that a prompt has followed already is nothing to wait from.
        if isinstance(event, ports.Digit) or (isinstance(event, ports.DigitEnded) and self._key_at is not None):
            self._key_at = event.at + event.duration

    def begins(self, play_id: int) -> None:
        """The flow has the port play something."""
        self._plays[play_id] = self._key_at
        self._key_at = None

    def played(self, play_id: int, began: float | None) -> None:
        """A play is over; `began` is when its first packet was sent."""
        key_at = self._plays.pop(play_id, None)
        if began is None:
            return
        if self.first_audio is None:
            self.first_audio = max(began - self._begun, 0.0)
        if key_at is not None and len(self.reactions) < MAX_REACTIONS:
            self.reactions.append(max(began - key_at, 0.0))
