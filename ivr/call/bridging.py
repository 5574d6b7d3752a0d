"""What a party under a flow has to do with others: whom it is bridged with, forwards and transfers of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.call.answering import Answering
from ivr.call.forward import Forwarding
from ivr.call.leg import Leg
from ivr.call.recordings import CallRecordings
from ivr.call.report import CallReport
from ivr.call.transferable import Transferable
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.lines import Showing
from media import Port, Sound

if TYPE_CHECKING:
    from ivr.call.services import Services

__all__ = ["Bridging"]


class Bridging(Transferable):
    """The side of a call that forwards see (ForwardHost)."""

    services: Services
    leg: Leg
    number: str
    """The party's."""
    display: str
    """Its name."""
    report: CallReport
    _answering: Answering
    _recordings: CallRecordings
    _forward: Forwarding | None
    _own_recording = False

    def feed(self, event: ports.Event) -> None:
        """Tell the flow."""
        raise NotImplementedError

    # Whom it hears

    def _pass_on(self, digit: str | None, sounded: bool) -> bool:
        """Whether the party is bridged; a key that the sound path does not pass on is sent there (Keys)."""
        bridged = self._bridged()
        forward = self._forward
        if bridged is not None and digit == "*" and forward is not None and forward.command.star_leaves:
            forward.dismiss()
        elif bridged is not None and digit is not None:
            bridged.pass_key(digit, self.services.clock(), sounded=sounded)
        return bridged is not None

    def _bridged(self) -> Leg | None:
        forward = self._forward
        return forward.bridged.leg if forward is not None and not forward.over and forward.bridged else None

    def connected(self, forwarding: Forwarding) -> None:
        """A desk has had somebody called for the party, and the two hear each other."""
        self._forward = forwarding

    # Transfers (Transferable)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return self.report.log

    def other_port(self) -> Port | None:
        bridged = self._bridged()
        return bridged.port if bridged is not None else None

    def moved(self, leg: Leg) -> None:
        self._answering.leg = leg

    def picked_up(self) -> None:
        """Only who is rung is picked up."""

    # Forwarding (ForwardHost)

    def answered(self) -> bool:
        return self._answering.answered

    def early_media(self) -> None:
        self._answering.early_media()

    def show_ringing(self, prompt: ports.PromptSpec | None) -> None:
        self._answering.show_ringing(prompt, self._unanswered)

    def _unanswered(self) -> bool:
        forward = self._forward
        return forward is not None and not forward.over and forward.bridged is None

    def stop_ringing(self) -> None:
        self._answering.stop_ringing()

    def want_sound(self, prompt: ports.PromptSpec, then: Callable[[Sound | None], None]) -> None:
        self._answering.want_sound(prompt, then)

    def showing(self, own: str | None) -> Showing:
        raise NotImplementedError

    def dialler(self, *, written: bool) -> Dialler:
        raise NotImplementedError

    def record_both(self, name: str, owner: int = 0) -> None:
        key = self._recordings.start_call(name, "wav", owner)
        self._own_recording = bool(key)
        if owner and key:
            self.feed(ports.CallRecorded(owner, "begun", key))

    def tell_application(self, command: ports.TellApplication) -> None:
        raise NotImplementedError

    def stop_recording_both(self) -> None:
        # A recording of the whole call goes on when the bridge is over.
        if self._own_recording:
            self._own_recording = False
            self._recordings.stop_call()

    def transfer_of(self, by: str, status: int, attended: bool) -> None:
        self.report.transferred(by, status, attended, self.services.wall())

    def forward_event(self, event: ports.ForwardRinging | ports.ForwardAnswered) -> None:
        self.feed(event)

    def forward_done(self, event: ports.ForwardDone) -> None:
        secret = self._forward is not None and self._forward.command.secret
        self.report.hand_off(event, self.services.wall(), secret)
        self.feed(event)
