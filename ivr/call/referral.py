"""Our REFER to a caller (RFC 3515): he is to call somebody himself, or to take our place beside the one he talks to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from ivr.call.leg import Leg
from ivr.call.services import Services
from ivr.errors import IvrError
from ivr.sip import Replaces, SessionState, Uri
from ivr.sip.message import Header

__all__ = ["Referral", "ReferralUser"]

REFER_WAIT = 15.0
"""Seconds from 202 to the first NOTIFY that tells something; then the transfer is held to be lost. As long for the
answer to REFER: a peer that does not know it may say nothing."""


class ReferralUser(Protocol):
    """Who wants the caller transferred."""

    def referred(self, status: int, reason: str) -> None:
        """The caller talks to the other one, without us."""

    def not_referred(self, status: int, reason: str, *, refused: bool) -> None:
        """It did not come to that; `refused`: the caller's side would not even try."""


class _State(Enum):
    WAITING = "waiting"
    """For the caller's ACK."""
    SENT = "sent"
    ACCEPTED = "accepted"
    OVER = "over"


class Referral:
    """One REFER, until it is known what became of it."""

    def __init__(
        self,
        services: Services,
        leg: Leg,
        user: ReferralUser,
        to: Uri,
        headers: tuple[Header, ...],
        ring_time: float,
        replaces: Replaces | None = None,
    ) -> None:
        """`leg` is the caller's; `headers` are what he is to send along; `replaces` names the call whose place he is to
        take."""
        self._services = services
        self._leg = leg
        self._user = user
        self._to = to
        self._headers = headers
        self._ring_time = ring_time
        self._replaces = replaces
        self._state = _State.WAITING
        self._timer: asyncio.TimerHandle | None = None

    @property
    def accepted(self) -> bool:
        """The caller's side said that it would try, and it is not decided yet."""
        return self._state is _State.ACCEPTED

    def start(self) -> None:
        """Send it, at once or when the caller's dialog stands."""
        self._arm(REFER_WAIT)
        session = self._leg.session
        if session is not None and session.state is SessionState.CONFIRMED:
            self._send()

    def confirmed(self) -> None:
        """The caller's ACK came: within a dialog that stands, a REFER may be sent."""
        if self._state is _State.WAITING:
            self._send()

    def _send(self) -> None:
        session = self._leg.session
        assert session is not None
        self._state = _State.SENT
        try:
            session.refer(self._to, self._services.clock(), replaces=self._replaces, headers=self._headers)
        except IvrError as error:
            status, reason = error.sip_status, str(error)
            self._over(lambda: self._user.not_referred(status, reason, refused=True))

    def on_refer(self, status: int, final: bool) -> None:
        """The answer to REFER, or a NOTIFY."""
        if self._state not in (_State.SENT, _State.ACCEPTED):
            return
        if 200 <= status < 300 and not final:
            self._state = _State.ACCEPTED
            self._arm(REFER_WAIT)
        elif not final:
            # A NOTIFY may overtake the 202.
            self._state = _State.ACCEPTED
            self._arm(self._ring_time + REFER_WAIT)
        elif 200 <= status < 300:
            self._over(lambda: self._user.referred(status, "OK"))
        else:
            refused = self._state is _State.SENT
            self._over(lambda: self._user.not_referred(status, "transfer", refused=refused))

    def peer_left(self) -> bool:
        """The caller sent BYE; True where that means that the transfer was taken (202, then BYE)."""
        if self._state is not _State.ACCEPTED:
            return False
        self._over(lambda: self._user.referred(202, "BYE"))
        return True

    def _lost(self) -> None:
        self._timer = None
        refused = self._state is not _State.ACCEPTED
        self._over(lambda: self._user.not_referred(408, "no word of the transfer", refused=refused))
        self._services.flush()

    def _over(self, then: Callable[[], None]) -> None:
        self.close()
        then()

    def close(self) -> None:
        """Nothing of it matters any more."""
        self._state = _State.OVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._services.call_later(seconds, self._lost)
