"""How many calls a line carries, and how many begin in a second: what its configuration allows, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ivr.errors import OverloadedError
from ivr.settings import SipLine

__all__ = ["LineLoad"]


class LineLoad:
    """Calls of all lines, in and out."""

    def __init__(self, lines: Mapping[str, SipLine]) -> None:
        self._lines = lines
        self.calls: Counter[str] = Counter()
        """By line, both directions."""
        self._left: dict[tuple[str, bool], tuple[float, float]] = {}

    def is_full(self, name: str) -> bool:
        """Whether a line has as many calls as it may have."""
        limit = self._lines[name].max_calls
        return limit is not None and self.calls[name] >= limit

    def take(self, name: str | None, out: bool, now: float, *, always: bool = False) -> None:
        """Count one more call of a line; :class:`OverloadedError` where it has as many as it may have, or as many a
        second in this direction, unless it is to be taken `always`. None is no line, and has no limit."""
        if name is None:
            return
        if always:
            self.calls[name] += 1
            return
        line = self._lines[name]
        if self.is_full(name):
            raise OverloadedError("no more calls of this line are taken")
        if line.calls_per_second is not None and not self._admits(name, out, line.calls_per_second, now):
            raise OverloadedError("too many calls a second by this line")
        self.calls[name] += 1

    def free(self, name: str | None) -> None:
        """A call of a line is over."""
        if name is not None:
            self.calls[name] -= 1

    def _admits(self, name: str, out: bool, per_second: int, now: float) -> bool:
        # A bucket that a second fills: as many at once, and no more than that on average.
        left, at = self._left.get((name, out), (float(per_second), now))
        left = min(left + (now - at) * per_second, float(per_second))
        admitted = left >= 1.0
        self._left[name, out] = (left - 1.0 if admitted else left, now)
        return admitted
