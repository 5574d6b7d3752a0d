"""Who is in a call, whoever called whom: registered phones, and agents that were called by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Occupied", "Use"]


@dataclass(frozen=True, slots=True)
class Use:
    """A phone or an agent has a call, be it that it still rings."""

    owner: object
    """The party of the call that has it."""
    phone: str | None
    """User of the phone; None: an agent's number or address."""
    agent: str | None
    """Agent who was called by name; None: nobody was."""


class Occupied:
    """Uses, each by who has it. One listener hears of every change, at once."""

    def __init__(self) -> None:
        self._uses: dict[object, Use] = {}
        self.on_change: Callable[[Use, bool], None] = lambda use, begins: None
        """Called for a use that begins (True) or has ended."""

    def begin(self, owner: object, phone: str | None, agent: str | None = None) -> None:
        """A party is a phone or an agent from now on; what it was before is over. Nothing of both: only that."""
        self.end(owner)
        if phone is not None or agent is not None:
            use = self._uses[owner] = Use(owner, phone, agent)
            self.on_change(use, True)

    def end(self, owner: object) -> None:
        """It is that no more; harmless where it never was."""
        use = self._uses.pop(owner, None)
        if use is not None:
            self.on_change(use, False)

    def __len__(self) -> int:
        return len(self._uses)
