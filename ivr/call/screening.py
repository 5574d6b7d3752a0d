"""Whether a called party that has answered takes the call: the whisper it hears first, the key it must press."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.parties import Attempt, ForwardHost
from ivr.flow import ports
from media import Sound

__all__ = ["Screening"]

ACCEPT_WAIT = 15.0
"""Seconds the called party has for the accept key after the whisper: long enough to find the key pad."""
WRONG_KEYS = 10
"""Wrong keys of a called party before the call is held to be refused."""


class Screening:
    """That of one forward."""

    __slots__ = ("_host", "_key", "_rang_out", "_refused", "_taken", "_whisper")

    def __init__(
        self,
        host: ForwardHost,
        command: ports.Forward,
        taken: Callable[[Attempt], None],
        refused: Callable[[Attempt], None],
        rang_out: Callable[[Attempt], None],
    ) -> None:
        self._host = host
        self._whisper = command.whisper
        self._key = command.accept_key
        self._taken = taken
        self._refused = refused
        self._rang_out = rang_out

    @property
    def wanted(self) -> bool:
        """Whether there is anything between the answer and the bridge."""
        return self._whisper is not None or self._key is not None

    @property
    def chooses(self) -> bool:
        """Whether several may answer, and the one that presses the key is connected."""
        return self._key is not None

    def begin(self, attempt: Attempt) -> None:
        """It has answered."""
        attempt.screening = True
        if self._whisper is None:
            self.whispered(attempt)
        else:
            self._host.want_sound(self._whisper, lambda sound: self._say(attempt, sound))

    def _say(self, attempt: Attempt, sound: Sound | None) -> None:
        if attempt.forwarding.over or attempt.over or attempt.leg is None:
            return
        if sound is None:
            self.whispered(attempt)
        else:
            attempt.leg.port.play([sound])

    def whispered(self, attempt: Attempt) -> None:
        """It has heard the whisper."""
        if self._key is None:
            self._taken(attempt)
        else:
            attempt.arm(ACCEPT_WAIT, lambda: self._rang_out(attempt))

    def key(self, attempt: Attempt, digit: str) -> None:
        """It has pressed a key."""
        if not attempt.screening or self._key is None:
            return
        if digit == self._key:
            if attempt.leg is not None:
                attempt.leg.port.stop_play()
            self._taken(attempt)
            return
        attempt.wrong_keys += 1
        if attempt.wrong_keys >= WRONG_KEYS:
            self._refused(attempt)
