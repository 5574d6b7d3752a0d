"""A simulated call that is looked at while it runs: where something else could have happened."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

from ivr.flow.elements.collect import CollectElement
from ivr.flow.explore.state import state_of
from ivr.flow.ports import DigitSource
from ivr.flow.sim import SimulatedCall, Waiting

__all__ = ["Decision", "WatchedCall"]

QUEUE_WAITS = 3
"""Moments of one visit of a queue that are told apart: what a caller may ask for again and again is the same again."""

QUEUE_ANSWERS = ("1", "2", "5550100#")
"""Keys that answer the questions for the number of a call back: it is right, another one, and that one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A moment in which the caller or the world could do something else than they did."""

    state: Hashable
    """Where the flow is: the same state has the same future."""
    up: bool
    """The caller is there."""
    inputs: int
    """What had come from the caller until then."""
    waiting: Waiting
    """What the flow waits for."""
    flow: str
    """The flow it is in."""
    before: int
    """Decisions that were passed by since the script was over."""
    seen_before: bool
    """The element was entered before, since the script was over."""
    partial: bool
    """Some keys of an input are there already."""
    awaited: tuple[str, ...]
    """Names of the events that are waited for."""
    recording: bool
    """The caller is recorded."""
    offered: tuple[str, ...] = ()
    """Keys that the caller has in a queue, or for a question that is put there."""
    calls_back: str = ""
    """That of them by which he asks to be called back; empty: none."""


class WatchedCall(SimulatedCall):
    """One call of the explorer."""

    __slots__ = (
        "_inputs_at_entry",
        "_last",
        "_pressed",
        "_state",
        "_state_of",
        "_waits_in_step",
        "_watched_from",
        "decisions",
        "decisive",
    )

    decisive: frozenset[str]
    """Names whose values count for the state."""

    def __init__(self, *args: Any, decisive: frozenset[str] = frozenset(), **options: Any) -> None:
        super().__init__(*args, **options)
        self.decisive = decisive
        self.decisions: list[Decision] = []
        """In their order, since :meth:`watch`."""
        self._watched_from: int | None = None
        self._last: tuple[Any, ...] = ()
        self._state: Hashable = None
        self._state_of = -1
        self._waits_in_step: list[tuple[str, int]] = []
        self._pressed: list[str] = []
        self._inputs_at_entry = 0

    def watch(self) -> None:
        """From now on everybody does what is usual: note where somebody could do something else."""
        self._watched_from = max(0, len(self.machine.steps) - 1)

    def advance(self) -> bool:
        waiting = self.waiting
        if waiting is None:
            return super().advance()
        self._note(waiting)
        return super().advance()

    def press(self, keys: str, gap: float = 0.25, source: DigitSource = "rfc4733") -> Self:
        for index, key in enumerate(keys):
            if index:
                self.wait(gap)
            if self.ended:
                break
            self._pressed.append(key)
            super().press(key, gap, source)
        return self

    def _judged(self) -> tuple[Hashable, ...]:
        """Which numbers can be called, of those that the caller has named in this element and those to come."""
        judged = tuple(bool(one.get("callable")) for one in self.machine.steps[-1].details.get("numbers") or ())
        return (judged, self._queues.callable) if self._queues.command is not None else (judged,)

    def _begun_to_type(self) -> bool:
        """The keys pressed since the last wait are the beginning of an input."""
        element: Any = self.element
        keys = ""
        for key in self._pressed:
            keys = "" if element.ends(keys, key) else keys + key
            if not element.extends(keys):
                keys = ""
        return bool(keys)

    def _note(self, waiting: Waiting) -> None:
        """Keep a decision, and for every wait what it was, so that states inside an element can be told apart."""
        steps = self.machine.steps
        index = len(steps) - 1
        kind = waiting.kind
        place = (
            index,
            kind,
            len(self.said) if kind == "prompt" else 0,
            len(self.requests),
            len(self.mails),
            len(self.forwards),
            len(self.queued),
            len(self.handed_over),
            bool(self.queue_keys),
        )
        if kind != "keys" and place == self._last:
            return
        self._last = place
        if index != self._state_of:
            self._state_of = index
            self._waits_in_step = []
            self._inputs_at_entry = self.machine._ctx.inputs
            self._state = state_of(self.machine, self.decisive)
        asked = isinstance(self.element, CollectElement)
        partial = kind == "keys" and asked and self._begun_to_type()
        self._pressed.clear()
        waits = self._waits_in_step
        if self.queued and self.queued[-1].outcome is None and len(waits) >= QUEUE_WAITS:
            return
        waits.append((kind, self.machine._ctx.inputs - self._inputs_at_entry))
        if self._watched_from is None:
            return
        before = len(self.decisions)
        seen = any(step.element == waiting.element for step in steps[self._watched_from : index])
        self.decisions.append(
            Decision(
                (self._state, tuple(waits), self._judged()),
                not self.ended,
                self.machine._ctx.inputs,
                waiting,
                steps[-1].flow,
                before,
                seen,
                partial,
                tuple(self.awaited),
                self.recording,
                tuple(self.queue_keys) if kind == "agent" else QUEUE_ANSWERS if kind == "keys" and not asked else (),
                next((key for key, meaning in self.queue_keys.items() if meaning == "callback"), ""),
            )
        )
