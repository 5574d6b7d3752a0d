"""What can be asked of a simulated call: where it is, what it waits for, and everything it left behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ivr.flow import ports
from ivr.flow.expressions import Sensitive
from ivr.flow.machine import Machine
from ivr.flow.sim.agenda import Agenda
from ivr.flow.sim.dials import Dials
from ivr.flow.sim.forwards import Forwards
from ivr.flow.sim.given import Given
from ivr.flow.sim.outside import SimulatedWorld
from ivr.flow.sim.queues import Queues
from ivr.flow.sim.seen import (
    HIDDEN,
    Change,
    Dialled,
    Forwarded,
    HandedOver,
    Happening,
    LeftMessage,
    LoggedEvent,
    Queued,
    Said,
    SentMail,
    SentRequest,
    Silence,
    StartedContact,
    Waited,
    Waiting,
    WaitingKind,
)
from ivr.flow.sim.sound import Sound
from ivr.flow.sim.takers import Takers

if TYPE_CHECKING:
    from ivr.flow.elements.base import Element
    from ivr.flow.model import Flow, FlowSet
    from ivr.flow.trace import Step

__all__ = ["ObservedCall"]


class ObservedCall:
    """A call as those see it who look at it. What changes it is in :class:`~ivr.flow.sim.call.SimulatedCall`."""

    __slots__ = ()

    given: Given
    """What it began with."""
    flow: Flow
    """The flow it begins in."""
    flows: FlowSet
    """All flows."""
    entry: str
    """Element it begins at."""
    call_info: ports.CallInfo
    """What the flow sees as `call`."""
    machine: Machine
    """The machine, as in live calls."""
    ended: bool
    """The caller is gone, or there never was one."""
    ended_at: float | None
    """When the session ended."""
    answered_at: float | None
    """When the call was answered."""
    session_at: float
    """When the session began: later than the flow, where that has called somebody."""
    contacts: list[StartedContact]
    """Flows that were begun for others."""
    heard: bool
    """The sound path is open: the call is answered, or in early media."""
    happened: list[Happening]
    """Everything that happened, in its order."""
    silences: list[Silence]
    """Times in which the caller was there and heard nothing while nothing was asked of him."""
    log: list[tuple[float, ports.Command]]
    """Every command of the flow, with its time."""
    delivered: list[object]
    """Answers of the stubs that took effect, in their order."""
    moments: int
    """How many things happened by themselves so far."""
    unused_steps: tuple[Any, ...]
    """Steps of the script that never came to be done."""
    _agenda: Agenda
    _sound: Sound
    _dials: Dials
    _forwards: Forwards
    _queues: Queues
    _takers: Takers
    _world: SimulatedWorld

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return self._agenda.now

    def wall(self) -> datetime:
        """The time of day."""
        return self.given.time + timedelta(seconds=self._agenda.now)

    @property
    def started(self) -> bool:
        """The flow has begun."""
        return bool(self.machine.steps)

    @property
    def finished(self) -> bool:
        """The flow is over; nothing will be said or asked any more."""
        return self.machine.finished

    @property
    def cause(self) -> str | None:
        """Why the session ended; None while it is up."""
        return self.machine.cause

    @property
    def duration(self) -> float:
        """Seconds that the session lasted so far."""
        return (self.now if self.ended_at is None else self.ended_at) - self.session_at

    @property
    def steps(self) -> list[Step]:
        """The way walked, with times, branches and details."""
        return self.machine.steps

    @property
    def path(self) -> list[str]:
        """Elements in the order they were entered, over all flows."""
        return [step.element for step in self.machine.steps]

    def variables(self) -> dict[str, Any]:
        """Variables of the flow that runs; sensitive ones are hidden."""
        return {name: HIDDEN if type(value) is Sensitive else value for name, value in self.machine.variables.items()}

    @property
    def said(self) -> list[Said]:
        """What the caller heard."""
        return self._sound.said

    @property
    def forwards(self) -> list[Forwarded]:
        """Forwards to other people."""
        return self._forwards.made

    @property
    def queued(self) -> list[Queued]:
        """Visits of queues."""
        return self._queues.made

    @property
    def messages(self) -> list[LeftMessage]:
        """Messages left for mailboxes."""
        return self._queues.messages

    @property
    def handed_over(self) -> list[HandedOver]:
        """Talks with AI agents, and calls under applications."""
        return self._takers.made

    @property
    def dialled(self) -> list[Dialled]:
        """Attempts to call somebody."""
        return self._dials.made

    @property
    def requests(self) -> list[SentRequest]:
        """HTTP requests."""
        return self._world.requests

    @property
    def mails(self) -> list[SentMail]:
        """Mails."""
        return self._world.mails

    @property
    def profile_changes(self) -> list[Change]:
        """Changes to profiles."""
        return self._world.changes

    @property
    def dnc(self) -> list[Change]:
        """Changes to the do-not-contact list."""
        return self._world.dnc

    @property
    def waits(self) -> list[Waited]:
        """Waits for events."""
        return self._world.waits

    @property
    def events_log(self) -> list[LoggedEvent]:
        """Events from outside, those from before the call first."""
        return self._world.events

    @property
    def awaited(self) -> list[str]:
        """Names of the events that the flow waits for now."""
        return self._world.awaited

    @property
    def recording(self) -> bool:
        """The caller is recorded now: a voicemail, after its beep."""
        recording = self._sound.recording
        return recording is not None and recording.starts is not None

    @property
    def element(self) -> Element | None:
        """The element that runs."""
        if self.machine.finished or not self.machine.steps:
            return None
        step = self.machine.steps[-1]
        flow = self.flow if step.flow == self.flow.name else self.flows.get(step.flow)
        return None if flow is None else flow.elements.get(step.element)

    @property
    def waiting(self) -> Waiting | None:
        """What the call waits for; None: the flow is over, or has not begun."""
        element = self.element
        if element is None:
            return None
        step = self.machine.steps[-1]
        kind, interruptible = self._kind(element)
        return Waiting(step.element, element.type, kind, step.entered_at, self.next_moment(), interruptible)

    def _kind(self, element: Element) -> tuple[WaitingKind, bool]:
        kind = element.type
        if self._forwards.command is not None:
            return "forward", False
        if self._dials.command is not None:
            return "dial", False
        if self._sound.recording is not None:
            return "recording", bool(getattr(element, "escape_digits", ""))
        if self.machine.asks:
            return ("prompt" if self._sound.playing is not None else "keys"), True
        if self._queues.command is not None:
            return "agent", not self._queues.talking and bool(self.queue_keys)
        if self._takers.waits_for is not None:
            return self._takers.waits_for, False
        if self._world.requesting:
            return "request", False
        if self._world.mailing:
            return "mail", False
        if self._world.awaited:
            return "event", False
        if self._sound.playing is not None and kind != "pause":
            return "prompt", getattr(element, "interruptible", False) is True
        return "time", False

    @property
    def queue_keys(self) -> dict[str, str]:
        """Keys that the caller has in the queue, with what they mean; empty: none, or he is in no queue."""
        strategy = self._queues.strategy
        if strategy is None or self._queues.talking:
            return {}
        keys = strategy.keys
        named = {"leave": keys.leave, "voicemail": keys.voicemail, "callback": keys.callback}
        return {key: meaning for meaning, key in named.items() if key is not None}

    def next_moment(self) -> float | None:
        """When something happens next by itself; None: never."""
        due, timer = self._agenda.next(), self.machine.next_timer()
        if due is None or (timer is not None and timer < due):
            return None if timer is None else max(timer, self._agenda.now)
        return due
