"""From element to element: what runs, what follows it, subroutines, limits and the end.

One element runs at a time; what it returns names the branch, the branch the next element. A branch that leads nowhere
ends a subroutine, else hangs up, else (the session is over) ends the flow. Whatever an element does, the walk comes to
an end: steps, visits without input and the length of the session are limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ivr.flow.elements.base import CallOver, Element, Run
from ivr.flow.expressions import Record, Sensitive
from ivr.flow.ports import Cause, Event, HangUp, Moved, PromptSpec
from ivr.flow.session import Session
from ivr.flow.trace import Step, made_of
from ivr.flow.way import Frame, Way
from ivr.settings import Limits

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["Walk"]

MAX_DEPTH = 16
"""Subroutines inside one another; deeper is a flow that calls itself."""

COURTESY_TIMEOUT = 20.0
"""Seconds that the prompt before a forced end may take."""

NORMAL_END = 480
"""Final response when a call that is not answered ends without a cause of its own."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A limit ends the session after a courteous prompt."""

    play: int
    """The prompt."""
    cause: Cause
    """Why the session ends."""
    deadline: float
    """When it ends whatever the prompt does."""


class Walk:
    """The way of one call, or of a flow without a caller, through its flows."""

    __slots__ = (
        "_closing",
        "_courtesy",
        "_ctx",
        "_deadline",
        "_element",
        "_flows",
        "_limits",
        "_run",
        "_walked",
        "_way",
        "fault",
        "finished",
        "steps",
    )

    def __init__(self, ctx: Session, flow: Flow, flows: FlowSet, limits: Limits, courtesy: PromptSpec | None) -> None:
        self._ctx = ctx
        self._flows = flows
        self._limits = limits
        self._courtesy = courtesy
        self._element: Element | None = None
        self._run: Run | None = None
        self._deadline: float | None = None
        self._way = Way(limits)
        self._closing: Closing | None = None
        self.steps: list[Step] = self._way.steps
        """The way walked so far."""
        ctx.steps = self.steps
        self.finished = False
        """Nothing more will run; late events still complete the trace."""
        self.fault: str | None = None
        """What broke the flow off, or the limit that did."""
        self._walked: dict[str, Flow] = {}
        self._begin(flow, {})

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
        if element.NEEDS_NO_CALL and ctx.up:
            self._stop(f"element {name} is not allowed while a caller is there: hang up first")
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

    @property
    def _limit_at(self) -> float:
        """When the session that is up has lasted as long as one may."""
        return self._ctx.session_at + self._limits.call_duration

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
        if ctx.left:
            self._way.frames.clear()
        return element.targets.get(branch)

    # Being moved

    def move_refusal(self) -> str | None:
        """Why the call cannot be moved to another flow now, as a sentence; None: it can."""
        ctx = self._ctx
        if self.finished or (ctx.session and not ctx.up):
            return "the call is over"
        if not ctx.up:
            return "nobody is on the phone"
        if self._closing is not None:
            return "the call is being ended: a limit is reached"
        return None if self._run is not None else "the flow has not begun"

    def _move(self, event: Moved) -> None:
        """The call goes on in another flow: the element that runs is left at once, and whatever it began is stopped.

        A flow that was made for this has a place to come back to where nobody takes the call: the element that is left.
        """
        ctx = self._ctx
        refused = self.move_refusal()
        if refused is not None:
            ctx.note(f"the call was not moved: {refused}")
            return
        run, self._run = self._run, None
        self._deadline = None
        if run is not None:
            try:
                run.close()
            except Exception as error:
                ctx.note(f"element {ctx.element} could not be left in good order: {type(error).__name__}", "error")
        ctx.moved()
        step = self.steps[-1]
        step.left_at = ctx.now
        step.branch = f"moved by {event.by}"
        before = len(self.steps)
        made = made_of(event.flow)
        frames = self._way.frames
        if made is None:
            frames.clear()
        elif self._element is not None:
            del frames[: max(0, len(frames) - MAX_DEPTH + 1)]
            frames.append(Frame(ctx.flow, ctx.variables, ctx.element, self._element, True, again=True))
        self._begin(event.flow, event.variables)
        self._go(event.entry)
        if made is not None and len(self.steps) > before:
            self.steps[before].details["made"] = made

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
            if frame.again and not ctx.up:
                frames.clear()
                break
            inner = ctx.variables
            ctx.flow, ctx.variables = frame.flow, frame.variables
            if frame.again:
                ctx.note(f"the call comes back: {frame.name} begins again")
                return frame.name
            if ctx.up or not frame.up:
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
            self._closing = Closing(play, cause, ctx.now + COURTESY_TIMEOUT)
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
