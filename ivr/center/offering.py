"""An agent's phones rung for a caller who waits, and the conversation that comes of it.

The phones are called as `forward_call` calls people, but the caller hears nothing of that: neither ringing nor what
comes from them before the answer. He hears what his flow plays, until the two are connected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, Protocol

from ivr.call.flowcall import FlowCall
from ivr.call.forward import Forwarding
from ivr.call.leg import Leg
from ivr.call.parties import Attempt, Keeper
from ivr.call.services import Services
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.lines import Showing
from media import Sound

__all__ = ["OfferFault", "Offering", "OfferingUser"]

OfferFault = Literal["no_answer", "declined", "busy", "unreachable", "error"]

SIGN_OF_LIFE: Final = 2.5
"""Seconds for any answer of a registered phone to the INVITE: three datagrams have been sent by then, and the shortest
`ring_timeout` is longer."""
RING_GRACE: Final = 5.0
"""Seconds that the phones would ring beyond the lease, which ends first."""
MAX_UUI: Final = 128
"""Octets of User-to-User that an ISDN on the way carries (RFC 7433 §4)."""
MAX_DISPLAY: Final = 80
"""Characters of what stands behind the short id: no phone shows more, and a summary of a bot fits into no datagram."""
WAITING_SOUND: Final = ports.PromptSpec("tone", "waiting")
"""Stands for what the flow plays: never played by the forward, and keeps what comes from the phones before the answer
from the caller."""

_FAULTS: Final[dict[str, OfferFault]] = {"no_answer": "no_answer", "busy": "busy", "declined": "declined"}


class OfferingUser(Protocol):
    """Who has phones rung; told once of each, in this order, of the last four of one."""

    def offer_rings(self, offering: Offering) -> None:
        """A phone rings."""

    def offer_picked_up(self, offering: Offering) -> None:
        """The agent has picked up, and hears the whisper."""

    def offer_connected(self, offering: Offering) -> None:
        """The two hear each other."""

    def offer_ends(self, offering: Offering) -> None:
        """The agent has pressed the keys by which he leaves the conversation."""

    def offer_given_away(self, offering: Offering) -> None:
        """The agent has transferred the caller to somebody else, with whom he goes on talking."""

    def offer_over(self, offering: Offering) -> None:
        """Whom the caller talked to has hung up."""

    def offer_lost(self, offering: Offering, why: str) -> None:
        """Whom the caller talked to is gone without having hung up."""

    def offer_failed(self, offering: Offering, reason: OfferFault, text: str) -> None:
        """The agent did not take the call."""


class Offering:
    """One offer of one caller to one agent (ForwardHost)."""

    def __init__(
        self,
        services: Services,
        user: OfferingUser,
        call: FlowCall,
        wanted: ports.JoinQueue,
        offer: int,
        agent: str,
        until: float,
        end_keys: str = "",
    ) -> None:
        """`offer` names it; `wanted` is what the flow asked for when the caller began to wait; the phones ring `until`
        a time at the most; `end_keys` are what the agent presses to leave the conversation."""
        self.offer = offer
        self.agent = agent
        self.call = call
        self.started_at = services.clock()
        self.connected_at: float | None = None
        """When the two began to hear each other."""
        self.given_away = False
        """The agent has left the conversation to somebody else."""
        self._services = services
        self._user = user
        self._wanted = wanted
        self._timer: asyncio.TimerHandle | None = None
        self._picked_up = False
        self._end_keys = end_keys
        self._pressed = ""
        self.granted = False
        """The centre lets the two talk."""
        self.forwarding = Forwarding(
            services,
            self,
            ports.Forward(
                id=wanted.id,
                targets=(f"agent:{agent}",),
                timeout=max(until - self.started_at, 0.0) + RING_GRACE,
                ringback=WAITING_SOUND,
                whisper=wanted.whisper,
                record_name=wanted.record_name,
                max_duration=wanted.max_duration,
                headers=self._headers(),
            ),
        )
        """The phones' side."""
        self.forwarding.on_key = self._key

    def start(self) -> None:
        """Ring all phones of the agent that are there."""
        self._timer = self._services.call_later(SIGN_OF_LIFE, self._listen)
        self.forwarding.start()

    def end(self, reason: str | None = None) -> None:
        """Stop ringing, or hang up; only the phones are told, with the value of a Reason header."""
        self._disarm()
        if not self.forwarding.over:
            if self.connected_at is not None and not self.call.ended:
                self.leg.port.unbridge()
                if self._wanted.record_name is not None:
                    self.call.stop_recording_both()
            self.forwarding.abandon(reason)

    def leave_agent(self, keeper: Keeper) -> Attempt | None:
        """The caller leaves the conversation, and the agent stays on his phone with `keeper`, which closes what is
        returned; None, and nothing has changed, where that cannot be."""
        if self.connected_at is None or self.given_away:
            return None
        attempt = self.forwarding.leave_called(keeper)
        if attempt is not None:
            self._disarm()
            if self._wanted.record_name is not None and not self.call.ended:
                self.call.stop_recording_both()
        return attempt

    def _key(self, key: str) -> None:
        """The agent has pressed a key, which the caller has heard."""
        if not self._end_keys:
            return
        self._pressed = (self._pressed + key)[-len(self._end_keys) :]
        if self._pressed == self._end_keys:
            self._pressed = ""
            self._user.offer_ends(self)

    def talked(self) -> float:
        """Seconds since the two were connected."""
        return 0.0 if self.connected_at is None else self._services.clock() - self.connected_at

    def _headers(self) -> dict[str, str]:
        """Those that the flow wants, and the short id for the agent's phone, unless the flow says something else."""
        headers = dict(self._wanted.headers)
        if not any(name.lower() == "user-to-user" for name in headers):
            headers["User-to-User"] = f"{str(self.call.report.short_id).encode()[:MAX_UUI].hex()};encoding=hex"
        return headers

    def _listen(self) -> None:
        """A phone that was not heard of by now had better not be waited for."""
        self._timer = None
        if not (self.forwarding.over or self._picked_up or self.connected_at is not None or self.forwarding.heard):
            self.forwarding.abandon()
            self._user.offer_failed(self, "unreachable", "no phone has answered the INVITE")
        self._services.flush()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The caller, as the forward sees him (ForwardHost)

    @property
    def leg(self) -> Leg:
        return self.call.leg

    @property
    def number(self) -> str:
        return self.call.number

    @property
    def display(self) -> str:
        return self.call.display

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return self.call.log

    def answered(self) -> bool:
        return self.call.answered()

    def early_media(self) -> None:
        """He hears what his flow plays."""

    def show_ringing(self, prompt: ports.PromptSpec | None) -> None:
        """He hears what his flow plays."""

    def stop_ringing(self) -> None:
        """The flow stops what it plays."""

    def want_sound(self, prompt: ports.PromptSpec, then: Callable[[Sound | None], None]) -> None:
        # The whisper is wanted as soon as the agent has picked up, and for nothing else.
        self._picked_up = True
        self._user.offer_picked_up(self)
        if not self.forwarding.over:
            self.call.want_sound(prompt, then)

    def showing(self, own: str | None) -> Showing:
        """The caller's number where he does not withhold it; the short id stands before what the agent is to see."""
        showing = self.call.showing(None)
        text = self._wanted.origin or ("" if showing.withheld else self.call.display)
        return replace(showing, display=f"#{self.call.report.short_id} {_line(text)}".rstrip(), withheld=False)

    def dialler(self, *, written: bool) -> Dialler:
        return self.call.dialler(written=written)

    def record_both(self, name: str, owner: int = 0) -> None:
        self.call.record_both(name, owner)

    def tell_application(self, command: ports.TellApplication) -> None:
        self.call.tell_application(command)

    def stop_recording_both(self) -> None:
        self.call.stop_recording_both()

    def transfer_of(self, by: str, status: int, attended: bool) -> None:
        self.call.transfer_of(by, status, attended)
        if by == "called" and status == 200 and not self.given_away:
            self.given_away = True
            self._user.offer_given_away(self)

    def forward_event(self, event: ports.ForwardRinging | ports.ForwardAnswered) -> None:
        if isinstance(event, ports.ForwardRinging):
            self._user.offer_rings(self)
            return
        self._disarm()
        self.connected_at = self._services.clock()
        self._user.offer_connected(self)

    def forward_done(self, event: ports.ForwardDone) -> None:
        self._disarm()
        if self.connected_at is not None:
            if self.forwarding.broken and not self.given_away:
                self._user.offer_lost(self, self.forwarding.broken)
            else:
                self._user.offer_over(self)
            return
        fault = _FAULTS.get(event.outcome, "unreachable")
        if fault == "no_answer" and not self.forwarding.heard:
            fault = "unreachable"
        self._user.offer_failed(self, fault, event.status)


def _line(text: str) -> str:
    """A text as a display name can have it: an INVITE with a line break in a header is not sent."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:MAX_DISPLAY].rstrip()
