"""Bounded model checking: a flow is walked in the simulator until nothing new is found, or a bound is reached.

Each run is a script played from the beginning; when it is over, caller and world do what is usual: the caller is
silent, requests succeed, forwards are answered. Wherever the rest of the run waits in a state that was not seen before,
scripts follow that do something else there. Shorter scripts come first, so that the first one that shows a fault is
short; it is then made as short as it gets.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from ivr.flow.explore.choices import Choices
from ivr.flow.explore.judging import Kind, Wrong, faults
from ivr.flow.explore.openings import Opening, openings
from ivr.flow.explore.vocabulary import learn
from ivr.flow.explore.watched import Decision, WatchedCall
from ivr.flow.model import Flow, FlowSet
from ivr.flow.sim import Configured, Given, Script, Step, Stubs, configured
from ivr.flow.sim.given import first_entry
from ivr.flow.sim.steps import HangUpStep, PressStep
from ivr.flow.testing.coverage import Coverage
from ivr.settings import Settings

__all__ = ["Bounds", "Finding", "Report", "explore"]

ROUNDS = 12
"""How often what leads round a loop is repeated to see whether the limit of visits ends it: more than that limit."""

HANG_UPS = 3
"""States of one element in which hanging up is tried: what follows hardly depends on more."""

MAX_ROUND = 8
"""Steps of a script that are looked at as one round of a loop."""

MAX_SHRINKS = 200
"""Runs spent on making one script shorter."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the search ends at the latest."""

    runs: int = 20_000
    """Calls."""
    steps: int = 24
    """Steps of a script."""
    out_of_time: Callable[[], bool] = bool
    """Asked now and then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a flow."""

    kind: Kind
    """Sort of fault."""
    flow: str
    """Flow it is in."""
    element: str
    """Element it is at."""
    text: str
    """A sentence for people."""
    given: Given
    """How the call begins."""
    failing: frozenset[str]
    """Elements whose recordings cannot be written."""
    script: Script
    """The shortest script found that shows it."""
    path: tuple[str, ...]
    """Elements that the call goes through."""
    ended_by: str | None
    """Why the call ended."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    flow: str
    """The flow that was explored."""
    findings: tuple[Finding, ...]
    """Faults, those with the shortest scripts first."""
    runs: int
    """Calls that were simulated."""
    states: int
    """States that were told apart."""
    complete: bool
    """Nothing more was left to try; otherwise a bound ended the search."""
    coverage: Coverage
    """Branches that were taken."""
    scope: tuple[str, ...]
    """The flow and those that it may pass calls to."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A script to be tried."""

    opening: Opening
    number: int
    """Of the beginning."""
    steps: tuple[Step, ...]
    crossings: tuple[tuple[Hashable, int, int], ...] = ()
    """States in which its steps begin: state, inputs until then, and how many steps come before."""


def explore(
    flow: Flow,
    flows: FlowSet,
    surroundings: Configured | None = None,
    bounds: Bounds | None = None,
    *,
    given: Given | None = None,
) -> Report:
    """Walk a flow from each of its entries.

    `surroundings` come from the configuration, by :func:`ivr.flow.sim.configured`; `given` is the usual beginning.
    """
    search = _Search(flow, flows, surroundings or configured(Settings()), bounds or Bounds())
    return search.run(given or Given())


class _Search:
    def __init__(self, flow: Flow, flows: FlowSet, surroundings: Configured, bounds: Bounds) -> None:
        self.flow = flow
        self.flows = flows
        self.surroundings = surroundings
        self.bounds = bounds
        self.scope = _reachable(flow, flows)
        self.vocabulary = learn(self.scope.values())
        self.choices = Choices(self.scope, self.vocabulary, Given().caller)
        self.seen: set[Hashable] = set()
        self.hang_ups: dict[tuple[str, str, str], int] = {}
        self.found: dict[tuple[str, str, str, str], Finding] = {}
        self.coverage = Coverage(flows)
        self.rounds: set[Hashable] = set()
        self.runs = 0
        self.queue: list[tuple[int, int, _Node]] = []
        self.queued = 0

    def run(self, base: Given) -> Report:
        """Search until there is nothing left, or a bound is reached."""
        calendars = self.surroundings["calendars"]
        for entry in _entries(self.flow, base):
            for opening in openings(self.flow, entry, self.scope.values(), self.vocabulary, calendars):
                self.put(_Node(opening, self.queued, ()))
        complete = True
        while self.queue:
            if self.runs >= self.bounds.runs or self.bounds.out_of_time():
                complete = False
                break
            _, _, node = heapq.heappop(self.queue)
            self.visit(node)
        findings = sorted(self.found.values(), key=lambda found: (len(found.script.steps), found.flow, found.element))
        return Report(
            self.flow.name, tuple(findings), self.runs, len(self.seen), complete, self.coverage, tuple(self.scope)
        )

    def put(self, node: _Node) -> None:
        """Have a script tried in its turn: shorter ones first."""
        if len(node.steps) <= self.bounds.steps:
            self.queued += 1
            heapq.heappush(self.queue, (len(node.steps), self.queued, node))

    def visit(self, node: _Node) -> None:
        """Try a script, and put those into the queue that do something else where it waits."""
        call, wrong = self.play(node.opening, node.steps)
        for each in wrong:
            self.keep(node.opening, node.steps, each)
        if call is None or call.unused_steps:
            return
        for decision in call.decisions:
            self.look_for_loop(node, decision)
            if (node.number, decision.state) in self.seen:
                continue
            self.seen.add((node.number, decision.state))
            if decision.waiting.kind == "recording":
                failing = replace(node.opening, failing=node.opening.failing | {decision.waiting.element})
                if failing != node.opening:
                    self.put(replace(node, opening=failing))
            passed = call.decisions[: decision.before]
            for steps in self.choices.at(decision, passed):
                if isinstance(steps[-1], HangUpStep) and (not decision.up or self.hung_up_enough(decision)):
                    continue
                crossing = (decision.state, decision.inputs, len(node.steps))
                self.put(_Node(node.opening, node.number, (*node.steps, *steps), (*node.crossings, crossing)))

    def hung_up_enough(self, decision: Decision) -> bool:
        """Hanging up was tried at this element often enough."""
        place = (decision.flow, decision.waiting.element, decision.waiting.kind)
        self.hang_ups[place] = self.hang_ups.get(place, 0) + 1
        return self.hang_ups[place] > HANG_UPS

    def look_for_loop(self, node: _Node, decision: Decision) -> None:
        """A state that a step of the script began in is there again, and the caller did nothing in between: what led
        round once does so for ever."""
        for state, inputs, before in node.crossings:
            if state != decision.state or inputs != decision.inputs:
                continue
            turn = node.steps[before:]
            if not turn or len(turn) > MAX_ROUND or state in self.rounds:
                continue
            self.rounds.add(state)
            # A step is one thing that happens: each needs an object of its own.
            steps = (*node.steps, *(step.model_copy() for _ in range(ROUNDS) for step in turn))
            _, wrong = self.play(node.opening, steps)
            for each in wrong:
                if each.kind == "endless_loop":
                    self.keep(node.opening, steps, each)

    # One call

    def play(self, opening: Opening, steps: tuple[Step, ...]) -> tuple[WatchedCall | None, list[Wrong]]:
        """Simulate one call to its end; no call where the engine itself broke."""
        self.runs += 1
        decisive = self.vocabulary.decisive
        stubs = Stubs(failing_recordings=opening.failing)
        call = WatchedCall(self.flow, self.flows, opening.given, stubs, decisive=decisive, **self.surroundings)
        script = Script(steps)
        try:
            script.run(call, finish=False)
            call.watch()
            call.run()
        except Exception as error:
            at = call.machine.steps[-1] if call.machine.steps else None
            text = f"the engine itself fails: {type(error).__name__}: {error}"
            return None, [Wrong("crash", at.flow if at else self.flow.name, at.element if at else call.entry, text)]
        self.coverage.add(call.steps)
        subroutine = self.flow.elements[call.entry].type == "start_from_flow"
        return call, faults(call, subroutine=subroutine)

    # Findings

    def keep(self, opening: Opening, steps: tuple[Step, ...], wrong: Wrong) -> None:
        """Keep a fault with a short script that shows it."""
        if wrong.place in self.found:
            return
        opening, steps, wrong, call = self.shrink(opening, steps, wrong)
        if wrong.place in self.found:
            return
        self.found[wrong.place] = Finding(
            wrong.kind,
            wrong.flow,
            wrong.element,
            wrong.text,
            opening.given,
            opening.failing,
            Script(steps),
            tuple(call.path) if call is not None else (),
            call.cause if call is not None else None,
        )

    def shrink(
        self, opening: Opening, steps: tuple[Step, ...], wrong: Wrong
    ) -> tuple[Opening, tuple[Step, ...], Wrong, WatchedCall | None]:
        """Leave out what the fault does not need."""
        best = wrong
        call, _ = self.play(opening, steps)
        if call is not None and call.unused_steps:
            unused = {id(step) for step in call.unused_steps}
            steps = tuple(step for step in steps if id(step) not in unused)
        left = MAX_SHRINKS

        def shows(other: Opening, fewer: tuple[Step, ...]) -> bool:
            nonlocal best, call, left
            left -= 1
            if left < 0:
                return False
            played, found = self.play(other, fewer)
            same = next((each for each in found if each.place == wrong.place), None)
            if same is None or (played is not None and played.unused_steps):
                return False
            best, call = same, played
            return True

        plain = Given(entry=opening.given.entry)
        for other in (Opening(plain), Opening(plain, opening.failing), Opening(opening.given)):
            if other == opening or shows(other, steps):
                opening = other
                break
        shorter = True
        while shorter:
            shorter = False
            for size in (8, 4, 2, 1):
                index = len(steps) - size
                while index >= 0:
                    fewer = steps[:index] + steps[index + size :]
                    if shows(opening, fewer):
                        steps, shorter = fewer, True
                    index -= 1
                    index = min(index, len(steps) - size)
        for index, step in enumerate(steps):
            if isinstance(step, PressStep) and len(step.press) > 1:
                for keys in (step.press[:1], step.press[:-1]):
                    fewer = (*steps[:index], step.model_copy(update={"press": keys}), *steps[index + 1 :])
                    if shows(opening, fewer):
                        steps = fewer
                        break
        return opening, steps, best, call


def _entries(flow: Flow, base: Given) -> list[Given]:
    """One beginning for each entry; for a subroutine the one that other flows come in by."""
    if base.entry is not None:
        return [base]
    found = [name for name in flow.entries if flow.elements[name].type != "start_from_flow"]
    found = found or [*flow.entries][:1] or [next(iter(flow.elements))]
    usual = first_entry(flow)
    return [base if name == usual else replace(base, entry=name) for name in found]


def _reachable(flow: Flow, flows: FlowSet) -> dict[str, Flow]:
    """The flow, and those that it may pass the call to; all of them where a name is worked out in the call."""
    found = {flow.name: flow}
    todo = [flow]
    while todo:
        for element in todo.pop().elements.values():
            target: Any = getattr(element, "flow", None) if element.type == "transfer_to_flow" else None
            if target is None:
                continue
            names = [str(target.constant)] if target.fixed else list(flows)
            for name in names:
                other = flows.get(name)
                if other is not None and name not in found:
                    found[name] = other
                    todo.append(other)
    return found
