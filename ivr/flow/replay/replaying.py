"""Runs a recorded call again, in the simulator, and tells where it goes another way.

The replay keeps step with the record: what the caller did in a step happens so long after that step was entered, also
where prompts are longer now; requests, forwards and mails are answered as they were. It ends at the first element that
is another one than recorded, for what the caller would have done there nobody knows.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from ivr.errors import IvrError
from ivr.flow.elements.base import Element
from ivr.flow.making import made_flow
from ivr.flow.model import Flow, FlowSet
from ivr.flow.ports import (
    Answerer,
    Cause,
    DigitSource,
    EventArrived,
    FailureKind,
    Instruction,
    Moved,
    Play,
    PromptSpec,
    WaitForEvent,
)
from ivr.flow.replay.guide import Guided
from ivr.flow.replay.places import at_place, playing
from ivr.flow.replay.record import Recorded, ReplayError
from ivr.flow.replay.steps import Action, RecordedStep
from ivr.flow.sim import CalleeAnswer, Configured, SimulatedCall, SpeechModel
from ivr.flow.sim.stubs import CalleeResult, ForwardResult
from ivr.flow.trace import Step, parts
from ivr.settings import Limits

__all__ = ["Divergence", "Replay", "replay"]

MORE = 1.0
"""Seconds that a prompt which was cut short would at least have gone on."""

MAX_TURNS = 200_000
"""Things that happen in one replay before it counts as one that never ends."""

MAX_NOTES = 20
"""Notes of one replay."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where the replay went another way."""

    index: int
    """Steps that are the same."""
    element: str
    """Element after which the ways part; the entry where they part at once."""
    flow: str
    """Its flow."""
    expected: str
    """What the record has: branch and next element."""
    actual: str
    """What the replay did."""
    why: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it."""

    recorded: Recorded
    """The call."""
    flow: Flow
    """The version that it was run against."""
    path: tuple[str, ...]
    """Elements that the replay went through."""
    divergence: Divergence | None
    """The first one; None: the same path."""
    notes: tuple[str, ...]
    """What could not be repeated exactly, and what differs without changing the path."""


def replay(recorded: Recorded, flow: Flow, flows: FlowSet, surroundings: Configured) -> Replay:
    """Run a recorded call with these flows; `surroundings` by :func:`ivr.flow.sim.configured`.

    ReplayError where the call cannot even begin.
    """
    if recorded.steps[0].element not in flow.elements:
        raise ReplayError(f"flow {flow.name} has no element {recorded.steps[0].element}, at which the call began")
    return _Replaying(recorded, flow, flows, surroundings).run()


@dataclass(frozen=True)
class _RecordedSpeech(SpeechModel):
    """Prompts last as long as they did."""

    replaying: Any = None

    def seconds(self, prompt: PromptSpec) -> float | None:
        """Length of a prompt: the recorded one where it was heard to its end."""
        found: float | None = self.replaying.prompt_seconds(prompt, super().seconds(prompt))
        return found


class _Replaying:
    """One replay."""

    def __init__(self, recorded: Recorded, flow: Flow, flows: FlowSet, surroundings: Configured) -> None:
        self.recorded = recorded
        self.flow = flow
        self.notes: list[str] = list(recorded.notes)
        self.hides = False
        self.over = False
        self.checked = 0
        self.spoken: set[tuple[int, int]] = set()
        self.asked = 0
        self.actions: list[tuple[float, int, Action]] = []
        self.scheduled = 0
        guided = {name: self.guided(flows[name]) for name in flows}
        guided[flow.name] = self.guided(flow)
        self.call = SimulatedCall(
            guided[flow.name],
            FlowSet(guided),
            recorded.given,
            recorded.stubs,
            speech=_RecordedSpeech(replaying=self),
            **{**surroundings, "limits": _without_visits(surroundings["limits"])},  # type: ignore[arg-type]
        )

    def guided(self, flow: Flow) -> Flow:
        """The flow with elements that look at the record."""
        elements = {name: Guided(element, self) for name, element in flow.elements.items()}
        return replace(flow, elements=cast("Mapping[str, Element]", elements))

    def run(self) -> Replay:
        """Let the call go on until it is over, or goes another way."""
        call = self.call
        call.start()
        divergence: Divergence | None = None
        for _ in range(MAX_TURNS):
            divergence = self.compare()
            if divergence is not None or self.over or call.finished:
                break
            self.speak()
            moment = call.next_moment()
            if self.actions and (moment is None or self.actions[0][0] <= moment):
                at, _, action = heapq.heappop(self.actions)
                if at > call.now:
                    call.wait(at - call.now)
                    divergence = self.compare()
                    if divergence is not None or self.over or call.finished:
                        break
                self.do(action)
            elif not call.advance():
                divergence = self.stuck()
                break
        if divergence is None:
            divergence = self.compare() or self.ends_alike()
        return Replay(
            self.recorded, self.flow, tuple(call.path), divergence, tuple(dict.fromkeys(self.notes))[:MAX_NOTES]
        )

    # What the elements ask (Guide)

    def now_at(self) -> tuple[RecordedStep | None, str | None]:
        """The recorded step that the running one goes with, and the element that followed it."""
        index = len(self.call.machine.steps) - 1
        step, following = self.step(index), self.step(index + 1)
        running = self.call.machine.steps[-1]
        if step is None or (step.flow, step.element) != (running.flow, running.element):
            return None, None
        return step, None if following is None else following.element

    def decided(self, element: str, hidden: str) -> None:
        """A recorded branch was taken."""
        self.hides = True
        self.notes.append(f"{element}: {hidden}, the recorded branch is taken")

    @property
    def cause(self) -> str | None:
        """Why the recorded call ended."""
        return self.recorded.cause

    def prompt_seconds(self, prompt: PromptSpec, estimate: float | None) -> float | None:
        """How long a prompt lasts: as recorded, where it is the same one."""
        step, _ = self.now_at()
        place, begun = playing(self.call.machine.steps[-1].details)
        played = None if step is None else at_place(step.data, place)
        if step is None or played is None:
            return estimate
        shown = [each.get("value") for each in played.get("prompts") or ()]
        mine = [each["value"] for each in begun["prompts"]]
        if shown != mine:
            self.notes.append(f"{step.element} says something else now")
            return estimate
        heard, reason = float(played.get("heard") or 0.0), played.get("reason")
        if reason == "failed":
            return None
        rounds = next((command.loop for _, command in reversed(self.call.log) if isinstance(command, Play)), 1) or 1
        if reason == "completed" and len(mine) == 1:
            return heard / rounds
        return max(estimate or 0.0, heard + MORE) if reason == "stopped" else estimate

    # What happens

    def step(self, index: int) -> RecordedStep | None:
        """A step of the record."""
        return self.recorded.steps[index] if 0 <= index < len(self.recorded.steps) else None

    def do(self, action: Action) -> None:
        """The caller does something, or an event comes."""
        match action.kind:
            case "press":
                self.call.press(action.value, source=cast(DigitSource, action.source))
            case "hang_up":
                self.call.hang_up(cast(Cause, action.value))
            case "event":
                self.tell(action)
            case "forward":
                self.answer(action)
            case "callee":
                self.callee(action)
            case "move":
                self.move(action)
            case "instruct":
                self.asked += 1
                self.call.send(Instruction(self.asked, action.value, action.properties))
            case "told":
                about = action.properties
                confidence = float(about.get("confidence") or 0.0)
                self.call.callee_told(cast(Answerer, action.value), confidence, str(about.get("reason") or ""))

    def move(self, action: Action) -> None:
        """Somebody outside moves the call, as it was moved; what was made for that call alone is not there any more."""
        about = action.properties
        flow = self.call.flows.get(action.value)
        if flow is None and "made" in about:
            try:
                flow = self.guided(made_flow(action.value, about["made"]))
            except IvrError as error:
                self.notes.append(f"{action.value} cannot be made any more: {error}")
        if flow is None:
            self.notes.append(
                f"the call was moved to {action.value}, a flow that was made for it: the replay ends there"
            )
            self.over = True
            return
        self.call.send(Moved(flow, str(about["entry"]), str(about["by"])))

    def answer(self, action: Action) -> None:
        """The called party does what he did; it was the caller who left where the flow did not get him back."""
        index = len(self.call.machine.steps) - 1
        step = self.step(index)
        comes_back = getattr(self.call.element, "after", "") == "return"
        if action.value == "left" and comes_back and step is not None and step.branch == "call_forwarded":
            self.call.hang_up()
        else:
            self.call.forward_result(cast(ForwardResult, action.value), action.code)

    def callee(self, action: Action) -> None:
        """Who is called answers, or it fails as it did."""
        about, answered = action.properties, action.value == "answered"
        self.call.callee_result(
            CalleeAnswer(
                result="unknown" if answered else cast(CalleeResult, action.value),
                kind=cast(FailureKind, about.get("kind") or "known"),
                sip_code=action.code,
                status=None if answered else str(about.get("reason") or ""),
                line=str(about.get("line") or ""),
                told=False,
            )
        )

    def tell(self, action: Action) -> None:
        """Hand an event to the wait that asks for it: it came to that one, also where it was posted long before."""
        for _, command in reversed(self.call.log):
            if isinstance(command, WaitForEvent) and command.event == action.value:
                at = self.recorded.given.time + timedelta(seconds=action.posted)
                self.call.send(EventArrived(command.id, action.value, action.properties, at))
                return

    def speak(self) -> None:
        """The caller speaks into a recording for as long as he did."""
        index = len(self.call.machine.steps) - 1
        step = self.step(index)
        if step is None or not self.call.recording:
            return
        # One element may record several times: a document, or an application that asks for it.
        mine = len(_recorded(self.call.machine.steps[-1].details))
        if (index, mine) in self.spoken:
            return
        self.spoken.add((index, mine))
        lasted = _recorded(step.data)
        self.call.speak(lasted[mine] if mine < len(lasted) else 0.0)

    # Comparing

    def compare(self) -> Divergence | None:
        """Look at the steps that are new, and have what happened in them happen again."""
        steps = self.call.machine.steps
        while self.checked < len(steps):
            index = self.checked
            running, step = steps[index], self.step(index)
            if step is None and self.recorded.limited:
                self.over = True
                return None
            if step is None or (running.flow, running.element) != (step.flow, step.element):
                return self.parted(index)
            self.checked += 1
            for action in step.actions:
                self.scheduled += 1
                heapq.heappush(self.actions, (running.entered_at + action.after, self.scheduled, action))
        return None

    def parted(self, index: int) -> Divergence:
        """The ways part before this step."""
        steps = self.call.machine.steps
        before = steps[index - 1] if index else None
        recorded = self.step(index - 1)
        expected = _way(recorded.branch if recorded else None, self.step(index))
        actual = _way(before.branch if before else None, steps[index] if index < len(steps) else None)
        element = before.element if before else steps[index].element
        flow = before.flow if before else steps[index].flow
        return Divergence(index, element, flow, expected, actual, self.why(before, recorded, self.step(index)))

    def why(self, before: Step | None, recorded: RecordedStep | None, following: RecordedStep | None) -> str:
        """What led another way."""
        if before is None or recorded is None:
            return "the call begins at another element"
        flow = self.flow if before.flow == self.flow.name else self.call.flows.get(before.flow)
        here = following is not None and following.flow == before.flow
        if following is not None and here and flow is not None and following.element not in flow.elements:
            return f"there is no element {following.element} any more"
        if before.branch == recorded.branch:
            return f"branch {before.branch} leads elsewhere"
        told = [
            f"{name} is {_short(before.details.get(name))}, it was {_short(recorded.data.get(name))}"
            for name in ("status", "digits", "outcome", "hours", "error", "reason", "notes")
            if before.details.get(name) != recorded.data.get(name)
        ]
        return f"another branch is taken{': ' + '; '.join(told) if told else ''}"

    def stuck(self) -> Divergence:
        """The flow waits for something that the record has not."""
        running = self.call.machine.steps[-1]
        recorded = self.step(len(self.call.machine.steps) - 1)
        waiting = self.call.waiting
        for_what = waiting.kind if waiting is not None else "something"
        text = f"it waits for a {for_what} that the record has nothing for"
        expected = _way(recorded.branch if recorded else None, self.step(len(self.call.machine.steps)))
        return Divergence(self.checked, running.element, running.flow, expected, "it stays there", text)

    def ends_alike(self) -> Divergence | None:
        """Whether the replay is over where the record is."""
        if self.over:
            return None
        steps = self.call.machine.steps
        if len(steps) < len(self.recorded.steps):
            return self.parted(len(steps))
        cause = self.call.cause
        if self.call.finished and cause not in (None, self.recorded.cause) and not self.recorded.limited:
            last = steps[-1]
            text = "the same path, but the call ends for another reason"
            return Divergence(len(steps), last.element, last.flow, self.recorded.cause or "", str(cause), text)
        return None


def _without_visits(limits: Limits) -> Limits:
    """Limits without the one of visits: keys that no element wanted count for it, and are in no record."""
    return limits.model_copy(update={"visits_without_input": limits.steps_per_call})


def _recorded(details: Mapping[str, Any]) -> list[float]:
    """Seconds of each recording of a step. What a member of `failover` recorded stands there and in the step, what was
    cut off in the step alone."""
    found = [float(part["duration"] or 0.0) for part in parts(details) if "duration" in part and part is not details]
    own = "duration" in details and (details.get("reason") == "cut" or not found)
    return [*found, float(details["duration"] or 0.0)] if own else found


def _way(branch: str | None, following: Step | RecordedStep | None) -> str:
    """A branch and where it leads."""
    where = "the end" if following is None else following.element
    return f"{branch} -> {where}" if branch is not None else where


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
