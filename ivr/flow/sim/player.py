"""Doing the steps of a script in a simulated call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ivr.flow.sim.call import MAX_MOMENTS, SimulatedCall
from ivr.flow.sim.naming import same_element
from ivr.flow.sim.seen import Waiting
from ivr.flow.sim.steps import (
    AgentStep,
    AiAgentStep,
    ApplicationStep,
    CalleeStep,
    EventStep,
    ForwardStep,
    HangUpAfterStep,
    HangUpStep,
    HttpStep,
    MailStep,
    PlaceStep,
    PressStep,
    SilenceStep,
    SpeakStep,
    Step,
    UntilStep,
    WaitStep,
)

__all__ = ["Player"]

ANSWERS = (ForwardStep, HttpStep, MailStep, CalleeStep, AgentStep, AiAgentStep, ApplicationStep)
"""Steps that say how the world answers, whenever it is asked."""


class Player:
    """Plays the caller and the world of one call."""

    __slots__ = ("_answers", "_call", "_mark", "_steps")

    def __init__(self, call: SimulatedCall, steps: Sequence[Step]) -> None:
        self._call = call
        self._steps = tuple(steps)
        self._mark = 0
        """Index of the step of the call that was reached last; what came before counts no more."""
        self._answers: dict[int, object] = {}
        """Answers of the world, by the identity of their step."""

    def run(self, finish: bool = True) -> SimulatedCall:
        """Do the steps one after the other; see :meth:`ivr.flow.sim.script.Script.run`."""
        call = self._call
        for step in self._steps:
            if isinstance(step, ANSWERS):
                self._answers[id(step)] = step.answer
        call.stub(*self._answers.values())  # type: ignore[arg-type]
        if not call.started:
            call.start()
        done = 0
        for step in self._steps:
            if not self._do(step):
                break
            done += 1
        if finish:
            call.run()
        call.unused_steps = tuple(step for step in self._steps[done:] if not self._given(step))
        return call

    def _given(self, step: Step) -> bool:
        """The answer of a step of the world took effect."""
        answer = self._answers.get(id(step))
        return answer is not None and any(found is answer for found in self._call.delivered)

    def _do(self, step: Step) -> bool:
        """Do one step when its time has come; False: it never came."""
        doing = _DOING.get(type(step))
        return doing is not None and doing(self, step)

    # When

    def _until(self, wanted: Callable[[], bool]) -> bool:
        """Let the call go on until something is so; False: it never is."""
        call = self._call
        while not wanted():
            if call.finished or call.moments >= MAX_MOMENTS or not call.advance():
                return wanted()
        return True

    def _reach(self, element: str) -> bool:
        """Let the call go on until it has entered an element; the one it is in counts."""
        return self._until(lambda: self._entered(element))

    def _entered(self, element: str) -> bool:
        steps = self._call.machine.steps
        for index in range(self._mark, len(steps)):
            if same_element(element, steps[index]):
                self._mark = index
                return True
        # The last one may still be the current one when the next look is taken.
        self._mark = max(self._mark, len(steps) - 1)
        return False

    def _waits(self, wanted: Callable[[Waiting], bool]) -> bool:
        def holds() -> bool:
            waiting = self._call.waiting
            return waiting is not None and wanted(waiting)

        return self._until(holds)

    def _in(self, element: str) -> bool:
        """The call is in this element."""
        return same_element(element, self._call.machine.steps[-1])

    def _arrived(self) -> bool:
        """What comes next counts from the element that the call is in now."""
        self._mark = max(self._mark, len(self._call.machine.steps) - 1)
        return True

    # The caller

    def _press(self, step: PressStep) -> bool:
        call = self._call
        if step.at is not None:
            if not self._reach(step.at):
                return False
        elif not self._waits(lambda waiting: self._wants(waiting, step.press)):
            return False
        call.wait(step.after)
        if call.ended:
            return False
        mark = self._mark
        call.press(step.press, step.gap)
        if step.at is None:
            return self._arrived()
        self._mark = mark
        return True

    def _wants(self, waiting: Waiting, keys: str) -> bool:
        """The call waits for keys; in a recording only for one that ends it."""
        if waiting.kind == "recording":
            return self._call.recording and keys[0] in getattr(self._call.element, "escape_digits", "")
        return waiting.kind == "keys"

    def _silence(self, step: SilenceStep) -> bool:
        where = step.silence
        if not self._waits(lambda waiting: waiting.kind == "keys" and (where is True or self._in(where))):
            return False
        call = self._call
        deadline = call.machine.next_timer()
        self._until(lambda: deadline is None or call.now >= deadline)
        return self._arrived()

    def _wait(self, step: WaitStep) -> bool:
        self._call.wait(step.wait)
        return self._arrived()

    def _speak(self, step: SpeakStep) -> bool:
        call = self._call
        if not self._waits(lambda _: call.recording and (step.at is None or self._in(step.at))):
            return False
        call.speak(step.speak)
        call.wait(step.speak)
        return self._arrived()

    def _hang_up(self, step: HangUpStep) -> bool:
        if step.hang_up is not True and not self._reach(step.hang_up):
            return False
        return self._leave(step.after)

    def _hang_up_after(self, step: HangUpAfterStep) -> bool:
        return self._leave(step.hang_up_after)

    def _leave(self, after: float) -> bool:
        call = self._call
        call.wait(after)
        if call.ended:
            return False
        call.hang_up()
        return self._arrived()

    # The world

    def _event(self, step: EventStep) -> bool:
        call = self._call
        if step.at is not None and not self._reach(step.at):
            return False
        if step.after is not None:
            call.wait(step.after)
        elif step.at is None and not self._until(lambda: step.event in call.awaited):
            return False
        if call.finished:
            return False
        call.event(step.event, step.properties)
        return self._arrived()

    def _place(self, step: PlaceStep) -> bool:
        call = self._call
        if not self._waits(lambda waiting: waiting.kind == "agent"):
            return False
        call.wait(step.after)
        return call.queue_place(step.position, step.estimate) and self._arrived()

    def _until_moment(self, step: UntilStep) -> bool:
        call = self._call
        call.wait(max(0.0, (step.until - call.wall()).total_seconds()))
        return self._arrived()

    def _answered(self, step: Step) -> bool:
        return self._until(lambda: self._given(step)) and self._arrived()


_DOING: dict[type[Step], Callable[[Player, Any], bool]] = {
    PressStep: Player._press,
    SilenceStep: Player._silence,
    WaitStep: Player._wait,
    SpeakStep: Player._speak,
    HangUpStep: Player._hang_up,
    HangUpAfterStep: Player._hang_up_after,
    EventStep: Player._event,
    UntilStep: Player._until_moment,
    ForwardStep: Player._answered,
    HttpStep: Player._answered,
    MailStep: Player._answered,
    CalleeStep: Player._answered,
    AgentStep: Player._answered,
    PlaceStep: Player._place,
    AiAgentStep: Player._answered,
    ApplicationStep: Player._answered,
}
"""How each step is done."""
