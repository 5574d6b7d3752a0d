"""How many calls may be up at the same time: of a phone, of a caller's number, in a flow."""

from __future__ import annotations

from collections import Counter

from ivr.errors import BusyError
from ivr.settings import Limits

__all__ = ["Capacity", "Place"]

Place = tuple[str, str]
"""What is counted: kind and name."""


class Capacity:
    """Counts calls by what they take a place of. A call gives its places back by :meth:`free`, once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[Place] = Counter()
        self._held: dict[object, list[Place]] = {}
        self.refused: Counter[str] = Counter()
        """Calls refused, by kind of what was full."""

    def phone(self, call: object, user: str) -> None:
        """A registered phone calls. BusyError where it has as many calls as it may."""
        self._take(call, ("phone", user), self._limits.calls_per_phone)

    def caller(self, call: object, number: str) -> None:
        """Somebody with this number calls; one without is not counted. BusyError where he has too many calls."""
        if number:
            self._take(call, ("caller", number), self._limits.calls_per_caller)

    def flow(self, call: object, name: str, own: int | None) -> None:
        """A call enters a flow, whose start allows `own`. BusyError where there are too many in it."""
        self._take(call, ("flow", name), self._limits.calls_per_flow if own is None else own)

    def free(self, call: object) -> None:
        """The call is over, or was not taken."""
        for place in self._held.pop(call, ()):
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]

    def _take(self, call: object, place: Place, limit: int | None) -> None:
        if limit is None:
            return
        if self._taken[place] >= limit:
            self.refused[place[0]] += 1
            raise BusyError(f"no more calls of one {place[0]} are taken")
        self._taken[place] += 1
        self._held.setdefault(call, []).append(place)
