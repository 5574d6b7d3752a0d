"""A simulated call that is looked at while it runs: where something else could have happened, and what is wrong.

Dead air is a time over :data:`DEAD_AIR` in which the caller is there, hears nothing, and nothing was asked of him. A
collect asks once: its wait after a prompt, or after a key, is the caller's own silence. A further attempt without a
prompt, or a collect before which nothing was said, asks nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from ivr.flow.explore.state import state_of
from ivr.flow.ports import DigitSource
from ivr.flow.sim import Silence, SimulatedCall, Waiting

__all__ = ["DEAD_AIR", "Decision", "WatchedCall"]

DEAD_AIR = 5.0
"""Seconds without a sound after which callers hang up."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A moment in which the caller or the world could do something else than they did."""

    state: Hashable
    """Where the flow is: the same state has the same future."""
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


class WatchedCall(SimulatedCall):
    """One call of the explorer."""

    __slots__ = (
        "_asked",
        "_inputs_at_entry",
        "_last",
        "_pressed",
        "_quiet_keys",
        "_said",
        "_since",
        "_state",
        "_state_of",
        "_waits_in_step",
        "_watched_from",
        "dead_air",
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
        self.dead_air: list[Silence] = []
        """In collects; other times without a sound are in `silences`."""
        self._watched_from: int | None = None
        self._last: tuple[Any, ...] = ()
        self._state: Hashable = None
        self._state_of = -1
        self._waits_in_step: list[tuple[str, int]] = []
        self._pressed: list[str] = []
        self._inputs_at_entry = 0
        self._said = 0
        self._asked = False
        self._quiet_keys = 0.0
        self._since = 0.0

    def watch(self) -> None:
        """From now on everybody does what is usual: note where somebody could do something else."""
        self._watched_from = max(0, len(self.machine.steps) - 1)

    def advance(self) -> bool:
        waiting = self.waiting
        if waiting is None:
            return super().advance()
        self._note(waiting)
        keys = waiting.kind == "keys" and not self.ended
        if keys and len(self.said) != self._said:
            self._said = len(self.said)
            self._asked = True
            self._quiet_keys = 0.0
        begun = max(self.now, self._since)
        happened = super().advance()
        if keys and not self.ended:
            self._listen_to_keys(waiting, begun)
        self._since = self.now
        return happened

    def press(self, keys: str, gap: float = 0.25, source: DigitSource = "rfc4733") -> SimulatedCall:
        self._asked = True
        self._quiet_keys = 0.0
        for index, key in enumerate(keys):
            if index:
                self.wait(gap)
            if self.ended:
                break
            self._pressed.append(key)
            super().press(key, gap, source)
        return self

    def _begun_to_type(self) -> bool:
        """The keys pressed since the last wait are the beginning of an input."""
        element: Any = self.element
        keys = ""
        for key in self._pressed:
            keys = "" if element.ends(keys, key) else keys + key
            if not element.extends(keys):
                keys = ""
        return bool(keys)

    def _listen_to_keys(self, waiting: Waiting, begun: float) -> None:
        if self._asked:
            self._asked = False
            return
        self._quiet_keys += self.now - begun
        if self._quiet_keys > DEAD_AIR:
            self.dead_air.append(Silence(self.now - self._quiet_keys, self.now, waiting.element))
            self._quiet_keys = 0.0

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
        )
        if kind != "keys" and place == self._last:
            return
        self._last = place
        if index != self._state_of:
            self._state_of = index
            self._waits_in_step = []
            self._inputs_at_entry = self.machine._ctx.inputs
            self._state = state_of(self.machine, self.decisive)
        partial = kind == "keys" and self._begun_to_type()
        self._pressed.clear()
        waits = self._waits_in_step
        waits.append((kind, self.machine._ctx.inputs - self._inputs_at_entry))
        if self._watched_from is None:
            return
        before = len(self.decisions)
        seen = any(step.element == waiting.element for step in steps[self._watched_from : index])
        self.decisions.append(
            Decision(
                (self._state, tuple(waits)),
                self.machine._ctx.inputs,
                waiting,
                steps[-1].flow,
                before,
                seen,
                partial,
                tuple(self.awaited),
                self.recording,
            )
        )
