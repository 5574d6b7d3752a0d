"""What caller and world could do instead of what is usual, wherever a call waits, as steps of a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from ivr.flow.elements.base import Element
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.flow.explore.answers import bodies, event_properties
from ivr.flow.explore.inputs import right_keys, wrong_keys
from ivr.flow.explore.vocabulary import Vocabulary
from ivr.flow.explore.watched import Decision
from ivr.flow.model import Flow
from ivr.flow.ports import AiReason
from ivr.flow.sim import Step
from ivr.flow.sim.naming import SEPARATOR
from ivr.flow.sim.steps import (
    AgentStep,
    AiAgentStep,
    ApplicationStep,
    CalleeStep,
    EventStep,
    ForwardStep,
    HangUpStep,
    HttpStep,
    MailStep,
    PressStep,
    SilenceStep,
    SpeakStep,
)
from ivr.flow.sim.stubs import AgentResult, CalleeResult, ForwardResult

__all__ = ["Choices"]

Steps = tuple[Step, ...]

SPEECH = 4.0
"""Seconds that a caller speaks into a recording; longer where the element wants more."""

BRIEF_SPEECH = 0.5
"""A word that is too short to be kept."""

TIMEOUT = 10.0
"""Seconds of a request that is sent by another element than the one that waits."""

PROMPTS_AHEAD = 10
"""Prompts looked through for the collect that a key is for."""

UNREACHED: tuple[CalleeResult, ...] = ("busy", "no_answer", "declined")

REFUSALS: tuple[ForwardResult, ...] = ("busy", "no_answer", "declined", "failed")

CALLABLE: tuple[tuple[bool, ...], ...] = ((), (False,), (False, True))
"""Which of the numbers can be called that a caller may be called back on: all, none, all but his own."""
AGENT_RESULTS: tuple[AgentResult, ...] = ("waits", "closed", "full", "no_agents", "error")

AI_REASONS: tuple[AiReason, ...] = tuple(reason for reason in get_args(AiReason) if reason != "completed")
"""But that which is usual."""
AI_ENDS: tuple[Literal["hang_up", "end_call"], ...] = ("hang_up", "end_call")

APPLICATION_RESULTS: tuple[Literal["rejected", "timeout", "http_error", "bad_answer"], ...] = (
    "rejected",
    "timeout",
    "http_error",
    "bad_answer",
)


class Choices:
    """What could be done in some flows."""

    __slots__ = ("_caller", "_flows", "_inputs", "_vocabulary")

    def __init__(self, flows: Mapping[str, Flow], vocabulary: Vocabulary, caller: str) -> None:
        self._caller = caller
        self._flows = flows
        self._vocabulary = vocabulary
        self._inputs: dict[tuple[str, str], tuple[list[str], str | None]] = {}

    def at(self, decision: Decision, passed: Sequence[Decision]) -> Iterator[Steps]:
        """Steps that lead from the end of the script to this decision and do something else there.

        `passed` are the decisions before it at which what is usual was done.
        """
        flow = self._flows.get(decision.flow)
        element = None if flow is None else flow.elements.get(decision.waiting.element)
        if flow is None or element is None:
            return
        name = self.named(decision)
        silent: Steps = tuple(
            SilenceStep(silence=self.named(each)) for each in passed if each.waiting.kind == "keys" and not each.partial
        )
        match decision.waiting.kind:
            case "keys" if isinstance(element, CollectElement) and not decision.partial:
                for keys in self.inputs(flow, decision.waiting.element, element):
                    yield (*silent, PressStep(press=keys))
            case "prompt" if decision.waiting.interruptible and element.type != "collect":
                keys = self._key_ahead(flow, element)
                yield (*(silent if decision.seen_before else ()), PressStep(at=name, press=keys))
            case "recording":
                yield from ((*_again(name, silent, decision), *steps) for steps in _spoken(name, element))
            case "forward":
                yield from self._forward(name, decision, passed)
            case "dial" if isinstance(element, StartOutgoingCallElement):
                yield from self._dial(name, element, decision, passed)
            case "keys" if decision.offered:
                for keys in decision.offered:
                    yield (*silent, PressStep(press=keys))
            case "agent":
                yield from self._agent(name, element, decision, passed)
            case "ai_agent":
                ai_skipped = tuple(AiAgentStep(ai_agent=name) for _ in _earlier(passed, decision))
                for reason in AI_REASONS:
                    yield (*ai_skipped, AiAgentStep(ai_agent=name, reason=reason))
                for target in self._vocabulary.of(("result", "target")):
                    step = AiAgentStep(ai_agent=name, reason="transfer_requested", target=str(target))
                    yield (*ai_skipped, step)
                for then in AI_ENDS:
                    yield (*ai_skipped, AiAgentStep(ai_agent=name, then=then))
            case "application":
                offered = tuple(ApplicationStep(application=name) for _ in _earlier(passed, decision))
                for result in APPLICATION_RESULTS:
                    yield (*offered, ApplicationStep(application=name, result=result))
                yield (*offered, ApplicationStep(application=name, then="hang_up"))
            case "request":
                yield from self._request(name, element, decision, passed)
            case "mail":
                skipped = tuple(MailStep(mail=name) for _ in _earlier(passed, decision))
                yield (*skipped, MailStep(mail=name, error="refused"))
        if decision.awaited:
            yield from self._events(decision, element)
        yield (*_again(name, silent, decision), HangUpStep(hang_up=name))

    def named(self, decision: Decision) -> str:
        """The element of a decision as scripts name it: with its flow where another one has such an element, too."""
        element = decision.waiting.element
        several = sum(element in flow.elements for flow in self._flows.values()) > 1
        return f"{decision.flow}{SEPARATOR}{element}" if several else element

    def inputs(self, flow: Flow, name: str, element: CollectElement) -> list[str]:
        """Keys worth pressing at a collect, a wrong input last."""
        found = self._inputs.get((flow.name, name))
        if found is None:
            wanted: list[Any] = []
            if not element.responses:
                names: list[tuple[str, ...]] = [("result", "digits")]
                if element.save_as is not None:
                    names.insert(0, (element.save_as,))
                wanted = self._vocabulary.of(*names)
            found = self._inputs[flow.name, name] = right_keys(element, wanted), wrong_keys(element)
        right, wrong = found
        return right if wrong is None else [*right, wrong]

    def _key_ahead(self, flow: Flow, element: Element) -> str:
        """Keys for the collect that comes after a prompt."""
        at: Element | None = element
        for _ in range(PROMPTS_AHEAD):
            target = None if at is None else at.targets.get("audio_played", at.targets.get("next"))
            at = None if target is None else flow.elements.get(target)
            if isinstance(at, CollectElement) and target is not None:
                return next(iter(self.inputs(flow, target, at)), "1")
        return "1"

    def _forward(self, name: str, decision: Decision, passed: Sequence[Decision]) -> Iterator[Steps]:
        skipped = tuple(ForwardStep(forward=name) for _ in _earlier(passed, decision))
        for result in REFUSALS:
            yield (*skipped, ForwardStep(forward=name, result=result))
        yield (*skipped, ForwardStep(forward=name, result="answered", then="hang_up"))

    def _agent(self, name: str, element: Element, decision: Decision, passed: Sequence[Decision]) -> Iterator[Steps]:
        """A visit has two decisions: whether the caller may wait, and, where he does and has keys, which he presses.
        With the one that asks for a call back his number can be called, none can, or another one can."""
        visits = sum(not each.offered for each in _earlier(passed, decision)) - bool(decision.offered)
        skipped = tuple(AgentStep(agent=name) for _ in range(visits))
        for key in decision.offered:
            for callable_ in CALLABLE if key == decision.calls_back else CALLABLE[:1]:
                yield (
                    *skipped,
                    AgentStep(agent=name, result="waits", callable=callable_),
                    PressStep(at=name, press=key),
                )
        if not decision.offered:
            for result in AGENT_RESULTS:
                yield (*skipped, AgentStep(agent=name, result=result))
            if getattr(element, "callback_first", False):
                for callable_ in CALLABLE[1:]:
                    yield (*skipped, AgentStep(agent=name, result="waits", callable=callable_))
            yield (*skipped, AgentStep(agent=name, then="hang_up"))

    def _dial(
        self, name: str, element: StartOutgoingCallElement, decision: Decision, passed: Sequence[Decision]
    ) -> Iterator[Steps]:
        skipped = tuple(CalleeStep(callee=name) for _ in _earlier(passed, decision))
        attempts = 1 if element.retry is None else 1 + element.retry.times
        for result in UNREACHED:
            yield (*skipped, *(CalleeStep(callee=name, result=result) for _ in range(attempts)))
        yield (*skipped, CalleeStep(callee=name, result="failed", kind="final"))
        if element.finds_machines:
            yield (*skipped, CalleeStep(callee=name, result="machine"))
            yield (*skipped, CalleeStep(callee=name, hangs_up=BRIEF_SPEECH))

    def _request(self, name: str, element: Element, decision: Decision, passed: Sequence[Decision]) -> Iterator[Steps]:
        skipped = tuple(HttpStep(http=name) for _ in _earlier(passed, decision))
        save = getattr(element, "save", None)
        for body in bodies(save, self._vocabulary) if isinstance(save, Mapping) and save else ():
            yield (*skipped, HttpStep(http=name, status=200, body=body))
        for status in dict.fromkeys((404, *self._vocabulary.of(("result", "status")))):
            if type(status) is int and 300 <= status < 500:
                yield (*skipped, HttpStep(http=name, status=status))
        retry = getattr(element, "retry", None)
        tries = 1 if retry is None else 1 + int(retry.times)
        yield (*skipped, *(HttpStep(http=name, status=500) for _ in range(tries)))
        yield (*skipped, *(HttpStep(http=name, error="network") for _ in range(tries)))
        timeout = getattr(element, "timeout", None)
        after = timeout if isinstance(timeout, (int, float)) else TIMEOUT
        yield (*skipped, *(HttpStep(http=name, error="timeout", after=after) for _ in range(tries)))

    def _events(self, decision: Decision, element: Element) -> Iterator[Steps]:
        conditions = getattr(element, "conditions", ())
        save = getattr(element, "save", {})
        for name in dict.fromkeys(decision.awaited):
            for properties in event_properties(conditions, save, self._vocabulary, self._caller):
                yield (EventStep(event=name, properties=properties) if properties else EventStep(event=name),)


def _again(name: str, silent: Steps, decision: Decision) -> Steps:
    """What must come first so that a step at an element does not happen at an earlier visit of it."""
    return silent if decision.seen_before else ()


def _earlier(passed: Sequence[Decision], decision: Decision) -> list[Decision]:
    """Decisions of the same kind at the same element, which the answers in a script come to first."""
    wanted = (decision.flow, decision.waiting.element, decision.waiting.kind)
    return [each for each in passed if (each.flow, each.waiting.element, each.waiting.kind) == wanted]


def _spoken(name: str, element: Element) -> Iterator[Steps]:
    least = float(getattr(element, "min_duration", 1.0))
    yield (SpeakStep(at=name, speak=max(SPEECH, least + 1.0)),)
    if least > BRIEF_SPEECH:
        yield (SpeakStep(at=name, speak=BRIEF_SPEECH),)
    escape = str(getattr(element, "escape_digits", ""))
    if escape:
        yield (PressStep(press=escape[0]),)
