"""One call of an endpoint: a leg with a device at its sound, and what can be done with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from ivr.call.leg import Leg, refusal
from ivr.endpoint.errors import EndpointError
from ivr.endpoint.events import (
    Answered,
    CallEvent,
    CallState,
    CallStatistics,
    EarlyMedia,
    EndCause,
    Ended,
    Flash,
    Heard,
    Held,
    HoldRefused,
    InfoReceived,
    Key,
    KeyWay,
    Ringing,
    TransferProgress,
)
from ivr.endpoint.keys import KEYS, KeysByInfo
from ivr.endpoint.sound import SoundPort, figures
from ivr.errors import IvrError
from ivr.net import Hop
from ivr.sip import Event, NameAddr, Sdp, Session
from ivr.sip import events as sip
from media import Digit, MediaEvent, RecordDone, RecordOptions, Stats
from media import Flash as MediaFlash

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.endpoint.agent import Agent
    from media.devices import Device

__all__ = ["EndpointCall"]

log = logging.getLogger("ivr.endpoint")

PART_AFTER: Final = 5.0
"""Seconds that the one who transferred us has to hear of its success and to hang up (RFC 5589 §6.1)."""


class EndpointCall:
    """A call. All methods are for the event loop and return at once; what becomes of them is told by `on_event`.

    Methods that the state of the call does not allow raise EndpointError; `hang_up` and `reject` never do.
    """

    def __init__(self, agent: Agent, direction: Literal["in", "out"], remote: NameAddr) -> None:
        self._agent = agent
        self.direction: Literal["in", "out"] = direction
        self.remote = remote
        """Whom we call, or who calls, with the name that was shown."""
        self.called: NameAddr | None = None
        """Whom the caller wanted (To), of a call that came in."""
        self.headers: tuple[tuple[str, str], ...] = ()
        """Headers of the INVITE that came in."""
        self.state: CallState = "calling" if direction == "out" else "ringing"
        self.on_event: Callable[[CallEvent], None] = lambda event: None
        """Set it at once; called in the loop."""
        self.held = Held(False, False)
        """Who does not listen."""
        self.ended: Ended | None = None
        """How it ended."""
        self.finished = asyncio.Event()
        """Set when it is over, its recordings are closed and its figures are final."""
        self.session: Session | None = None
        self.leg: Leg | None = None
        self.device: Device | None = None
        """What sounds; None until sound is needed. Not closed with the call: that is for whoever made it."""
        self.recorded: list[RecordDone] = []
        """Recordings that are complete."""
        self.hops: list[Hop] = []
        """Places that are still to be tried."""
        self.retry: Callable[[], None] = lambda: None
        """Sends our INVITE to the next of them."""
        self.replaces: EndpointCall | None = None
        """The call whose place this one takes once it stands."""
        self.told: Callable[[int, str], None] | None = None
        """Hears every status of our INVITE: the NOTIFYs of a transfer are made of them."""
        self._muted = False
        self._paused = False
        self._answered_at: float | None = None
        self._ended_at: float | None = None
        self._early = b""
        self._by_info = KeysByInfo(agent)
        self._last: Stats | None = None
        self._asked_to_hold: bool | None = None

    # What it is

    @property
    def id(self) -> str:
        """Call-ID; empty while our INVITE is not sent."""
        return self.session.call_id if self.session is not None else ""

    @property
    def number(self) -> str:
        """User part of the other side's address."""
        uri = self.remote.uri
        return uri.user or uri.host

    @property
    def seconds(self) -> float:
        """Since the answer; 0 before."""
        if self._answered_at is None:
            return 0.0
        return (self._ended_at or self._agent.now) - self._answered_at

    @property
    def muted(self) -> bool:
        """Silence is sent in place of the device's sound."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._muted = muted
        self._hush()

    @property
    def paused(self) -> bool:
        """Nothing at all is sent, not even silence: the other side knows that nobody hears it yet."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self._hush()

    def statistics(self) -> CallStatistics:
        """Figures now, or the last ones."""
        return figures(self.leg, self._last, self.seconds, live=self.state != "ended")

    # A call that came in

    def ring(self) -> None:
        """Send 180."""
        self._incoming().ring(self._agent.now)
        self._agent.flush()

    def early_media(self) -> None:
        """Send 183 with our description: the caller hears our device before the answer."""
        session = self._incoming()
        if session.remote_sdp is None and not session.can_be_reliable:
            return
        session.progress(self._describe(), self._agent.now)
        self._agent.flush()

    def answer(self) -> None:
        """Take the call. EndpointError where it is taken already, or media cannot be agreed on (then it is refused)."""
        session = self._incoming()
        body = self._describe()
        self.state = "answered"
        self._answered_at = self._agent.now
        self._hush()
        session.answer(body, self._agent.now)
        self._agent.flush()

    def reject(self, status: int = 486, reason: str | None = None) -> None:
        """Refuse a call that came in; one that was answered is hung up."""
        if self.state == "ended" or self.session is None:
            return
        if self.state == "answered" or self.direction == "out":
            self.hang_up(reason)
            return
        self.session.reject(status, self._agent.now, reason)
        self._agent.flush()
        self.over("hung_up", status, reason or "")

    def _incoming(self) -> Session:
        if self.session is None or self.direction != "in" or self.state != "ringing":
            raise EndpointError("there is no call that rings here")
        return self.session

    def _describe(self) -> bytes:
        """Our description: the answer to the caller's, or an offer to one that made none."""
        session = self._incoming()
        if self._early:
            return self._early
        self._agent.sound(self, session.flow.remote[0])
        assert self.leg is not None
        try:
            self._early = self.leg.offer() if session.remote_sdp is None else self.leg.answer(session.remote_sdp)
        except IvrError as error:
            self.reject(refusal(error))
            raise EndpointError(f"the call cannot be taken: {error}") from error
        return self._early

    # Any call

    def hang_up(self, reason: str | None = None) -> None:
        """End the call in whatever state: BYE, CANCEL or 480. `reason` is a Reason header value or text."""
        if self.state == "ended":
            return
        if self.session is not None:
            self.session.hangup(self._agent.now, reason)
            self._agent.flush()
        self.over("hung_up", None, "")

    def hold(self) -> None:
        """Ask the other side not to send, and send silence; `Held` tells that it is so."""
        self._want_hold(True)

    def resume(self) -> None:
        """Take it back from hold."""
        self._want_hold(False)

    def _want_hold(self, hold: bool) -> None:
        leg, session = self._standing()
        leg.holding = hold
        self._asked_to_hold = hold
        self._hush()
        session.reinvite(leg.offer(), self._agent.now)
        self._agent.flush()

    def send_keys(self, keys: str, way: KeyWay | Literal["agreed"] = "agreed") -> None:
        """Press keys one after the other: by telephone-events, INFO or tones, or in the first of the configured ways
        that the other side can take. EndpointError where it takes none of that kind, or a key is none."""
        leg, session = self._standing()
        keys = "".join(keys.split()).upper()
        if not keys or set(keys) - set(KEYS):
            raise EndpointError(f"keys are of {KEYS}")
        if way == "agreed":
            leg.send_keys(keys, self._agent.now)
            self._agent.flush()
        elif way == "tones":
            leg.port.send_digits(keys, mode="tones")
        elif way == "events":
            if leg.agreed is None or leg.agreed.event_type is None:
                raise EndpointError("the other side takes no telephone-events")
            leg.port.send_digits(keys, mode="events")
        else:
            if session.peer_allows("INFO") is False:
                raise EndpointError("the other side takes no INFO")
            self._by_info.press(keys, session)

    def send_info(self, content_type: str, body: bytes) -> None:
        """Send an INFO."""
        _, session = self._standing()
        session.info(content_type, body, self._agent.now)
        self._agent.flush()

    def transfer(self, target: str) -> None:
        """Ask the other side to call somebody else in our place; `TransferProgress` tells how that goes."""
        _, session = self._standing()
        session.refer(self._agent.target(target), self._agent.now)
        self._agent.flush()

    def attended(self, other: EndpointCall) -> None:
        """Connect the other side with that of another call of ours, which that call ends by; hang up this one when
        `TransferProgress` tells of success."""
        _, session = self._standing()
        if other is self or other.session is None or other.state != "answered":
            raise EndpointError("the other call does not stand")
        place = other.session.target
        if place is None:
            raise EndpointError("the other call has no address")
        session.refer(place.without_headers(), self._agent.now, replaces=other.session.as_replaced())
        self._agent.flush()

    def record(self, path: Path, options: RecordOptions | None = None) -> int:
        """Record, from now on: both sides, stereo (left what is heard), unless told otherwise. A number that
        `RecordDone` has, which comes as `Heard`."""
        if self.leg is None or self.state == "ended":
            raise EndpointError("the call has no sound")
        return self.leg.port.record(path, options or RecordOptions(sides="both"))

    def _standing(self) -> tuple[Leg, Session]:
        if self.leg is None or self.session is None or self.state != "answered":
            raise EndpointError("there is no call that stands")
        return self.leg, self.session

    def _hush(self) -> None:
        """The device is not heard before our call is answered, nor while anybody is on hold."""
        if self.leg is not None and self.state != "ended":
            early = self.direction == "out" and self.state != "answered"
            port: SoundPort = self.leg.port  # type: ignore[assignment]
            port.muted = self._muted or early or self.leg.holding
            # Another call may have the device now.
            port.attached = not self.leg.holding
            port.paused = self._paused

    # For the agent

    def tell(self, event: CallEvent) -> None:
        """Hand an event to whoever has the call."""
        try:
            self.on_event(event)
        except Exception:
            log.exception("an event of a call was not taken")

    def over(self, cause: EndCause, status: int | None, reason: str) -> None:
        """The call has ended."""
        if self.state == "ended":
            return
        self.state = "ended"
        self._ended_at = self._agent.now
        self.ended = Ended(cause, status, reason)
        self._by_info.drop()
        if self.leg is not None:
            self.leg.port.release()
        else:
            self.finish()
        self._agent.ended(self)
        self.tell(self.ended)

    def finish(self) -> None:
        """Nothing more comes."""
        self.finished.set()
        self._agent.left(self)

    def on_media(self, event: MediaEvent) -> None:
        """An event of the port, in the loop."""
        match event:
            case Digit(digit=digit, source=source, phase="start") if self.state != "ended":
                self.tell(Key(digit, "events" if source == "rfc4733" else "tones"))
            case Digit():
                pass
            case MediaFlash() if self.state != "ended":
                self.tell(Flash())
            case Stats():
                self._last = event
                if self.state == "ended":
                    self.finish()
            case _:
                if isinstance(event, RecordDone):
                    self.recorded.append(event)
                if self.state != "ended" or isinstance(event, RecordDone):
                    self.tell(Heard(event))

    def on_sip(self, event: Event) -> None:
        """An event of the session."""
        match event:
            case sip.Ringing(status=status, sdp=sdp):
                self._progress(status, sdp)
            case sip.Answered(sdp=sdp):
                self._answered(sdp)
            case sip.Rejected(status=status, reason=reason):
                if self.told is not None:
                    self.told(status, reason)
                self.over("refused", status, reason)
            case sip.Confirmed():
                self._stands()
            case sip.Offer(sdp=sdp) if self.leg is not None:
                self.leg.peer_offers(sdp, self._agent.now)
                self._look_at_hold()
            case sip.Answer(sdp=sdp) if self.leg is not None:
                self._agreed(sdp)
            case sip.OfferRejected(status=status) if self.leg is not None:
                self._hold_refused(status)
            case sip.DtmfInfo(digit="!"):
                self.tell(Flash())
            case sip.DtmfInfo(digit=digit):
                self.tell(Key(digit, "info"))
            case sip.Info(request=request):
                self.tell(InfoReceived(request.get("Content-Type") or "", request.body))
            case sip.InfoRefused() if self.leg is not None:
                self._by_info.drop()
                self.leg.refuses_info()
            case sip.ReferProgress(status=status, final=final):
                self.tell(TransferProgress(status, final))
            case sip.IncomingRefer(target=target):
                self._agent.referred(self, target)
            case sip.Ended(cause=cause, status=status, reason=reason):
                self.over(cause, status, reason or "")

    def _progress(self, status: int, sdp: Sdp | None) -> None:
        if self.told is not None:
            self.told(status, "")
        early = False
        if sdp is not None and self.leg is not None and self.leg.agreed is None:
            try:
                self.leg.answered(sdp)
                early = True
            except IvrError as error:
                log.info("early media is not heard: %s", error)
        if self.state == "calling":
            self.state = "ringing"
        self.tell(EarlyMedia(status) if early else Ringing(status))

    def _answered(self, sdp: Sdp | None) -> None:
        leg = self.leg
        try:
            if sdp is None or leg is None:
                raise EndpointError("the answer holds no media description")
            leg.answered(sdp)
        except IvrError as error:
            if self.told is not None:
                self.told(488, "")
            self._no_media(error)
            return
        self.state = "answered"
        self._answered_at = self._agent.now
        if self.told is not None:
            self.told(200, "")
        self._stands()

    def _no_media(self, error: IvrError) -> None:
        if self.session is not None:
            self.session.hangup(self._agent.now, "SIP;cause=488")
        self.over("error", 488, str(error))

    def _stands(self) -> None:
        self._hush()
        self.tell(Answered())
        other, self.replaces = self.replaces, None
        if other is not None and other.state != "ended":
            if other.session is not None:
                self._agent.part(other.session, self._agent.now + (PART_AFTER if self.told is not None else 0.0))
            other.over("moved", None, "")

    def _agreed(self, sdp: Sdp) -> None:
        assert self.leg is not None
        try:
            self.leg.answered(sdp)
        except IvrError as error:
            self._no_media(error)
            return
        self._asked_to_hold = None
        self._look_at_hold()

    def _look_at_hold(self) -> None:
        leg = self.leg
        if leg is None or leg.agreed is None or self._asked_to_hold is not None:
            return
        held = Held(leg.holding, leg.agreed.held)
        if held != self.held:
            self.held = held
            self.tell(held)

    def _hold_refused(self, status: int) -> None:
        assert self.leg is not None
        if self._asked_to_hold is not None:
            self._asked_to_hold = None
            self.leg.holding = self.held.by_us
            self._hush()
            self.tell(HoldRefused(status))
