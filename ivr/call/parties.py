"""The two sides of a forward: the caller's call as the forward sees it, and each target being called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ivr.call.leg import Leg
from ivr.call.targets import Destination
from ivr.flow import ports
from media import MediaEvent, Sound

if TYPE_CHECKING:
    from ivr.call.forward import Forwarding


class ForwardHost(Protocol):
    """What a forward needs of the call it belongs to."""

    leg: Leg
    number: str
    display: str

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Puts the call's id before every line."""

    def answered(self) -> bool:
        """Whether the caller's call is answered."""

    def early_media(self) -> None:
        """Open the sound path to a caller who is not answered."""

    def show_ringing(self, prompt: ports.PromptSpec | None) -> None:
        """Let the caller hear that it rings."""

    def stop_ringing(self) -> None:
        """End what :meth:`show_ringing` began."""

    def want_sound(self, prompt: ports.PromptSpec, then: Callable[[Sound | None], None]) -> None:
        """Have a sound made; `then` gets it, or None when it cannot be made, now or later."""

    def want_address(self, host: str, port: int, then: Callable[[str | None], None]) -> None:
        """Resolve a name; `then` gets an address, or None."""

    def record_both(self, name: str) -> None:
        """Record caller and called party from now on."""

    def stop_recording_both(self) -> None:
        """End :meth:`record_both`."""

    def forward_event(self, event: ports.ForwardRinging | ports.ForwardAnswered) -> None:
        """Progress, for the flow."""

    def forward_done(self, event: ports.ForwardDone) -> None:
        """The end, for the flow."""


class Attempt:
    """One target being called."""

    def __init__(self, forwarding: Forwarding, destination: Destination) -> None:
        self.forwarding = forwarding
        self.destination = destination
        self.leg: Leg | None = None
        self.rang = False
        self.over = False
        self.screening = False
        self.wrong_keys = 0
        self.on_close: Callable[[], None] | None = None
        """Gives back what the call took of its line."""
        self.timer: asyncio.TimerHandle | None = None
        """Ends the ringing, then the wait for the accept key: each target has its own time."""

    @property
    def target(self) -> str:
        return self.destination.target

    def on_session(self, event: object) -> None:
        self.forwarding.on_session(self, event)

    def on_media(self, event: MediaEvent) -> None:
        self.forwarding.on_media(self, event)

    def fail(self) -> None:
        """An event of this leg could not be handled: it ends."""
        self.forwarding.lost(self)

    def close(self, now: float) -> None:
        """Hang up and give the port back."""
        if self.over:
            return
        self.over = True
        self.disarm()
        if self.on_close is not None:
            self.on_close()
        if self.leg is not None:
            if self.leg.session is not None:
                self.leg.session.hangup(now)
            self.leg.port.release()

    def arm(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so long, instead of what was armed."""
        self.disarm()
        self.timer = self.forwarding.call_later(seconds, then)

    def disarm(self) -> None:
        """Nothing is waited for any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
