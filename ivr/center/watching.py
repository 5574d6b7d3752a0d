"""Whether the agent's phone is still there while he talks: a softphone that was killed sends no BYE.

Two signs are needed. No RTP has come from the phone for some seconds although it may send, and the phone does not
answer an OPTIONS then that it has answered before. An agent who is muted, on hold, or silent behind a phone that sends
no packets in pauses is asked, answers, and talks on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from ivr.sip import OutboundSession

if TYPE_CHECKING:
    from ivr.call.forward import Forwarding
    from ivr.call.services import Services
    from ivr.call.targets import Destination
    from media import Stats

__all__ = ["AnswerState", "TalkWatch"]

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the packets that have come."""
SILENCE: Final = 3.0
"""Seconds without a packet after which the phone is asked: three looks in a row, far more than networks hold packets
back, and callers who hear nothing for as long begin to say hello."""
PHONE_ANSWERS: Final = 2.5
"""Seconds for the answer: three datagrams have been sent by then."""
ASK_AGAIN: Final = 10.0
"""Seconds until a silent phone that has answered is asked again."""


class AnswerState(Protocol):
    """What is known of phones (:class:`ivr.center.reach.Reach`)."""

    def ask(self, destination: Destination) -> None:
        """Ask a phone at once whether it is there."""

    def answered_since(self, destination: Destination, at: float) -> bool | None:
        """Whether it has answered a question since then; None: it never does, or is not registered there any more."""


class TalkWatch:
    """Watches one conversation until it is over."""

    def __init__(
        self, services: Services, forwarding: Forwarding, phones: AnswerState, lost: Callable[[str], None]
    ) -> None:
        """`lost` is told, once, why the agent's phone is thought to be gone."""
        self._services = services
        self._forwarding = forwarding
        self._phones = phones
        self._lost = lost
        self._packets = -1
        self._silent_since: float | None = None
        self._asked_at: float | None = None
        self._ask_from = 0.0
        attempt = forwarding.bridged
        if attempt is None or attempt.destination.phone is None or attempt.leg is None:
            return  # behind a line: the media timeout tells
        self._attempt = attempt
        self._leg = attempt.leg
        forwarding.on_stats = self._counted
        forwarding.is_silent = self._is_there
        self._look()

    @property
    def _over(self) -> bool:
        return self._forwarding.over or self._forwarding.bridged is not self._attempt

    def _look(self) -> None:
        if self._over:
            return
        self._leg.port.request_stats()
        self._services.call_later(LOOK_EVERY, self._look)

    def _counted(self, stats: Stats) -> None:
        """So many packets have come."""
        now = self._services.clock()
        agreed = self._leg.agreed
        may_send = agreed is not None and agreed.receive and self._attempt.transfer is None
        if stats.packets_in != self._packets or not may_send:
            self._packets, self._silent_since, self._asked_at = stats.packets_in, None, None
            return
        if self._silent_since is None:
            self._silent_since = now - LOOK_EVERY
        if self._asked_at is not None:
            self._judge(now)
        elif now - self._silent_since >= SILENCE and now >= self._ask_from:
            self._asked_at = now
            self._phones.ask(self._attempt.destination)

    def _judge(self, now: float) -> None:
        assert self._asked_at is not None
        answered = self._phones.answered_since(self._attempt.destination, self._asked_at)
        if answered is False and now - self._asked_at < PHONE_ANSWERS:
            return
        self._asked_at, self._ask_from = None, now + ASK_AGAIN
        if answered is False:
            self._lost("the phone sends no sound and does not answer")
            self._services.flush()

    def _is_there(self) -> bool:
        """Nothing has come for the media timeout. A phone that answers is asked by a re-INVITE whether it knows of the
        call: one that was started anew meanwhile does not (481), which ends it."""
        now = self._services.clock()
        session = self._leg.session
        if not self._phones.answered_since(self._attempt.destination, now - ASK_AGAIN - PHONE_ANSWERS - LOOK_EVERY):
            return False
        if isinstance(session, OutboundSession):
            session.reinvite(self._leg.offer(), now)
        return True
