"""Times in which the caller of a simulated call hears nothing while nothing is asked of him."""

from __future__ import annotations

from ivr.flow.sim.seen import Silence

__all__ = ["DeadAir"]


class DeadAir:
    """Keeps them."""

    __slots__ = ("_begun", "_element", "silences")

    def __init__(self) -> None:
        self.silences: list[Silence] = []
        """Those that are over, in their order."""
        self._begun: float | None = None
        self._element = ""

    def listen(self, now: float, element: str, *, quiet: bool, heard: bool) -> None:
        """It is quiet from now on, or not; `heard`: the sound path is open."""
        if not quiet:
            if self._begun is not None:
                self.until(now, now, element, heard=heard)
        elif self._begun is None:
            self._begun, self._element = now, element

    def until(self, now: float, until: float, element: str, *, heard: bool) -> None:
        """The silence, which may begin now, is over then."""
        begun, where = (now, element) if self._begun is None else (self._begun, self._element)
        self._begun = None
        if heard and until > begun:
            self.silences.append(Silence(begun, until, where))
