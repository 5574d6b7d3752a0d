"""From the wish to call somebody to the answer, or to the last word about it: `Dial`.

All destinations of the target ring at the same time (a phone may have several contacts), each over the hops and lines
that its placement tries; the first answer counts. It ends exactly once, by `answered` or `failed` of its host.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from ivr.call.leg import Leg, MediaPolicy, refusal
from ivr.call.outcomes import INTERNAL, UNREACHABLE, Dialled, cause_of, cause_of_error
from ivr.call.placement import Unplaced
from ivr.call.redirects import Redirects
from ivr.call.services import Services
from ivr.call.targets import Destination
from ivr.call.transfer_rules import Peer, peer_of_destination
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.lines import Showing
from ivr.sip import Answered, Ended, Offer, Rejected, Ringing, Sdp, Session
from media import Lost, MediaEvent, Tone

__all__ = ["Callee", "Outdial", "OutdialHost"]

EARLY_MEDIA = 183
"""The status that says, with a description, that there is something to be heard."""
_TONES = {"busy": "busy_tone", "congestion": "congestion_tone", "dial": "dial_tone"}
_RANK: dict[ports.DialOutcome, int] = {"busy": 0, "declined": 1, "no_answer": 2, "failed": 3}
"""Of several called, the one that tells most."""


class OutdialHost(Protocol):
    """Whose call it is."""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Puts the call's id before every line."""

    def showing(self, own: str | None) -> Showing:
        """Who calls."""

    def dialler(self, *, written: bool) -> Dialler:
        """At whose wish."""

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        """An INVITE goes out."""

    def rings(self, status: int) -> None:
        """It rings."""

    def heard(self, leg: Leg) -> None:
        """Something is heard before the answer."""

    def answered_by(self, callee: Callee, leg: Leg) -> None:
        """Somebody took the call."""

    def failed_with(self, dialled: Dialled, status: int | None, reason: str, line: str | None) -> None:
        """Nobody did."""

    def on_session(self, event: object) -> None:
        """An event of the session, after the answer."""

    def on_media(self, event: MediaEvent) -> None:
        """An event of the port, after the answer, and of recordings at any time."""

    def fail(self) -> None:
        """An event could not be handled."""


class Callee:
    """One destination being called (Placed)."""

    def __init__(self, outdial: Outdial, destination: Destination) -> None:
        self._outdial: Outdial | None = outdial
        self.destination = destination
        self.leg: Leg | None = None
        self.line: str | None = destination.line
        """Line that the call goes by, or went by last."""
        self.over = False
        self.taken = False
        """It has answered: the call has its leg."""
        self.on_close: Callable[[], None] | None = None
        """Gives back what the call took of its line."""
        self.policy: MediaPolicy | None = None
        """What its line allows, while tones are looked for that it does not ask for."""

    def on_session(self, event: object) -> None:
        if self._outdial is not None:
            self._outdial.on_session(self, event)

    def on_media(self, event: MediaEvent) -> None:
        if self._outdial is not None:
            self._outdial.on_media(self, event)

    def fail(self) -> None:
        """An event of this leg could not be handled, or its line is needed for an emergency."""
        if self._outdial is not None:
            self._outdial.lost(self)

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        self.line = line
        if self._outdial is not None:
            self._outdial.host.placed(leg, session, line)

    def give_back(self) -> None:
        """The call is over: its line has room again."""
        if self.on_close is not None:
            self.on_close()
            self.on_close = None

    def close(self, now: float) -> None:
        """Hang up and give the port back."""
        if self.over:
            return
        self.over = True
        self.give_back()
        if self.leg is not None:
            if self.leg.session is not None:
                self.leg.session.hangup(now)
            self.leg.port.release()

    def forget(self) -> None:
        """Nothing comes any more."""
        if self.leg is not None and self.leg.session is not None and self.leg.session.owner is self:
            self.leg.session.owner = None
        self._outdial = self.leg = self.on_close = None


class Outdial:
    """One `Dial`, until it is answered."""

    def __init__(self, services: Services, host: OutdialHost, command: ports.Dial) -> None:
        self._services = services
        self.host = host
        self.command = command
        self.callees: list[Callee] = []
        self.over = False
        self._starting = False
        self._heard: Callee | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._redirects = Redirects(services, host.log)
        self._best: tuple[Dialled, int | None, str, str | None] | None = None
        """What it came to so far: cause, status, reason phrase, line."""

    def start(self) -> None:
        """Call; whoever is called rings from here on for `ring_timeout`."""
        services, command = self._services, self.command
        try:
            destinations = services.directory.find(command.to, command.line, services.clock())
        except IvrError as error:
            self.host.log.info("nobody can be called: %s", error)
            self._note(cause_of_error(error), None, "", None)
            self._finish()
            return
        if not destinations:
            self._note(INTERNAL["not_registered"], None, "", None)
        self._timer = services.call_later(command.ring_timeout, self._rang_out)
        self._call(destinations[: services.settings.limits.forward_targets], None)

    def _call(self, destinations: Sequence[Destination], sent_by: Peer | None) -> None:
        self._starting = True
        for destination in destinations:
            callee = Callee(self, destination)
            self.callees.append(callee)
            if sent_by is None:
                dialler = self.host.dialler(written=not self.command.chosen)
            else:
                dialler = Dialler("flow", phone=sent_by.name if sent_by.kind == "phone" else None)
            try:
                callee.leg = self._services.place_call(
                    destination,
                    callee,
                    showing=self.host.showing(self.command.from_),
                    headers=self.command.headers,
                    near=None,
                    dialler=dialler,
                )
            except IvrError as error:
                self.host.log.info("a call is not placed: %s", error)
                self._failed(callee, cause_of_error(error), None, "")
        self._starting = False
        self._check()

    # What the called parties do

    def on_session(self, callee: Callee, event: object) -> None:
        """An event of a session of ours."""
        if callee.taken:
            self.host.on_session(event)
            return
        if self.over or callee.over or callee.leg is None:
            if isinstance(event, Answered):
                event.session.hangup(self._services.clock())
            return
        match event:
            case Ringing(status=status, sdp=sdp):
                self._ringing(callee, callee.leg, status, sdp)
            case Answered(sdp=sdp):
                self._answered(callee, callee.leg, sdp)
            case Rejected(status=status, reason=reason, headers=headers):
                found = self._redirects.follow(status, headers, peer_of_destination(callee.destination))
                if found:
                    self._heard = None if self._heard is callee else self._heard
                    callee.close(self._services.clock())
                    self._call(found, peer_of_destination(callee.destination))
                elif status == 408 and not headers:
                    self._failed(callee, UNREACHABLE, status, reason)
                else:
                    self._failed(callee, cause_of(status, headers), status, reason)
            case Unplaced(error=error):
                self.host.log.info("a call cannot be placed: %s", error)
                self._failed(callee, cause_of_error(error), None, "")
            case Offer():
                event.session.reject_offer(488, self._services.clock())
            case Ended():
                self._failed(callee, INTERNAL["hung_up"], None, "")
        self._services.flush()

    def on_media(self, callee: Callee, event: MediaEvent) -> None:
        """An event of a port of ours."""
        if callee.taken or callee.over:
            self.host.on_media(event)
            return
        match event:
            case Tone(kind=kind) if self._heard is callee:
                self._failed(callee, INTERNAL[_TONES[kind]], None, "")
                self._services.flush()
            case Lost():
                self._failed(callee, INTERNAL["no_media"], None, "")
                self._services.flush()

    def lost(self, callee: Callee) -> None:
        """A leg cannot go on."""
        if callee.taken:
            self.host.fail()
        elif not self.over and not callee.over:
            self._failed(callee, INTERNAL["error"], None, "")

    def _ringing(self, callee: Callee, leg: Leg, status: int, sdp: Sdp | None) -> None:
        heard = sdp is not None and self.command.early_media == "heard"
        if status != EARLY_MEDIA or not heard:
            self.host.rings(status)
        alone = len(self._live()) == 1 and self._heard in (None, callee)
        if sdp is None or not heard or not alone or self.over:
            return
        if callee.policy is None and not leg.policy.profile.busy_tone:
            # What the network says before the answer it may say by tones alone, whatever stands behind the line.
            callee.policy = leg.policy
            leg.policy = replace(leg.policy, profile=replace(leg.policy.profile, busy_tone=True))
        try:
            leg.answered(sdp)
        except IvrError:
            return
        if self._heard is None:
            self._heard = callee
            self.host.heard(leg)

    def _answered(self, callee: Callee, leg: Leg, sdp: Sdp | None) -> None:
        if callee.policy is not None:
            leg.policy = callee.policy
        try:
            if sdp is None:
                raise IvrError("the answer holds no media description")
            leg.answered(sdp)
        except IvrError as error:
            self._failed(callee, cause_of(refusal(error) if sdp is not None else 488), 200, "no media in common")
            return
        self._services.outbound.answered(callee)
        self._close()
        now = self._services.clock()
        for other in self._live():
            if other is not callee:
                other.close(now)
        callee.taken = True
        self.host.answered_by(callee, leg)

    # How it ends

    def _note(self, dialled: Dialled, status: int | None, reason: str, line: str | None) -> None:
        if self._best is None or _RANK[dialled.outcome] <= _RANK[self._best[0].outcome]:
            self._best = dialled, status, reason, line

    def _failed(self, callee: Callee, dialled: Dialled, status: int | None, reason: str) -> None:
        if self._heard is callee:
            self._heard = None
        callee.close(self._services.clock())
        self._note(dialled, status, reason, callee.line)
        self._check()

    def _check(self) -> None:
        if not self._starting and not self.over and not self._live():
            self._finish()

    def _rang_out(self) -> None:
        self._timer = None
        live = self._live()
        sessions = [callee.leg.session for callee in live if callee.leg is not None]
        heard = any(getattr(session, "heard", False) for session in sessions)
        line = live[0].line if live else None
        self._note(INTERNAL["no_answer"] if heard else UNREACHABLE, None, "", line)
        self._finish()
        self._services.flush()

    def cancel(self, dialled: Dialled) -> None:
        """Give up; the host is told, for it is its wish."""
        if not self.over:
            self._note(dialled, None, "", self.callees[-1].line if self.callees else None)
            self._finish()

    def abandon(self) -> None:
        """Give up; nobody is told."""
        if not self.over:
            self._close()
            self._hang_up()

    def _finish(self) -> None:
        if self.over:
            return
        self._close()
        self._hang_up()
        dialled, status, reason, line = self._best or (INTERNAL["error"], None, "", None)
        self.host.failed_with(dialled, status, reason, line)

    def _hang_up(self) -> None:
        now = self._services.clock()
        for callee in self._live():
            callee.close(now)

    def _close(self) -> None:
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _live(self) -> list[Callee]:
        return [callee for callee in self.callees if not callee.over]

    def forget(self) -> None:
        """The call is over, and nothing of it comes any more: its parts let go of each other."""
        for callee in self.callees:
            callee.forget()
