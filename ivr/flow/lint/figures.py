"""Figures of a flow: how long until a caller can speak with a person, and how deep its menus go.

Three times to a person, each from an entry to the beginning of the first element that reaches one:

    least    by the shortest way for somebody who knows it: keys cut prompts short, servers answer at once
    heard    by the shortest way for somebody who listens to every prompt before pressing a key
    longest  by the longest way: every prompt heard, every attempt used up, every server slow. What lies in a loop
             counts once, all of it: with loops the figure is an upper bound of one round; nothing bounds the rounds.

Prompts last as :class:`~ivr.flow.sim.speech.SpeechModel` estimates. Flows that the call goes on in count with their own
figures. Every figure takes time that grows with the size of the flows.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ivr.flow.elements.base import Element
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.play import PlayElement
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.elements.start import AnswerAfter
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.lint.graphs import components, tree
from ivr.flow.lint.sound import LONGEST_SILENCE, seconds_of
from ivr.flow.model import Flow
from ivr.flow.sim.speech import SpeechModel

__all__ = ["Figures", "Way", "figures"]


_SPEECH = SpeechModel()


@dataclass(frozen=True, slots=True)
class Way:
    """A figure with the way that it belongs to."""

    amount: float
    """Seconds, or menus."""
    path: tuple[str, ...]
    """Elements; those of other flows as FLOW/ELEMENT."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one entry."""

    flow: str
    """The flow."""
    entry: str
    """The element that it begins with."""
    least: Way | None
    """Shortest time to a person; None: no way leads to one."""
    heard: Way | None
    """The same when every prompt is heard."""
    longest: Way | None
    """Longest time to a person."""
    menus: int
    """Elements of this flow in which a caller chooses."""
    depth: Way
    """Menus before the element that lies deepest, by its shortest way."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Answers for one flow from one entry."""

    person: Way | None
    """To the first person."""
    end: float | None
    """To an end at which a subroutine goes back; None: there is none."""
    farthest: Way = field(default_factory=lambda: Way(0.0, ()))
    """The element that lies farthest."""


_NOTHING = _Found(None, None)


def figures(flow: Flow, flows: Mapping[str, Flow] | None = None, speech: SpeechModel = _SPEECH) -> tuple[Figures, ...]:
    """Figures of a flow for each of its entries that begin with a caller."""
    known = {**(flows or {}), flow.name: flow}
    least = _Search(known, lambda element, at: _seconds(element, at, speech)[0])
    heard = _Search(known, lambda element, at: _seconds(element, at, speech)[1])
    menus = _Search(known, lambda element, at: float(_is_menu(element)))
    longest = _Longest(known, lambda element, at: _seconds(element, at, speech)[2])
    count = sum(_is_menu(element) for element in flow.elements.values())
    return tuple(
        Figures(
            flow.name,
            entry,
            least.of(flow, entry).person,
            heard.of(flow, entry).person,
            longest.of(flow, entry).person,
            count,
            menus.of(flow, entry).farthest,
        )
        for entry in flow.entries
        if not flow.elements[entry].OUTSIDE
    )


def _is_menu(element: Element) -> bool:
    return isinstance(element, CollectElement) and len(set(element.responses.values())) > 1


# What an element takes


def _seconds(element: Element, flow: Flow, speech: SpeechModel) -> tuple[float, float, float]:
    """The least time in an element, the time when its prompts are heard, and the longest."""
    if isinstance(element, PlayElement):
        heard = element.pause + seconds_of(element, flow, speech) * max(element.loop, 1)
        return (0.0 if element.interruptible else heard), heard, heard
    if isinstance(element, CollectElement):
        again = max(_prompt(element.retry_prompt, flow, speech), _prompt(element.invalid_prompt, flow, speech))
        digits = element.max_digits or max(map(len, element.responses), default=1)
        one = element.wait + element.wait_between * (digits - 1)
        return 0.0, 0.0, one * element.attempts + again * (element.attempts - 1)
    waits = sum(_waits(element))
    consent = _prompt(getattr(element, "consent", None), flow, speech)
    answer = getattr(element, "answer", None)
    rings = answer.after if isinstance(answer, AnswerAfter) else 0.0
    return consent + rings, consent + rings, consent + rings + waits


def _waits(element: Element) -> list[float]:
    """Longest waits of an element for something else than the caller, as its fields say."""
    found: list[float] = []
    retry = getattr(element, "retry", None)
    tries = 1 + getattr(retry, "times", 0)
    for name in ("duration", "timeout", "max_duration"):
        value = getattr(element, name, None)
        value = getattr(value, "constant", value)
        if isinstance(value, (int, float)) and getattr(element, "wait", True):
            found.append(float(value) * (tries if name == "timeout" else 1))
    if retry is not None:
        found.append(sum(retry.pause(number) for number in range(1, tries)))
    if element.silent_wait() > LONGEST_SILENCE and hasattr(element, "hold_music"):
        return [min(sum(found), LONGEST_SILENCE)]
    return found


def _prompt(prompt: PromptFields | None, flow: Flow, speech: SpeechModel) -> float:
    return 0.0 if prompt is None else seconds_of(prompt, flow, speech)


# Ways


Cost = Callable[[Element, Flow], float]


class _Search:
    """Shortest ways (Dijkstra) in flows that call one another; each flow and entry is searched once."""

    def __init__(self, flows: Mapping[str, Flow], cost: Cost) -> None:
        self.flows = flows
        self.cost = cost
        self.known: dict[tuple[str, str], _Found] = {}

    def of(self, flow: Flow, entry: str) -> _Found:
        """Answers for a flow from an entry; empty ones for a flow that is being searched (it calls itself)."""
        key = (flow.name, entry)
        if key not in self.known:
            self.known[key] = _NOTHING
            self.known[key] = self.search(flow, entry)
        return self.known[key]

    def inside(self, element: Element) -> tuple[Flow, _Found] | None:
        """The flow that the call goes on in, with its answers."""
        if not isinstance(element, TransferToFlowElement) or not element.flow.fixed:
            return None
        flow = self.flows.get(element.flow.source.strip())
        return None if flow is None or flow.flow_entry is None else (flow, self.of(flow, flow.flow_entry))

    def search(self, flow: Flow, entry: str) -> _Found:
        leaving = _leaving(flow)
        before: dict[str, str | None] = {}
        todo: list[tuple[float, int, str, str | None]] = [(0.0, 0, entry, None)]
        count = 0
        person: Way | None = None
        end: float | None = None
        farthest = Way(0.0, (entry,))
        while todo:
            amount, _, name, earlier = heapq.heappop(todo)
            if name in before:
                continue
            before[name] = earlier
            element = flow.elements[name]
            if amount > farthest.amount:
                farthest = Way(amount, _back(before, name))
            if element.REACHES_PERSON:
                person = person or Way(amount, _back(before, name))
            through = self.cost(element, flow)
            inside = self.inside(element)
            if inside is not None:
                other, found = inside
                there = found.person
                if there is not None and (person is None or amount + there.amount < person.amount):
                    person = Way(amount + there.amount, (*_back(before, name), *_of(other, there.path)))
                if found.farthest.path and amount + found.farthest.amount > farthest.amount:
                    way = (*_back(before, name), *_of(other, found.farthest.path))
                    farthest = Way(amount + found.farthest.amount, way)
                through += found.end or 0.0
            for target in leaving[name]:
                count += 1
                if target is None:
                    end = amount + through if end is None else min(end, amount + through)
                else:
                    heapq.heappush(todo, (amount + through, count, target, name))
        return _Found(person, end, farthest)


class _Longest(_Search):
    """Longest ways, over components of the graph: all of a loop counts, once."""

    def search(self, flow: Flow, entry: str) -> _Found:
        leaving = _leaving(flow)
        inner: dict[str, list[str]] = {
            name: [] if flow.elements[name].REACHES_PERSON else [each for each in targets if each is not None]
            for name, targets in leaving.items()
        }
        loops = components(tree([entry], inner.__getitem__), inner.__getitem__)
        loops.reverse()  # each before all those that it leads to
        at = {name: number for number, loop in enumerate(loops) for name in loop}
        arriving: list[Way | None] = [None] * len(loops)
        arriving[at[entry]] = Way(0.0, ())
        person: Way | None = None
        end: float | None = None
        for number, loop in enumerate(loops):
            so_far = arriving[number]
            if so_far is None:
                continue
            names = sorted(loop, key=list(flow.elements).index)
            amount = so_far.amount + sum(self.through(flow, name) for name in loop)
            for name in names:
                element = flow.elements[name]
                if element.REACHES_PERSON and (person is None or so_far.amount > person.amount):
                    person = Way(so_far.amount, (*so_far.path, name))
                inside = self.inside(element)
                there = None if inside is None else inside[1].person
                if inside is not None and there is not None:
                    reached = amount - self.through(flow, name) + there.amount
                    if person is None or reached > person.amount:
                        person = Way(reached, (*so_far.path, *names, *_of(inside[0], there.path)))
                if None in leaving[name]:
                    end = amount if end is None else max(end, amount)
                for target in inner[name]:
                    ahead = arriving[at[target]]
                    if at[target] != number and (ahead is None or amount > ahead.amount):
                        arriving[at[target]] = Way(amount, (*so_far.path, *names))
        return _Found(person, end)

    def through(self, flow: Flow, name: str) -> float:
        """Time in an element, that in the flow that it calls included."""
        inside = self.inside(flow.elements[name])
        return self.cost(flow.elements[name], flow) + (0.0 if inside is None else inside[1].end or 0.0)


def _leaving(flow: Flow) -> dict[str, list[str | None]]:
    """Where the call goes on while the caller is there; None: where a subroutine goes back."""
    found: dict[str, list[str | None]] = {name: [] for name in flow.elements}
    for edge in flow.edges:
        if not edge.session_over and not (edge.target is None and edge.fallback is not None):
            found[edge.source].append(edge.target)
    return found


def _back(before: Mapping[str, str | None], name: str) -> tuple[str, ...]:
    path: list[str] = []
    at: str | None = name
    while at is not None:
        path.append(at)
        at = before[at]
    return tuple(reversed(path))


def _of(flow: Flow, path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if "/" in name else f"{flow.name}/{name}" for name in path)
