"""A transfer that a peer asked for (REFER): whoever it names is called, and takes the place of the one who asked.

The new party gets the old one's port: its INVITE offers it, and the answer points it to the new party. What sounds,
records or is bridged there goes on as if nothing had happened, be it a flow or another party.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from ivr.call.leg import Leg
from ivr.call.placement import Unplaced
from ivr.call.services import Services
from ivr.call.sounds import RINGBACK
from ivr.call.targets import Destination
from ivr.call.transfer_rules import OURSELVES, Peer
from ivr.errors import IvrError
from ivr.guard import Dialler
from ivr.lines import Showing
from ivr.sip import Answered, Ended, Offer, Rejected, Ringing, Session
from ivr.sip.refer import ReferTarget
from media import MediaEvent, Port

__all__ = ["Leaving", "Transfer", "TransferHost"]

RING_TIME = 60.0
"""Seconds that whoever is to take over may be rung."""
LEAVE_WAIT = 2.0
"""Seconds that the one who has transferred has to hang up by itself: phones do so when they hear that it worked."""


class TransferHost(Protocol):
    """The party that asked, as its call has it."""

    peer: Peer
    """Who it is."""

    @property
    def leg(self) -> Leg | None:
        """Its leg; there is one while it is in a call."""

    def shown(self) -> tuple[str, str]:
        """Number and name that the one called is shown: the other party's."""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Puts the call's id before every line."""

    def other_port(self) -> Port | None:
        """Who hears the one that asked; None where that is a flow."""

    def taken_over(self, leg: Leg, destination: Destination, on_close: Callable[[], None] | None) -> None:
        """The new party has answered: `leg`, on the same port, is the party's from now on."""

    def not_transferred(self, status: int) -> None:
        """Nobody took over."""


class Leaving:
    """Owns a session whose place was taken, until it is hung up."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services = services
        self._session = session
        session.owner = self
        session.takes_refers = False
        self._timer = services.call_later(LEAVE_WAIT, self._hang_up)

    def _hang_up(self) -> None:
        self._session.hangup(self._services.clock())
        self._services.flush()

    def on_session(self, event: object) -> None:
        match event:
            case Offer():
                event.session.reject_offer(488, self._services.clock())
            case Ended():
                self._timer.cancel()

    def fail(self) -> None:
        """An event could not be handled."""
        self._timer.cancel()
        self._hang_up()


class _Try:
    """One destination being rung."""

    def __init__(self, transfer: Transfer, destination: Destination) -> None:
        self._transfer = transfer
        self.destination = destination
        self.leg: Leg | None = None
        self.over = False
        self.on_close: Callable[[], None] | None = None

    def on_session(self, event: object) -> None:
        self._transfer.on_session(self, event)

    def on_media(self, event: MediaEvent) -> None:
        """The port is another's."""

    def fail(self) -> None:
        """An event of this leg could not be handled."""
        self._transfer.lost(self)

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        """The leg of who asked is known: nobody has to be told."""

    def close(self, now: float) -> None:
        """Hang up."""
        if self.over:
            return
        self.over = True
        if self.on_close is not None:
            self.on_close()
        if self.leg is not None and self.leg.session is not None:
            self.leg.session.hangup(now)


class Transfer:
    """One REFER, from the answer to it to the last word about it."""

    def __init__(
        self, services: Services, host: TransferHost, target: ReferTarget, destinations: Sequence[Destination]
    ) -> None:
        leg = host.leg
        assert leg is not None and leg.session is not None
        self._services = services
        self._host = host
        self._leg = leg
        self._dialler = Dialler("flow", phone=host.peer.name if host.peer.kind == "phone" else None)
        self._session: Session = leg.session
        self._target = target
        self._tries = [_Try(self, destination) for destination in destinations]
        self._timer: asyncio.TimerHandle | None = None
        self._ringing: tuple[Port, int] | None = None
        self._status = 480
        self.over = False
        self.attended = target.replaces is not None
        """The one called is in a call with the one who asked."""
        self.left = False
        """The one who asked has hung up already."""

    def start(self) -> None:
        """Say yes, and call."""
        now = self._services.clock()
        self._session.accept_refer(now)
        self._timer = self._services.call_later(RING_TIME, self._rang_out)
        for one in list(self._tries):
            self._invite(one)
        self._check()

    def _invite(self, one: _Try) -> None:
        headers = dict(self._target.headers)
        if self._target.referred_by is not None:
            headers["Referred-By"] = self._target.referred_by
        number, display = self._host.shown()
        try:
            one.leg = self._services.place_call(
                one.destination,
                one,
                showing=Showing(number=number, display=display, withheld=not number),
                headers=headers,
                near=self._leg,
                dialler=self._dialler,
                port=self._leg.port,
                replaces=self._target.replaces,
            )
            if one.destination.target == OURSELVES:
                assert one.leg.session is not None
                self._services.loops.add(one.leg.session.call_id)
        except IvrError as error:
            self._host.log.warning("transfer: %s", error)
            self._failed(one, error.sip_status)

    # What the ones called do

    def on_session(self, one: _Try, event: object) -> None:
        """An event of an outgoing session."""
        if self.over or one.over or one.leg is None:
            if isinstance(event, Answered):
                event.session.hangup(self._services.clock())
            return
        match event:
            case Ringing(status=status):
                self._session.notify_refer(status, self._services.clock())
                if self.left:
                    self._let_hear_ringing()
            case Answered(sdp=sdp):
                try:
                    if sdp is None:
                        raise IvrError("the answer holds no media description")
                    one.leg.answered(sdp)
                except IvrError:
                    self._failed(one, 488)
                    return
                self._services.outbound.answered(one)
                self._answered(one, one.leg)
            case Rejected(status=status) | Unplaced(status=status):
                self._failed(one, status)
            case Offer():
                event.session.reject_offer(488, self._services.clock())
            case Ended():
                self._failed(one, 480)

    def lost(self, one: _Try) -> None:
        """A leg cannot go on."""
        if not self.over and not one.over:
            self._failed(one, 500)

    def _answered(self, one: _Try, leg: Leg) -> None:
        now = self._services.clock()
        one.over = True
        self._close(now)
        self._session.notify_refer(200, now)
        if not self._session.ended:
            Leaving(self._services, self._session)
        self._host.taken_over(leg, one.destination, one.on_close)

    def _failed(self, one: _Try, status: int) -> None:
        self._status = status
        one.close(self._services.clock())
        self._check()

    def _check(self) -> None:
        """Give up once nobody rings any more."""
        if self.over or any(not one.over for one in self._tries):
            return
        now = self._services.clock()
        self._close(now)
        self._session.notify_refer(max(self._status, 300), now)
        self._host.not_transferred(self._status)

    def _rang_out(self) -> None:
        self._timer = None
        for one in self._tries:
            if not one.over:
                self._failed(one, 408)
        self._services.flush()

    # The one who asked

    def referrer_left(self) -> None:
        """He hung up before anybody answered: the other party hears that it rings."""
        self.left = True
        self._let_hear_ringing()

    def _let_hear_ringing(self) -> None:
        port = self._host.other_port()
        sound = self._services.sounds.ready(RINGBACK)
        if port is not None and sound is not None and self._ringing is None:
            self._ringing = (port, port.play([sound], loop=0))

    def abandon(self) -> None:
        """The call is over: nobody is to be connected any more."""
        if not self.over:
            now = self._services.clock()
            self._close(now)
            self._session.notify_refer(487, now)

    def _close(self, now: float) -> None:
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ringing is not None:
            port, play = self._ringing
            self._ringing = None
            port.stop_play(play)
        for one in self._tries:
            one.close(now)
            if one.leg is not None and one.leg.session is not None:
                self._services.loops.discard(one.leg.session.call_id)
