"""What caller and world could do instead of what is usual, wherever a call waits, as steps of a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ivr.flow.elements.base import Element
from ivr.flow.elements.collect import CollectElement
from ivr.flow.explore.inputs import right_keys, wrong_keys
from ivr.flow.explore.vocabulary import Vocabulary
from ivr.flow.explore.watched import Decision
from ivr.flow.model import Flow
from ivr.flow.sim import Step
from ivr.flow.sim.naming import SEPARATOR
from ivr.flow.sim.steps import (
    EventStep,
    ForwardStep,
    HangUpStep,
    HttpStep,
    MailStep,
    PressStep,
    SilenceStep,
    SpeakStep,
)
from ivr.flow.sim.stubs import ForwardResult

__all__ = ["Choices"]

Steps = tuple[Step, ...]

SPEECH = 4.0
"""Seconds that a caller speaks into a recording; longer where the element wants more."""

BRIEF_SPEECH = 0.5
"""A word that is too short to be kept."""

MAX_BODIES = 6
"""Answers of one request that are tried for what is read from them."""

PROMPTS_AHEAD = 10
"""Prompts looked through for the collect that a key is for."""

REFUSALS: tuple[ForwardResult, ...] = ("busy", "no_answer", "declined", "failed")


class Choices:
    """What could be done in some flows."""

    __slots__ = ("_flows", "_inputs", "_vocabulary")

    def __init__(self, flows: Mapping[str, Flow], vocabulary: Vocabulary) -> None:
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
            case "request":
                yield from self._request(name, element, decision, passed)
            case "mail":
                skipped = tuple(MailStep(mail=name) for _ in _earlier(passed, decision))
                yield (*skipped, MailStep(mail=name, error="refused"))
            case "event":
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

    def _request(self, name: str, element: Element, decision: Decision, passed: Sequence[Decision]) -> Iterator[Steps]:
        skipped = tuple(HttpStep(http=name) for _ in _earlier(passed, decision))
        for body in self._bodies(element):
            yield (*skipped, HttpStep(http=name, status=200, body=body))
        yield (*skipped, HttpStep(http=name, status=404))
        retry = getattr(element, "retry", None)
        tries = 1 if retry is None else 1 + int(retry.times)
        yield (*skipped, *(HttpStep(http=name, status=500) for _ in range(tries)))
        yield (*skipped, *(HttpStep(http=name, error="network") for _ in range(tries)))
        timeout = float(getattr(element, "timeout", None) or 10.0)
        yield (*skipped, *(HttpStep(http=name, error="timeout", after=timeout) for _ in range(tries)))

    def _bodies(self, element: Element) -> list[dict[str, Any]]:
        """Answers that give the variables which are read from them what conditions ask for."""
        save = getattr(element, "save", None)
        if not isinstance(save, Mapping) or not save:
            return []
        wanted = {name: self._vocabulary.of((name,)) or ["1"] for name in save}
        bodies: list[dict[str, Any]] = []
        for turn in range(min(MAX_BODIES, max(map(len, wanted.values())))):
            body: dict[str, Any] = {}
            for name, path in save.items():
                values = wanted[name]
                body = _with(body, str(getattr(path, "source", path)), values[min(turn, len(values) - 1)])
            if body not in bodies:
                bodies.append(body)
        return bodies

    def _events(self, decision: Decision, element: Element) -> Iterator[Steps]:
        for name in dict.fromkeys(decision.awaited):
            yield (EventStep(event=name),)
            properties: dict[str, Any] = {}
            for path, values in self._vocabulary.values.items():
                if path[0] in ("event", "properties") and len(path) > 1 and values:
                    properties[path[-1]] = values[0]
            if properties:
                yield (EventStep(event=name, properties=properties),)


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


def _with(body: Any, path: str, value: Any) -> Any:
    """A body with a value where a JSONPath looks for it: names and indices, nothing else of the language."""
    body = {} if not isinstance(body, dict) else body
    at: Any = body
    parts = _path_parts(path)
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        inner: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(part, int):
            while isinstance(at, list) and len(at) <= part:
                at.append(inner)
            at = at[part] if isinstance(at, list) else {}
        elif isinstance(at, dict):
            if following is None or part not in at:
                at[part] = inner
            at = at[part]
        else:
            return body
    return body


def _path_parts(path: str) -> list[str | int]:
    parts: list[str | int] = []
    for piece in path.removeprefix("$").replace("[", ".[").split("."):
        inside = piece.strip("[]'\" ")
        if piece.startswith("[") and inside.isdecimal():
            parts.append(min(int(inside), 20))
        elif inside and inside.replace("_", "a").replace("-", "a").isalnum():
            parts.append(inside)
    return parts
