"""The machine that runs a flow for one call.

It is driven by three things: events of the call, the time, and nothing else. The shell calls :meth:`Machine.start`
once, then :meth:`Machine.receive` and, when :meth:`Machine.next_timer` has come, :meth:`Machine.handle_timer`; after
each of them it carries out :meth:`Machine.commands`. How it goes from element to element is in :mod:`ivr.flow.walking`.

Whatever a caller or a flow does, the machine comes to an end: its walk is limited, each wait has a deadline or ends
with the call, and a flow without a caller ends when nothing happens for too long. Such a flow can be kept as a snapshot
while it waits, and taken up again by another process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.packet import packet
from ivr.flow.ports import (
    CallAnswered,
    CallEnded,
    CallInfo,
    Cause,
    Command,
    Digit,
    DigitEnded,
    Event,
    EventArrived,
    Instruction,
    InstructionDone,
    MailDone,
    Moved,
    PlayDone,
    PromptSpec,
    RecordDone,
    RequestDone,
    WaitForEvent,
)
from ivr.flow.session import Session
from ivr.flow.snapshot import KeptFlow, SnapshotError, read, take, take_frames, take_up
from ivr.flow.spoken import Languages
from ivr.flow.trace import digits, origin, path
from ivr.flow.walking import Walk
from ivr.settings import Calendar, Limits

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["Machine"]

IDLE = "limits.flow_idle is reached: no step for so long"
UNDER_FLOW = "the call is under its flow, which takes no instructions: take the call first"


class Machine(Walk):
    """One call's way through its flows."""

    __slots__ = ("_began", "_known")

    def __init__(
        self,
        flow: Flow,
        flows: FlowSet,
        call: CallInfo,
        settings: Mapping[str, Any],
        limits: Limits | None = None,
        *,
        profile: Mapping[str, Any] | None = None,
        courtesy: PromptSpec | None = None,
        languages: Languages | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        """`settings` is what flows see as `settings.*`; `courtesy` is heard before a limit ends the session; `tags` are
        there already."""
        limits = limits or _LIMITS
        ctx = Session(call, flows, settings, profile or {}, limits.text_characters, languages, calendars)
        for tag in tags:
            ctx.tag(tag)
        super().__init__(ctx, flow, flows, limits, courtesy)
        self._began = call
        self._known: Mapping[str, Any] = ctx.profile

    # What the shell asks

    @property
    def call(self) -> CallInfo:
        """The call as the flow sees it now: another one once somebody has answered who was called."""
        return self._ctx.call

    @property
    def contact(self) -> str:
        """Number of the person whom the flow is about, and whose profile it has; empty: nobody."""
        return self._ctx.contact

    @property
    def cause(self) -> Cause | None:
        """Why the session ended; None while it is up."""
        return self._ctx.cause

    @property
    def flow(self) -> str:
        """Name of the flow that runs."""
        return self._ctx.flow.name

    @property
    def settled(self) -> bool:
        """The flow is over or dormant, and no event can change the trace any more."""
        return (self.finished or self.dormant) and self._ctx.settled

    @property
    def dormant(self) -> bool:
        """The flow waits for a time or an event and needs no caller: :meth:`snapshot` can be kept until then."""
        element = self._element
        if self.finished or self._ctx.up or self._run is None or element is None:
            return False
        return element.DORMANT and element.rests(self._ctx)

    @property
    def wake_at(self) -> datetime | None:
        """When a dormant flow goes on, or ends, by itself."""
        timer = self.next_timer()
        return None if timer is None else self._ctx.moment_of(timer)

    @property
    def waits(self) -> tuple[WaitForEvent, ...]:
        """Events that the flow waits for."""
        return tuple(self._ctx.waits.values())

    @property
    def profile(self) -> Mapping[str, Any]:
        """What is known of the caller, with what the flow has changed."""
        return self._ctx.profile

    @property
    def variables(self) -> Mapping[str, Any]:
        """Variables of the flow that runs; secret values are wrapped in `Sensitive`."""
        return self._ctx.variables

    @property
    def result(self) -> Mapping[str, Any]:
        """What the last element with results gave; secret values are wrapped in `Sensitive`."""
        return self._ctx.result or {}

    @property
    def tags(self) -> list[str]:
        """Tags of the call, in the order in which they came."""
        return list(self._ctx.tags)

    @property
    def element(self) -> str | None:
        """Name of the element that runs."""
        return self.steps[-1].element if self.steps and not self.finished else None

    def commands(self) -> list[Command]:
        """What is to be carried out now, in this order; empty until something is received again."""
        commands, self._ctx.commands = self._ctx.commands, []
        take = self._ctx.under_way.take
        for command in commands:
            take(command)
        return commands

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None: not at all."""
        if self.finished:
            return None
        if self._closing is not None:
            return self._closing.deadline
        limit = self._limit_at if self._ctx.up else self._ctx.step_entered + self._limits.flow_idle
        return limit if self._deadline is None else min(self._deadline, limit)

    def path(self) -> list[dict[str, Any]]:
        """The way walked, safe to store; see :func:`ivr.flow.trace.path`."""
        return path(self.steps, self._ctx.call.started_at.timestamp() - self._ctx.started)

    def origin(self) -> dict[str, Any]:
        """What the way began with, safe to store; see :func:`ivr.flow.trace.origin`."""
        found = origin(self._began, self._walked, self._known, self._ctx.properties)
        return {**found, "trace": "full"} if self._ctx.trace_full else found

    def packet(self) -> dict[str, Any]:
        """What whoever has the call is told of it, as JSON; see :func:`ivr.flow.packet.packet`."""
        return packet(self._ctx)

    def digits(self) -> list[dict[str, Any]]:
        """Inputs of the caller as `reporting` lets them be seen; see :func:`ivr.flow.trace.digits`."""
        return digits(self.steps)

    @property
    def asks(self) -> bool:
        """Keys of the caller are being collected."""
        return self._ctx.asking

    # What drives it

    def know(self, profile: Mapping[str, Any]) -> None:
        """Learn what is known of the caller, before the start; secret values are wrapped in `Sensitive`."""
        self._ctx.profile = self._known = profile

    def start(
        self, entry: str, now: float, *, session: bool = True, properties: Mapping[str, Any] | None = None
    ) -> None:
        """Begin at an entry element. Without `session` there is no caller; `properties` are what came with the event,
        the campaign or the request that begins the flow."""
        ctx = self._ctx
        ctx.now = ctx.started = ctx.session_at = now
        ctx.session = session
        ctx.properties = properties or {}
        self._go(entry)

    # Flows that wait without a caller

    def snapshot(self) -> dict[str, Any]:
        """The state of a dormant flow, as JSON; see :mod:`ivr.flow.snapshot`."""
        element = self._element
        if element is None or not self.dormant:
            raise SnapshotError("a flow can be kept only while it is dormant")
        wake_at = self.wake_at
        return take(self._ctx, self._way, element, None if wake_at is None else wake_at.timestamp())

    @classmethod
    def restore(
        cls,
        snapshot: Mapping[str, Any],
        flow: Flow,
        flows: FlowSet,
        settings: Mapping[str, Any],
        limits: Limits | None,
        now: float,
        wall: datetime,
        *,
        profile: Mapping[str, Any] | None = None,
        courtesy: PromptSpec | None = None,
        languages: Languages | None = None,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> Machine:
        """The machine of a snapshot, at `now`, which is `wall` by the clock (in the zone of the call): the element that
        waited waits again, for what and until when it did. `flow` is the flow of that element.

        SnapshotError where it is no snapshot; where a flow or element is no more, a machine that ended with a fault.
        """
        kept = read(snapshot)
        call = replace(kept.call, started_at=kept.call.started_at.astimezone(wall.tzinfo))
        machine = cls(
            flow,
            flows,
            call,
            settings,
            limits,
            profile=profile,
            courtesy=courtesy,
            languages=languages,
            calendars=calendars,
            tags=kept.tags,
        )
        machine._take_up(kept, now, wall)
        return machine

    def _take_up(self, kept: KeptFlow, now: float, wall: datetime) -> None:
        ctx, way = self._ctx, self._way
        take_up(ctx, way, kept, now, wall)
        element = ctx.flow.elements.get(kept.element)
        if ctx.flow.name != kept.flow or element is None or element.type != kept.type:
            self._stop(f"the flow {kept.flow} has no {kept.type} {kept.element} any more")
            return
        missing = take_frames(way, kept, self._flows)
        if missing is not None:
            self._stop(missing)
            return
        self._element = element
        branch = self._begin_run(element)
        if branch is not None:
            self._go(self._leave(branch))
        elif self._idle():
            self._limit("system", IDLE)

    def receive(self, event: Event, now: float) -> None:
        """Take in an event of the call."""
        ctx = self._ctx
        if now > ctx.now:
            ctx.now = now
        kind = type(event)
        ctx.under_way.take(event)
        if kind is Digit:
            if self.finished:
                return
            ctx.press(event)  # type: ignore[arg-type]
        elif kind is PlayDone:
            ctx.play_done(event)  # type: ignore[arg-type]
        elif kind is DigitEnded:
            ctx.key_ended(event)  # type: ignore[arg-type]
            return
        elif kind is RequestDone or kind is MailDone:
            ctx.exchanges.done(event)  # type: ignore[arg-type]
        elif kind is EventArrived:
            if not self.finished:
                ctx.event_arrived(event)  # type: ignore[arg-type]
        elif kind is RecordDone:
            ctx.record_done(event)  # type: ignore[arg-type]
        elif kind is Instruction:
            if self._instructed(event):  # type: ignore[arg-type]
                return
        elif kind is Moved:
            self._move(event)  # type: ignore[arg-type]
            return
        elif kind is CallAnswered:
            ctx.answered = True
        elif kind is CallEnded:
            if ctx.up and not self.finished:
                self._session_over(event.cause)  # type: ignore[union-attr]
            return
        if self.finished:
            return
        if self._closing is None:
            self._resume(event)
        elif kind is PlayDone and event.id == self._closing.play:  # type: ignore[union-attr]
            self._force_end(self._closing.cause)

    def _instructed(self, event: Instruction) -> bool:
        """What somebody outside asks for: carried out here where it can be in any state; False: by the element."""
        ctx = self._ctx
        refused = self.move_refusal()
        if refused is not None:
            ctx.emit(InstructionDone(event.id, error=refused))
        elif event.verb == "hang_up":
            ctx.instructed(event.verb)
            ctx.emit(InstructionDone(event.id))
            # TwiML's end of a call and that of the calls resource are the same to the other side: a plain BYE.
            self._force_end("ended_by_api")
        elif event.verb == "send_digits" and ctx.controlled:
            return False  # in its turn
        elif event.verb in ("start_recording", "stop_recording", "send_digits"):
            ctx.instructed(event.verb)
            ctx.emit(InstructionDone(event.id, error=ctx.take_order(event.verb, event.fields)))
        elif not ctx.controlled:
            ctx.emit(InstructionDone(event.id, error=UNDER_FLOW))
        else:
            return False
        return True

    def handle_timer(self, now: float) -> None:
        """Take note of the time; nothing happens when it is early."""
        ctx = self._ctx
        if now > ctx.now:
            ctx.now = now
        if self.finished:
            return
        if self._closing is not None:
            if ctx.now >= self._closing.deadline:
                self._force_end(self._closing.cause)
        elif ctx.up and ctx.now >= self._limit_at:
            self._limit("max_duration", "limits.call_duration is reached")
        elif self._idle():
            self._limit("system", IDLE)
        elif self._deadline is not None and ctx.now >= self._deadline:
            ctx.timer(self.steps[-1].type, self._deadline)
            self._resume(None)

    def _idle(self) -> bool:
        """Nobody is there, and nothing happened for longer than is worth waiting."""
        return not self._ctx.up and self._ctx.now >= self._ctx.step_entered + self._limits.flow_idle


_LIMITS = Limits()
