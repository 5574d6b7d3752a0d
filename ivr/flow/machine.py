"""The machine that runs a flow for one call.

It is driven by three things: events of the call, the time, and nothing else. The shell calls :meth:`Machine.start`
once, then :meth:`Machine.receive` and, when :meth:`Machine.next_timer` has come, :meth:`Machine.handle_timer`; after
each of them it carries out :meth:`Machine.commands`. One element runs at a time; what it returns names the branch, the
branch the next element. A branch that leads nowhere ends a subroutine, else hangs up, else (the session is over) ends
the flow.

Whatever a caller or a flow does, the machine comes to an end: steps, visits without input and the length of the
session are limited, and each wait has a deadline or ends with the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.elements.base import CallOver, Element, Run
from ivr.flow.expressions import Record, Sensitive
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
    HangUp,
    MailDone,
    PlayDone,
    PromptSpec,
    RequestDone,
    WaitForEvent,
)
from ivr.flow.session import Session
from ivr.flow.snapshot import KeptFlow, SnapshotError, read, take, take_frames, take_up
from ivr.flow.spoken import Languages
from ivr.flow.trace import Step, digits, origin, path
from ivr.flow.way import Frame, Way
from ivr.settings import Calendar, Limits

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["Machine"]

MAX_DEPTH = 16
"""Subroutines inside one another; deeper is a flow that calls itself."""

COURTESY_TIMEOUT = 20.0
"""Seconds that the prompt before a forced end may take."""

IDLE = "limits.flow_idle is reached: no step for so long"

NORMAL_END = 480
"""Final response when a call that is not answered ends without a cause of its own."""


@dataclass(frozen=True, slots=True)
class _Closing:
    """A limit ends the session after a courteous prompt."""

    play: int
    cause: Cause
    deadline: float


class Machine:
    """One call's way through its flows."""

    __slots__ = (
        "_closing",
        "_courtesy",
        "_ctx",
        "_deadline",
        "_element",
        "_flows",
        "_known",
        "_limit_at",
        "_limits",
        "_run",
        "_walked",
        "_way",
        "fault",
        "finished",
        "steps",
    )

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
        self._limits = limits or _LIMITS
        self._flows = flows
        self._ctx = Session(call, flows, settings, profile or {}, self._limits.text_characters, languages, calendars)
        for tag in tags:
            self._ctx.tag(tag)
        self._courtesy = courtesy
        self._element: Element | None = None
        self._run: Run | None = None
        self._deadline: float | None = None
        self._limit_at = 0.0
        self._way = Way(self._limits)
        self._closing: _Closing | None = None
        self.steps: list[Step] = self._way.steps
        """The way walked so far."""
        self.finished = False
        """Nothing more will run; late events still complete the trace."""
        self.fault: str | None = None
        """What broke the flow off, or the limit that did."""
        self._known: Mapping[str, Any] = self._ctx.profile
        self._walked: dict[str, Flow] = {}
        self._begin(flow, {})

    # What the shell asks

    @property
    def cause(self) -> Cause | None:
        """Why the session ended; None while it is up."""
        return self._ctx.cause

    @property
    def settled(self) -> bool:
        """The flow is over or dormant, and no event can change the trace any more."""
        return (self.finished or self.dormant) and self._ctx.settled

    @property
    def dormant(self) -> bool:
        """The flow waits for a time or an event and needs no caller: :meth:`snapshot` can be kept until then."""
        element = self._element
        return not (self.finished or self._ctx.up or self._run is None or element is None) and element.DORMANT

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
        found = origin(self._ctx.call, self._walked, self._known, self._ctx.properties)
        return {**found, "trace": "full"} if self._ctx.trace_full else found

    def digits(self) -> list[dict[str, Any]]:
        """Inputs of the caller as `reporting` lets them be seen; see :func:`ivr.flow.trace.digits`."""
        return digits(self.steps)

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
        ctx.now = ctx.started = now
        ctx.session = session
        ctx.properties = properties or {}
        self._limit_at = now + self._limits.call_duration
        self._go(entry)

    # Flows that wait without a caller

    def snapshot(self) -> dict[str, Any]:
        """The state of a dormant flow, as JSON; see :mod:`ivr.flow.snapshot`."""
        element = self._element
        if element is None or not self.dormant:
            raise SnapshotError("a flow can be kept only while it is dormant")
        wake_at = self.wake_at
        return take(self._ctx, self._way, element.type, None if wake_at is None else wake_at.timestamp())

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
        self._limit_at = ctx.started + self._limits.call_duration
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

    # The running element

    def _resume(self, event: Event | None) -> None:
        run = self._run
        if run is None:
            return
        try:
            self._deadline = run.send(event)
        except StopIteration as stop:
            self._go(self._leave(stop.value))
        except Exception as error:
            self._broken(error)

    def _session_over(self, cause: Cause) -> None:
        """The session is over: the element that runs ends at once, by its branch for it."""
        ctx = self._ctx
        if self._closing is not None:
            cause, self._closing = self._closing.cause, None
        ctx.cause = cause
        run, element = self._run, self._element
        if run is None or element is None:
            self._finish()
            return
        try:
            self._deadline = run.throw(CallOver(cause))
        except CallOver:
            self._go(self._leave(element.ended(cause)))
        except StopIteration as stop:
            self._go(self._leave(stop.value))
        except Exception as error:
            self._broken(error)

    def _go(self, name: str | None) -> None:
        """Run elements from the one named until one waits."""
        while True:
            if name is None:
                name = self._unwind()
                if name is None:
                    return
            branch = self._enter(name)
            if branch is None:
                return
            name = self._leave(branch)

    def _enter(self, name: str) -> str | None:
        """Run an element until it waits (None) or is done (its branch)."""
        ctx = self._ctx
        flow = ctx.flow
        element = flow.elements.get(name)
        if element is None:
            self._stop(f"there is no element {name}")
            return None
        if not self._may_enter(flow.name, name):
            return None
        if element.NEEDS_CALL and not ctx.up:
            why = "the session is over" if ctx.session else "there is none"
            self._stop(f"element {name} needs a caller, and {why}")
            return None
        step = Step(flow.name, name, element.type, ctx.now)
        self._way.enter(step)
        ctx.details = step.details
        ctx.step_entered = ctx.now
        ctx.element = name
        ctx.kept = {}
        self._element = element
        return self._begin_run(element)

    def _begin_run(self, element: Element) -> str | None:
        try:
            run = element.run(self._ctx)
            if isinstance(run, str):
                return run
            self._deadline = next(run)
        except StopIteration as stop:
            return str(stop.value)
        except Exception as error:
            self._broken(error)
            return None
        self._run = run
        return None

    def _may_enter(self, flow: str, name: str) -> bool:
        ctx, way = self._ctx, self._way
        if ctx.rested:
            ctx.rested = False
            way.rested()
        refused = way.refused(flow, name, ctx.inputs)
        if refused is not None:
            self._limit("system", refused)
        return refused is None

    def _leave(self, branch: str) -> str | None:
        """Close the step; the name of the next element, None where the branch leads nowhere."""
        ctx = self._ctx
        step, element = self.steps[-1], self._element
        assert element is not None
        self._run = None
        self._deadline = None
        step.left_at = ctx.now
        step.branch = branch
        if ctx.branch_shown is not None:
            step.branch, ctx.branch_shown = ctx.branch_shown, None
        if ctx.transfer is not None:
            return self._transfer(element)
        return element.targets.get(branch)

    # Flows

    def _begin(self, flow: Flow, passed: Mapping[str, Any]) -> None:
        ctx = self._ctx
        ctx.flow = self._walked[flow.name] = flow
        ctx.variables = {**flow.variables, **passed}
        for name in flow.sensitive:
            value = ctx.variables.get(name)
            if type(value) is not Sensitive:
                ctx.variables[name] = Sensitive(value)

    def _transfer(self, element: Element) -> str | None:
        ctx = self._ctx
        transfer, ctx.transfer = ctx.transfer, None
        assert transfer is not None
        if not transfer.returns:
            self._way.frames.clear()
        elif len(self._way.frames) >= MAX_DEPTH:
            ctx.note("subroutines call each other without end")
            self.steps[-1].branch = "other"
            return element.targets.get("other")
        else:
            self._way.frames.append(Frame(ctx.flow, ctx.variables, ctx.element, element, ctx.up))
        self.steps[-1].branch = "transferred"
        self._begin(transfer.flow, transfer.variables)
        return transfer.entry

    def _unwind(self) -> str | None:
        """The end of a way: back from a subroutine, or the end of the call and the flow (None)."""
        ctx = self._ctx
        frames = self._way.frames
        while frames:
            frame = frames.pop()
            inner = ctx.variables
            ctx.flow, ctx.variables = frame.flow, frame.variables
            if ctx.up == frame.up:
                ctx.result = {"status": "returned", "variables": Record(inner)}
                return frame.element.targets.get("returned")
            target = frame.element.targets.get("call_ended")
            if target is not None:
                return target
        if ctx.up:
            ctx.cause = "ended_by_flow"
            ctx.emit(HangUp("ended_by_flow", NORMAL_END))
        self._finish()
        return None

    # Ends

    def _limit(self, cause: Cause, text: str) -> None:
        """A limit is reached: the session ends, after a courteous prompt where one is configured."""
        ctx = self._ctx
        if self.fault is None:
            self.fault = text
        ctx.note(text)
        if not ctx.up:
            self._finish()
        elif self._courtesy is not None and (ctx.answered or ctx.early) and not ctx.forwarding:
            play = ctx.play((self._courtesy,))
            self._closing = _Closing(play, cause, ctx.now + COURTESY_TIMEOUT)
        else:
            self._force_end(cause)

    def _force_end(self, cause: Cause) -> None:
        self._ctx.emit(HangUp(cause, NORMAL_END))
        self._session_over(cause)

    def _stop(self, text: str) -> None:
        """The flow cannot go on: a fault in the log, and the end of the session where it is up."""
        ctx = self._ctx
        self.fault = text
        ctx.note(text, "error")
        if ctx.up:
            ctx.cause = "system"
            ctx.emit(HangUp("system", NORMAL_END))
        self._finish()

    def _broken(self, error: Exception) -> None:
        self._stop(f"element {self.steps[-1].element} failed: {type(error).__name__}")

    def _finish(self) -> None:
        self.finished = True
        run, self._run = self._run, None
        if run is not None:
            with suppress(Exception):
                run.close()
        self._deadline = None
        self._closing = None
        if self.steps and self.steps[-1].left_at is None:
            self.steps[-1].left_at = self._ctx.now


_LIMITS = Limits()
