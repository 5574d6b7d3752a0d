"""How often which value came: a histogram in the way of Prometheus, without locks as only the loop adds to it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client.core import HistogramMetricFamily

__all__ = ["Distribution"]


class Distribution:
    """Counts of values up to each bound."""

    __slots__ = ("_bounds", "_counts", "_help", "_name", "_sum")

    def __init__(self, name: str, help_text: str, bounds: Sequence[float]) -> None:
        """`bounds`: upper ends of the buckets, ascending; one for everything above is added."""
        self._name = name
        self._help = help_text
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """A value came."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> HistogramMetricFamily:
        """As Prometheus reads it."""
        return self.family_of(self._name, self._help, self._bounds, self._counts, self._sum)

    @staticmethod
    def family_of(
        name: str, help_text: str, bounds: Sequence[float], counts: Sequence[int], total: float
    ) -> HistogramMetricFamily:
        """The same of counts that are kept elsewhere."""
        so_far, buckets = 0, []
        for bound, count in zip([*(f"{bound:g}" for bound in bounds), "+Inf"], counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        family = HistogramMetricFamily(name, help_text)
        family.add_metric([], buckets, total)
        return family
