"""Calls that nobody has acknowledged yet: what a flood of INVITEs from forged addresses would fill the system with."""

from __future__ import annotations

from collections import Counter, OrderedDict

__all__ = ["HalfOpen"]

MAX_ANSWERING = 10_000
"""Sources remembered to have acknowledged a call."""

ANSWERING_FACTOR = 10
"""Somebody who acknowledges calls may have so many times more of them half open."""

ANSWERING_SECONDS = 600.0


class HalfOpen:
    """Calls of strangers from the INVITE to the ACK, by source."""

    def __init__(self, per_source: int, in_all: int) -> None:
        self._per_source = per_source
        self._in_all = in_all
        self._open: dict[object, str] = {}
        self._counts: Counter[str] = Counter()
        self._answering: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Calls half open."""
        return len(self._open)

    def admit(self, call: object, source: str, now: float) -> bool:
        """Whether another call of this source may begin; counts it. `call` names it from then on."""
        until = self._answering.get(source)
        answering = until is not None and until > now
        if self._counts[source] >= self._per_source * (ANSWERING_FACTOR if answering else 1):
            return False
        if len(self._open) >= self._in_all * (1 + answering):
            return False
        self._open[call] = source
        self._counts[source] += 1
        return True

    def acknowledged(self, call: object, now: float) -> str | None:
        """The caller has acknowledged: he is where he says. His source; None where the call is not one of these."""
        source = self.over(call)
        if source is not None:
            self._answering[source] = now + ANSWERING_SECONDS
            self._answering.move_to_end(source)
            if len(self._answering) > MAX_ANSWERING:
                self._answering.popitem(last=False)
        return source

    def over(self, call: object) -> str | None:
        """The call is not half open any more; its source."""
        source = self._open.pop(call, None)
        if source is not None:
            self._counts[source] -= 1
            if not self._counts[source]:
                del self._counts[source]
        return source
