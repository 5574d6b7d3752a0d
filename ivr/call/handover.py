"""The part of a forward that asks the caller's side to do it (REFER): a blind transfer, or a caller who is to take our
place beside the one called."""

from __future__ import annotations

from ivr.call.outcomes import outcome_of
from ivr.call.parties import Attempt, ForwardHost
from ivr.call.referral import Referral
from ivr.call.services import Services
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.sip import Replaces, Uri

__all__ = ["Handover"]


class Handover:
    """What :class:`~ivr.call.forward.Forwarding` does by REFER (ReferralUser)."""

    services: Services
    host: ForwardHost
    command: ports.Forward
    over: bool
    bridged: Attempt | None
    _referral: Referral | None = None
    _stranded = False
    """The called party has left while a transfer to it is under way."""

    def _ring(self) -> None:
        raise NotImplementedError

    def _left(self, attempt: Attempt) -> None:
        raise NotImplementedError

    def talked(self) -> float:
        """Seconds since the caller was connected with somebody."""
        raise NotImplementedError

    def _finish(self, done: ports.ForwardDone) -> None:
        raise NotImplementedError

    def _refer(self, to: Uri, replaces: Replaces | None = None) -> None:
        self._referral = Referral(
            self.services,
            self.host.leg,
            self,
            to,
            tuple(self.command.headers.items()),
            self.command.timeout,
            replaces,
        )
        self._referral.start()

    def confirmed(self) -> None:
        """The caller's ACK came."""
        if self._referral is not None:
            self._referral.confirmed()

    def on_refer(self, status: int, final: bool) -> None:
        """Progress of the transfer: the answer to REFER, or a NOTIFY."""
        if self._referral is not None and not self.over:
            self._referral.on_refer(status, final)

    def peer_left(self) -> bool:
        """The caller sent BYE; True where that means that the transfer was taken."""
        return self._referral is not None and not self.over and self._referral.peer_left()

    def referred(self, status: int, reason: str) -> None:
        target = self.bridged.target if self.bridged is not None else self.command.targets[0]
        self._finish(ports.ForwardDone(self.command.id, "forwarded", target, status, reason, self.talked()))

    def not_referred(self, status: int, reason: str, *, refused: bool) -> None:
        self._referral = None
        if self.bridged is not None:
            self.host.log.info("the caller is not transferred (%d): the bridge stays", status)
            if self._stranded:
                self._left(self.bridged)
        elif refused:
            self.host.log.info("the peer refuses REFER (%d): bridging", status)
            self._ring()
        else:
            target = self.command.targets[0]
            self._finish(ports.ForwardDone(self.command.id, outcome_of(status), target, status, reason))

    def _join(self, attempt: Attempt) -> None:
        """Ask the caller to take our place beside the called party, who is to hear nothing of it (RFC 3891)."""
        session = attempt.leg.session if attempt.leg is not None else None
        if session is None or session.target is None:
            return
        try:
            replaces = session.as_replaced()
        except IvrError:
            return
        self._refer(session.target, replaces)
