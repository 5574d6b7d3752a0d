"""What the session of a party tells, and what its call makes of it."""

from __future__ import annotations

from ivr.call.bridging import Bridging
from ivr.call.keys import Keys
from ivr.call.outcomes import broken
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.sip import (
    Answer,
    Confirmed,
    DtmfInfo,
    Ended,
    IncomingRefer,
    Info,
    InfoRefused,
    Offer,
    OfferRejected,
    ReferProgress,
    Sdp,
)

__all__ = ["Signalled"]


class Signalled(Bridging):
    """The side of a call that its session sees (the owner of a session)."""

    ended: bool
    """The session is over."""
    _keys: Keys
    _confirmed = False
    """The caller has acknowledged our answer."""
    _silent = False
    """No sound came before it did."""

    def end(self, cause: ports.Cause) -> None:
        """The call is over, or has to be."""
        raise NotImplementedError

    def _over(self, cause: ports.Cause) -> None:
        """The call is over, and its flow has nothing to say to that."""
        raise NotImplementedError

    def on_session(self, event: object) -> None:
        """An event of the party's session."""
        if self.ended:
            return
        match event:
            case DtmfInfo(digit=digit, duration=duration):
                if self.leg.policy.info:
                    self._keys.info(digit, duration)
            case Ended():
                self._session_ended(event)
            case Offer(sdp=sdp):
                self.leg.peer_offers(sdp, self.services.clock())
            case Answer(sdp=sdp):
                self._peer_answers(sdp)
            case IncomingRefer():
                self.refer_came(event)
            case ReferProgress(status=status, final=final):
                if self._forward is not None:
                    self._forward.on_refer(status, final)
            case Confirmed():
                self._confirmed = True
                if self._silent and self.leg.agreed is not None:
                    # Many callers send nothing before the call stands: what times their silence begins anew.
                    self.leg.apply(self.leg.agreed)
                if self._forward is not None:
                    self._forward.confirmed()
            case InfoRefused():
                self.leg.refuses_info()
            case Info() | OfferRejected():
                pass
        self.services.flush()

    def _peer_answers(self, sdp: Sdp) -> None:
        try:
            self.leg.answered(sdp)
        except IvrError as error:
            self.log.info("no media in common: %s", type(error).__name__)
            self.end("network")

    def _session_ended(self, event: Ended) -> None:
        if self._forward is not None and self._forward.peer_left():
            self._over("forwarded")
            return
        if event.cause == "bye" and self.waits_for_transfer():
            return
        left = event.cause in ("bye", "cancel") and not broken(event.reason)
        self.end("user_hung_up" if left else "network")
