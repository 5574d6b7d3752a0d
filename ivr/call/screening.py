"""Whether a called party that has answered takes the call: keys that it is sent, the whisper or document that it hears
first, the key it must press."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.keys import send_keys, sending_takes
from ivr.call.parties import Attempt, ForwardHost
from ivr.call.screened import Screened
from ivr.call.services import Services
from ivr.flow import ports
from media import PlayDone, Sound

__all__ = ["Screening"]

ACCEPT_WAIT = 15.0
"""Seconds the called party has for the accept key after the whisper: long enough to find the key pad."""
DOCUMENT_WAIT = 120.0
"""Seconds that a document of the called party may take: a caller who hears it ring is not there for longer."""
WRONG_KEYS = 10
"""Wrong keys of a called party before the call is held to be refused."""


class Screening:
    """That of one forward."""

    __slots__ = ("_command", "_host", "_key", "_rang_out", "_refused", "_services", "_taken", "_whisper")

    def __init__(
        self,
        services: Services,
        host: ForwardHost,
        command: ports.Forward,
        taken: Callable[[Attempt], None],
        refused: Callable[[Attempt], None],
        rang_out: Callable[[Attempt], None],
    ) -> None:
        self._services = services
        self._host = host
        self._command = command
        self._whisper = command.whisper
        self._key = command.accept_key
        self._taken = taken
        self._refused = refused
        self._rang_out = rang_out

    @property
    def wanted(self) -> bool:
        """Whether there is anything between the answer and the bridge."""
        command = self._command
        return self._whisper is not None or self._key is not None or bool(command.keys) or bool(command.screens)

    @property
    def chooses(self) -> bool:
        """Whether several may answer, and the one that presses the key is connected."""
        return self._key is not None

    def begin(self, attempt: Attempt) -> None:
        """It has answered."""
        attempt.screening = True
        keys = self._command.keys.get(attempt.target)
        if keys:
            send_keys(self._services, keys, lambda: None if attempt.over else attempt.leg)
            attempt.arm(sending_takes(keys), lambda: self._greet(attempt))
        else:
            self._greet(attempt)

    def _greet(self, attempt: Attempt) -> None:
        screen = self._command.screens.get(attempt.target)
        if screen is not None and attempt.leg is not None:
            attempt.arm(DOCUMENT_WAIT, lambda: self._rang_out(attempt))
            attempt.screened = Screened(
                self._services,
                self._host,
                attempt.leg,
                screen,
                lambda: self._taken(attempt),
                lambda: self._refused(attempt),
            )
            attempt.screened.begin()
        elif self._whisper is None:
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

    def played(self, attempt: Attempt, event: PlayDone) -> None:
        """What it heard is over."""
        if attempt.screened is not None:
            attempt.screened.played(event)
        else:
            self.whispered(attempt)

    def whispered(self, attempt: Attempt) -> None:
        """It has heard the whisper."""
        if self._key is None:
            self._taken(attempt)
        else:
            attempt.arm(ACCEPT_WAIT, lambda: self._rang_out(attempt))

    def key(self, attempt: Attempt, event: ports.Digit) -> None:
        """It has pressed a key."""
        if attempt.screened is not None:
            attempt.screened.feed(event)
            return
        if not attempt.screening or self._key is None:
            return
        if event.digit == self._key:
            if attempt.leg is not None:
                attempt.leg.port.stop_play()
            self._taken(attempt)
            return
        attempt.wrong_keys += 1
        if attempt.wrong_keys >= WRONG_KEYS:
            self._refused(attempt)
