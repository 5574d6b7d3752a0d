"""What can be wrong with a daemon, as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

__all__ = ["line_down", "silent_worker"]


class Pool(Protocol):
    """What is asked of the media pool."""

    @property
    def silence(self) -> float:
        """Seconds for which the most silent worker has given no sign of life."""


class LineState(Protocol):
    """What is known of a line."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""

    @property
    def usable(self) -> bool:
        """Whether calls go out by it first of all."""

    @property
    def reason(self) -> str:
        """Why not."""


def silent_worker(pool: Pool, bound: float) -> str | None:
    """Whether a media worker has said nothing for more than `bound` seconds. The pool replaces one that hangs before;
    this is so where that does not help."""
    silence = pool.silence
    return f"a media worker has said nothing for {silence:.0f} s" if silence > bound else None


def line_down(states: Iterable[LineState], needed: Collection[str]) -> str | None:
    """What is wrong with the lines that have to be usable."""
    faults = [f"line {state.name}: {state.reason}" for state in states if state.name in needed and not state.usable]
    return "; ".join(faults) or None
