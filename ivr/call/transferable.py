"""One party of a call whose place somebody else may take: by a REFER of its own, or by an INVITE that replaces it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.call.leg import Leg
from ivr.call.transfer import Transfer
from ivr.call.transfer_rules import Peer, peer_of_destination
from ivr.errors import IvrError, OverloadedError
from ivr.sip import IncomingCall, IncomingRefer, SessionState
from media import Port

if TYPE_CHECKING:
    from ivr.call.services import Services
    from ivr.call.targets import Destination

__all__ = ["Transferable"]

MAX_TRANSFERS = 10
"""Times that the place of one party may change hands: more are two phones that send a caller back and forth."""


class Transferable:
    """A leg that may change hands. The one who has it says what hangs on it."""

    services: Services
    leg: Leg | None
    peer: Peer
    transfer: Transfer | None = None
    """A REFER under way."""
    _transfers = 0
    _given_back: Callable[[], None] | None = None

    # What the call says of itself

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Puts the call's id before every line."""
        raise NotImplementedError

    def shown(self) -> tuple[str, str]:
        """Number and name of who is at the other end: whom a third party is told that it talks to."""
        raise NotImplementedError

    def other_port(self) -> Port | None:
        """Who hears this party; None where that is a flow."""
        raise NotImplementedError

    def moved(self, leg: Leg) -> None:
        """Another party has this place from now on."""
        raise NotImplementedError

    def stranded(self) -> None:
        """The party has left, and nobody took its place."""
        raise NotImplementedError

    def transfer_noted(self, status: int, attended: bool) -> None:
        """A transfer came to its end, for the record."""
        raise NotImplementedError

    # REFER

    def allow_refers(self) -> None:
        """Have REFERs of this party come, where they are taken of it."""
        if self.leg is not None and self.leg.session is not None:
            self.leg.session.takes_refers = self.services.transfers.takes(self.peer)

    def refer_came(self, event: IncomingRefer) -> None:
        """The party asks that somebody else takes its place."""
        now, session = self.services.clock(), event.session
        try:
            if self._transfers >= MAX_TRANSFERS:
                raise OverloadedError("this call was transferred too often")
            destinations = self.services.transfers.find(event.target, self.peer, now)
        except IvrError as error:
            self.log.info("a transfer is refused: %s", error)
            session.reject_refer(error.sip_status, now)
            return
        if not destinations:
            session.reject_refer(480, now)
            return
        self.transfer = Transfer(self.services, self, event.target, destinations)
        self.transfer.start()

    def waits_for_transfer(self) -> bool:
        """The party has hung up: whether its place is kept until its transfer is decided."""
        if self.transfer is None or self.transfer.over:
            return False
        self.transfer.referrer_left()
        return True

    def taken_over(self, leg: Leg, destination: Destination, on_close: Callable[[], None] | None) -> None:
        """Whom the party named has answered (TransferHost)."""
        attended = self.transfer is not None and self.transfer.attended
        self._take(leg, peer_of_destination(destination), on_close)
        self.transfer_noted(200, attended)

    def not_transferred(self, status: int) -> None:
        """Nobody took over (TransferHost)."""
        transfer, self.transfer = self.transfer, None
        if transfer is not None:
            self.transfer_noted(status, transfer.attended)
            if transfer.left:
                self.stranded()

    # Replaces

    def replace(self, event: IncomingCall, peer: Peer, on_close: Callable[[], None] | None) -> None:
        """A new call takes the place of this party (RFC 3891). Raises IvrError, and nothing has changed then, where it
        cannot be."""
        old = self.leg
        assert old is not None and old.session is not None
        now, session = self.services.clock(), event.session
        line = peer.name if peer.kind == "line" else None
        leg = self.services.leg_on(old.port, session, event.flow.remote[0], line)
        offer = session.remote_sdp
        description = leg.offer() if offer is None else leg.answer(offer)
        session.answer(description, now)
        replaced = old.session
        early = replaced.state is SessionState.EARLY
        self._take(leg, peer, on_close)
        replaced.hangup(now)
        if early:
            self.picked_up()

    def picked_up(self) -> None:
        """The new call has answered for a party that was still being rung."""
        raise NotImplementedError

    def _take(self, leg: Leg, peer: Peer, on_close: Callable[[], None] | None) -> None:
        self.leg, self.peer, self.transfer = leg, peer, None
        self.services.occupied.begin(self, peer.name if peer.kind == "phone" else None)
        assert leg.session is not None
        leg.session.owner = self
        self._transfers += 1
        self.give_back()
        self._given_back = on_close
        self.allow_refers()
        self.moved(leg)

    @property
    def replaced_by(self) -> Peer | None:
        """Who has taken the place of whom was called; None: nobody has."""
        return self.peer if self._transfers else None

    def give_back(self) -> None:
        """Give back what a party that took this place took of its line."""
        if self._given_back is not None:
            self._given_back()
            self._given_back = None

    def close_transfer(self) -> None:
        """The call is over."""
        if self.transfer is not None:
            self.transfer.abandon()
            self.transfer = None
        self.give_back()
