"""The two sides of a forward: the caller's call as the forward sees it, and each target being called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ivr.call.keys import Keys
from ivr.call.leg import Leg
from ivr.call.outcomes import outcome_of
from ivr.call.targets import Destination
from ivr.call.transfer_rules import peer_of_destination
from ivr.call.transferable import Transferable
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.lines import Showing
from ivr.sip import Session
from media import MediaEvent, Port, Sound

if TYPE_CHECKING:
    from ivr.call.forward import Forwarding
    from ivr.call.screened import Screened


BUSY_HERE = 486


class ForwardHost(Protocol):
    """What a forward needs of the call it belongs to."""

    @property
    def leg(self) -> Leg:
        """The caller's."""

    @property
    def number(self) -> str:
        """The caller's."""

    @property
    def display(self) -> str:
        """The caller's name."""

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

    def showing(self, own: str | None) -> Showing:
        """Who calls, as the one called is told; `own` is the caller id that the flow wants."""

    def dialler(self, *, written: bool) -> Dialler:
        """At whose wish somebody is called whom the flow names, or whom it put together of what the call brought."""

    def record_both(self, name: str, owner: int = 0) -> None:
        """Record caller and called party from now on; `owner` is the flow's id of who wants to hear of it."""

    def tell_application(self, command: ports.TellApplication) -> None:
        """Tell an application of something in this call."""

    def stop_recording_both(self) -> None:
        """End :meth:`record_both`."""

    def transfer_of(self, by: str, status: int, attended: bool) -> None:
        """A transfer that `by` (caller, called) asked for came to its end."""

    def forward_event(self, event: ports.ForwardRinging | ports.ForwardAnswered) -> None:
        """Progress, for the flow. The two hear each other when the answer is told."""

    def forward_done(self, event: ports.ForwardDone) -> None:
        """The end, for the flow."""


class Placed(Protocol):
    """Who a call was placed for."""

    on_close: Callable[[], None] | None
    """Gives back what the call took of its line."""

    def on_session(self, event: object) -> None:
        """An event of its session."""

    def on_media(self, event: MediaEvent) -> None:
        """An event of its port."""

    def fail(self) -> None:
        """An event could not be handled."""

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        """An INVITE goes out by a line (None: to a phone, a plain address): the first, or one to the next hop. Told
        only where it is no other leg's call."""


class Keeper(Protocol):
    """Who keeps somebody who was called on the phone when the caller has left."""

    def on_session(self, event: object) -> None:
        """An event of the session."""

    def on_media(self, event: MediaEvent) -> None:
        """An event of the port."""

    def lost(self) -> None:
        """The leg cannot go on."""


class Attempt(Transferable):
    """One target being called."""

    def __init__(self, forwarding: Forwarding, destination: Destination) -> None:
        self.forwarding = forwarding
        self.services = forwarding.services
        self.destination = destination
        self.peer = peer_of_destination(destination)
        self.leg: Leg | None = None
        self.keys = Keys(
            forwarding.services.clock,
            lambda event: forwarding.keyed(self, event),
            lambda key, sounded: forwarding.pass_on(self, key, sounded=sounded),
        )
        self.rang = False
        self.over = False
        self.screening = False
        self.screened: Screened | None = None
        """The document that it hears before it is connected."""
        self.wrong_keys = 0
        self.keeper: Keeper | None = None
        """Has the leg when the forward is over; closes the attempt."""
        self.on_close: Callable[[], None] | None = None
        """Gives back what the call took of its line."""
        self.timer: asyncio.TimerHandle | None = None
        """Ends the ringing, then the wait for the accept key: each target has its own time."""

    @property
    def target(self) -> str:
        return self.destination.target

    def on_session(self, event: object) -> None:
        if self.keeper is None:
            self.forwarding.on_session(self, event)
        else:
            self.keeper.on_session(event)

    def on_media(self, event: MediaEvent) -> None:
        if self.keeper is None:
            self.forwarding.on_media(self, event)
        else:
            self.keeper.on_media(event)

    def fail(self) -> None:
        """An event of this leg could not be handled: it ends."""
        if self.keeper is None:
            self.forwarding.lost(self, "an event of its call could not be handled")
        else:
            self.keeper.lost()

    def refusal(self, status: int) -> ports.ForwardOutcome:
        """What a final answer says. A phone of an agent that has rung is not busy: many answer 486 where its user has
        declined the call."""
        if status == BUSY_HERE and self.rang and self.destination.agent and self.destination.phone:
            return "declined"
        return outcome_of(status)

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        """The caller's leg is known: nobody has to be told."""

    def close(self, now: float, reason: str | None = None) -> None:
        """Hang up and give the port back; `reason` is the value of a Reason header."""
        if self.over:
            return
        self.over = True
        self.disarm()
        self.close_transfer()
        if self.screened is not None:
            self.screened.leave()
        if self.on_close is not None:
            self.on_close()
        if self.leg is not None:
            if self.leg.session is not None:
                self.leg.session.hangup(now, reason)
            self.leg.port.release()

    # Transferable

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return self.forwarding.host.log

    def shown(self) -> tuple[str, str]:
        return self.forwarding.host.number, self.forwarding.host.display

    def other_port(self) -> Port | None:
        return self.forwarding.host.leg.port

    def moved(self, leg: Leg) -> None:
        """The bridge is one of ports: nothing changes for it."""

    def stranded(self) -> None:
        self.forwarding.lost(self)

    def transfer_noted(self, status: int, attended: bool) -> None:
        self.forwarding.host.transfer_of("called", status, attended)

    def picked_up(self) -> None:
        self.forwarding.taken(self)

    def arm(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so long, instead of what was armed."""
        self.disarm()
        self.timer = self.forwarding.call_later(seconds, then)

    def disarm(self) -> None:
        """Nothing is waited for any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
