"""A forward in progress: legs rung together or in turn, screened, then bridged with the caller; or a blind transfer.

The caller's side is seen through :class:`ForwardHost`, which the live call implements. A forward ends exactly once, by
:meth:`ForwardHost.forward_done`, or silently when the caller is gone (:meth:`Forwarding.abandon`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from ivr.call.handover import Handover
from ivr.call.hunting import hunted
from ivr.call.leg import refusal
from ivr.call.outcomes import Outcomes
from ivr.call.parties import Attempt, ForwardHost, Keeper
from ivr.call.placement import Unplaced
from ivr.call.redirects import Redirects
from ivr.call.screening import Screening
from ivr.call.services import Services
from ivr.call.sounds import RINGBACK
from ivr.call.targets import Destination
from ivr.call.transfer_rules import Peer
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.sip import (
    Answer,
    Answered,
    DtmfInfo,
    Ended,
    IncomingRefer,
    InfoRefused,
    Offer,
    OutboundSession,
    Rejected,
    Ringing,
    Sdp,
)
from media import Digit, Lost, MediaEvent, MediaTimeout, PlayDone, Stats, Tone

ANSWERED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""Reason (RFC 3326 §3.1) by which a phone that is cancelled knows that its user has missed nothing."""


class Forwarding(Handover):
    """One `forward_call`."""

    def __init__(self, services: Services, host: ForwardHost, command: ports.Forward) -> None:
        self.services = services
        self.host = host
        self.command = command
        self._attempts: list[Attempt] = []
        self._waiting: deque[Sequence[Destination]] = deque()
        """Targets not tried yet."""
        self._timer: asyncio.TimerHandle | None = None
        self.bridged: Attempt | None = None
        self._bridged_at = 0.0
        self._early: Attempt | None = None
        self._starting = False
        self._redirects = Redirects(services, host.log)
        self.over = False
        self.on_key: Callable[[str], None] = lambda key: None
        """Hears of each key of who is connected, which goes to the caller, too."""
        self.on_stats: Callable[[Stats], None] = lambda stats: None
        """Hears what has come from who is connected, when that was asked for."""
        self.is_silent: Callable[[], bool] = lambda: False
        """Asked at the media timeout of who is connected: True where he is there all the same."""
        self.broken = ""
        """Why who was connected is there no more without having hung up; empty: he has, or nothing is over."""
        self._outcomes = Outcomes()
        self._screening = Screening(services, host, command, self._connect, self._declined, self._rang_out)

    @property
    def heard(self) -> bool:
        """Whether anybody who was called has given a sign of life, or is called where it takes its time."""
        return any(
            attempt.destination.phone is None
            or (isinstance(session := attempt.leg and attempt.leg.session, OutboundSession) and session.heard)
            for attempt in self._attempts
        )

    # Start

    def start(self) -> None:
        """Try the first target, or all."""
        self._waiting = hunted(self.services, self.host, self.command, self._outcomes)
        if self.command.record_name is not None and self.command.record_ringing and self._waiting:
            self.host.record_both(self.command.record_name, self.command.id)
        if not self._waiting:
            self._finish_unanswered()
        elif self.command.mode == "refer" and self.host.answered():
            self._refer(self._waiting[0][0].uri)
        else:
            self._ring()

    def _ring(self) -> None:
        self.host.show_ringing(self.command.ringback)
        together = self.command.ring == "together"
        self._starting = True
        while self._waiting and not self.over and self.bridged is None:
            for destination in self._waiting.popleft():
                self._call(destination)
            if not together and self._live():
                break
        self._starting = False
        self._next_if_idle()

    def _next_if_idle(self) -> None:
        """Go on to the next target once nobody rings any more, or give up."""
        if self._starting or self.over or self._live():
            return
        if self._waiting:
            self._ring()
        else:
            self._finish_unanswered()

    def _call(self, destination: Destination, sent_by: Peer | None = None) -> None:
        attempt = Attempt(self, destination)
        self._attempts.append(attempt)
        attempt.arm(self.command.timeout, lambda: self._rang_out(attempt))
        try:
            attempt.leg = self.services.place_call(
                destination,
                attempt,
                showing=self.host.showing(self.command.from_),
                headers=self.command.headers,
                near=self.host.leg,
                dialler=self.host.dialler(written=destination.target not in self.command.chosen)
                if sent_by is None
                else Dialler("flow", phone=sent_by.name if sent_by.kind == "phone" else None),
            )
        except IvrError as error:
            self.host.log.warning("forward: %s", error)
            self._failed(attempt, "failed", error.sip_status, str(error))

    # What the called parties do

    def on_session(self, attempt: Attempt, event: object) -> None:
        """An event of an outgoing session."""
        if self.over or attempt.over or attempt.leg is None:
            if isinstance(event, Answered):
                event.session.hangup(self.services.clock())
            return
        match event:
            case Ringing(sdp=sdp, status=status):
                self._ringing(attempt, status, sdp)
            case Answered(sdp=sdp):
                self.services.outbound.answered(attempt)
                self._answered(attempt, sdp)
            case Rejected(status=status, reason=reason, headers=headers):
                if not self._redirected(attempt, self._redirects.follow(status, headers, attempt.peer)):
                    self._failed(attempt, attempt.refusal(status), status, reason)
            case Unplaced(status=status, reason=reason):
                self.host.log.warning("forward: %s", reason)
                self._failed(attempt, "failed", status, reason)
            case Offer(sdp=sdp):
                attempt.leg.peer_offers(sdp, self.services.clock())
            case Answer(sdp=sdp):
                self._reanswered(attempt, sdp)
            case DtmfInfo(digit=digit, duration=duration) if attempt.leg.policy.info:
                attempt.keys.info(digit, duration)
            case InfoRefused():
                attempt.leg.refuses_info()
            case IncomingRefer():
                attempt.refer_came(event)
            case Ended(cause="bye") if attempt.waits_for_transfer():
                pass
            case Ended(cause=cause):
                self._left(attempt, "" if cause in ("bye", "cancel") else f"the SIP session has ended: {cause}")

    def _redirected(self, attempt: Attempt, destinations: Sequence[Destination]) -> bool:
        """Call others instead; False where there are none."""
        if not destinations:
            return False
        attempt.close(self.services.clock())
        self._starting = True
        for destination in destinations:
            self._call(destination, attempt.peer)
        self._starting = False
        self._next_if_idle()
        return True

    def on_media(self, attempt: Attempt, event: MediaEvent) -> None:
        """An event of an outgoing leg's port."""
        if self.over or attempt.over:
            return
        match event:
            case Digit():
                attempt.keys.heard(event)
            case PlayDone() if attempt.screening:
                self._screening.played(attempt, event)
            case MediaTimeout() if self.bridged is not attempt and not attempt.screening:
                # Many send nothing before they answer; the ringing has its own limit.
                pass
            case MediaTimeout() if attempt.transfer is not None and attempt.transfer.left:
                pass
            case MediaTimeout() if self.bridged is attempt and self.is_silent():
                pass
            case Tone(kind=kind):
                self._tone(attempt, kind)
            case Stats() if self.bridged is attempt:
                self.on_stats(event)
            case MediaTimeout() | Lost():
                self._left(attempt, "the media process died" if isinstance(event, Lost) else "no sound came any more")

    def _tone(self, attempt: Attempt, kind: str) -> None:
        """An analog line behind a gateway tells by sound how a call went that SIP holds to be answered."""
        if self.bridged is attempt:
            self._left(attempt)
        elif kind == "busy":
            self._failed(attempt, "busy", 486, "busy tone")
        else:
            self._failed(attempt, "failed", 503, f"{kind} tone")

    def keyed(self, attempt: Attempt, event: ports.Event) -> None:
        """A called party pressed a key, and is not connected."""
        if isinstance(event, ports.Digit):
            self._screening.key(attempt, event)

    def pass_on(self, attempt: Attempt, key: str | None, *, sounded: bool) -> bool:
        """Whether a called party is connected; its key goes to the caller then (Keys)."""
        if self.bridged is not attempt:
            return False
        if key is not None:
            self.host.leg.pass_key(key, self.services.clock(), sounded=sounded)
            self.on_key(key)
        return True

    def lost(self, attempt: Attempt, why: str = "") -> None:
        """A leg cannot go on; `why` where nobody has wanted that."""
        if not self.over and not attempt.over:
            self._left(attempt, why)

    def _reanswered(self, attempt: Attempt, sdp: Sdp) -> None:
        """The answer to an offer that the peer asked us for."""
        assert attempt.leg is not None
        try:
            attempt.leg.answered(sdp)
        except IvrError as error:
            self.host.log.info("no media in common any more: %s", type(error).__name__)
            self._left(attempt, "no media in common any more")

    def _ringing(self, attempt: Attempt, status: int, sdp: Sdp | None) -> None:
        if not attempt.rang:
            attempt.rang = True
            self.host.forward_event(ports.ForwardRinging(self.command.id, attempt.target))
        leg = attempt.leg
        own = self.command.ringback not in (None, RINGBACK)
        if sdp is None or leg is None or own or self._early not in (None, attempt) or len(self._live()) != 1:
            return
        if self._screening.wanted:
            return
        try:
            leg.answered(sdp)
        except IvrError:
            return
        if self._early is attempt:
            return
        self._early = attempt
        self.host.early_media()
        self.host.stop_ringing()
        self.host.leg.port.bridge(leg.port)

    def _answered(self, attempt: Attempt, sdp: Sdp | None) -> None:
        leg = attempt.leg
        assert leg is not None
        try:
            if sdp is None:
                raise IvrError("the answer holds no media description")
            leg.answered(sdp)
        except IvrError as error:
            self._failed(attempt, "failed", refusal(error), str(error))
            return
        attempt.disarm()
        if not self._screening.chooses:
            self._drop_others(attempt)
        if self._screening.wanted:
            self._screening.begin(attempt)
        else:
            self._connect(attempt)

    def taken(self, attempt: Attempt) -> None:
        """Another phone took a call that rang here (a pick-up): whoever did it needs neither whisper nor key."""
        self._connect(attempt)

    def _connect(self, attempt: Attempt) -> None:
        assert attempt.leg is not None
        attempt.allow_refers()
        attempt.screening = False
        attempt.disarm()
        self._drop_others(attempt)
        self._disarm()
        self.host.stop_ringing()
        self.bridged = attempt
        self._bridged_at = self.services.clock()
        if self._early is not attempt:
            self.host.leg.port.bridge(attempt.leg.port)
        self.host.forward_event(ports.ForwardAnswered(self.command.id, attempt.target))
        if self.over:
            return
        if self.command.record_name is not None and not self.command.record_ringing:
            self.host.record_both(self.command.record_name, self.command.id)
        if self.command.max_duration is not None:
            self._arm(self.command.max_duration, lambda: self._too_long(attempt))
        if self.command.mode == "attended":
            self._join(attempt)

    def dismiss(self, why: str = "") -> None:
        """The caller wants no more of who he talks to, or, with `why`, nobody is there any more to talk to."""
        if self.bridged is not None and not self.over:
            self._left(self.bridged, why)

    def _too_long(self, attempt: Attempt) -> None:
        self._timer = None
        self._left(attempt)
        self.services.flush()

    def _left(self, attempt: Attempt, broken: str = "") -> None:
        if self.bridged is not attempt:
            self._failed(attempt, "no_answer", None, "hung up before the call was accepted")
            return
        if self._referral is not None and self._referral.accepted:
            # Its dialog with us was replaced by the caller's, or it has hung up: the caller's NOTIFY tells which.
            self._stranded = True
            return
        self.broken = broken
        self.host.leg.port.unbridge()
        outcome: ports.ForwardOutcome = "returned" if self.command.after == "return" else "forwarded"
        self._finish(ports.ForwardDone(self.command.id, outcome, attempt.target, 200, "OK", self.talked()))

    def _failed(self, attempt: Attempt, outcome: ports.ForwardOutcome, status: int | None, reason: str) -> None:
        if self._early is attempt:
            self._early = None
            self.host.leg.port.unbridge()
        attempt.close(self.services.clock())
        self._outcomes.note(outcome, attempt.target, status, reason)
        self._next_if_idle()

    def _declined(self, attempt: Attempt) -> None:
        self._failed(attempt, "declined", None, "the call was not accepted")

    def _rang_out(self, attempt: Attempt) -> None:
        if not self.over and not attempt.over:
            self._failed(attempt, "no_answer", 408, "no answer")
            self.services.flush()

    # End

    def talked(self) -> float:
        """Seconds since the caller was connected with somebody."""
        return self.services.clock() - self._bridged_at if self.bridged is not None else 0.0

    def abandon(self, reason: str | None = None) -> float:
        """The caller is gone: hang up everybody; `reason` is told to who was called. Returns the seconds talked."""
        talked = self.talked()
        self._close(reason)
        return talked

    def leave_called(self, keeper: Keeper) -> Attempt | None:
        """The caller leaves the conversation, and who was called stays on the phone with `keeper`, which closes what is
        returned. None, and nothing has changed, where nobody is connected, or somebody is being transferred."""
        attempt = self.bridged
        if self.over or attempt is None or attempt.over or attempt.transfer is not None or self._referral is not None:
            return None
        if attempt.leg is None or attempt.leg.session is None:
            return None
        self._attempts.remove(attempt)
        attempt.keeper = keeper
        attempt.leg.session.takes_refers = False
        self.host.leg.port.unbridge()
        self._close()
        return attempt

    def cancel(self) -> None:
        """The flow gives up."""
        if not self.over:
            talked = self.abandon()
            self.host.leg.port.unbridge()
            self.host.stop_ringing()
            if self.command.record_name is not None:
                self.host.stop_recording_both()
            target, outcome = ("", "failed") if self.bridged is None else (self.bridged.target, "forwarded")
            done = ports.ForwardDone(self.command.id, outcome, target, None, "cancelled", talked)  # type: ignore[arg-type]
            self.host.forward_done(done)

    def _finish_unanswered(self) -> None:
        self._finish(self._outcomes.done(self.command.id))

    def _finish(self, done: ports.ForwardDone) -> None:
        if self.over:
            return
        self._close()
        self.host.stop_ringing()
        if self.command.record_name is not None:
            self.host.stop_recording_both()
        self.host.forward_done(done)

    def _close(self, reason: str | None = None) -> None:
        self.over = True
        self._disarm()
        if self._referral is not None:
            self._referral.close()
        self._waiting.clear()
        now = self.services.clock()
        for attempt in self._attempts:
            attempt.close(now, reason)

    def _live(self) -> Sequence[Attempt]:
        return [attempt for attempt in self._attempts if not attempt.over]

    def _drop_others(self, winner: Attempt) -> None:
        self._waiting.clear()
        now = self.services.clock()
        for attempt in self._live():
            if attempt is not winner:
                attempt.close(now, ANSWERED_ELSEWHERE)

    def call_later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        """For the attempts."""
        return self.services.call_later(seconds, then)

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.services.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
