"""How deliveries to webhooks and voice applications fare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

__all__ = ["EndpointFigures", "deliveries"]


class _Counts(Protocol):
    @property
    def delivered(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def dead(self) -> int: ...

    @property
    def lost(self) -> int: ...


class EndpointFigures(Protocol):
    """What is asked of an endpoint."""

    @property
    def name(self) -> str:
        """Like `webhooks/crm`."""

    @property
    def waiting(self) -> int:
        """Events that are not delivered yet."""

    @property
    def oldest(self) -> float | None:
        """When the oldest of them was made, seconds since the epoch."""

    @property
    def counts(self) -> _Counts:
        """Since the start."""


def deliveries(endpoints: Sequence[EndpointFigures], wall: float) -> Iterator[Metric]:
    """Families of all endpoints; `wall` is now, in seconds since the epoch."""
    waiting = GaugeMetricFamily("ivr_deliveries_waiting", "Events that are not delivered yet.", labels=["endpoint"])
    oldest = GaugeMetricFamily(
        "ivr_deliveries_oldest_seconds", "Age of the oldest event that is not delivered.", labels=["endpoint"]
    )
    over = CounterMetricFamily(
        "ivr_deliveries", "Events that are delivered, given up or lost.", labels=["endpoint", "outcome"]
    )
    tries = CounterMetricFamily("ivr_delivery_failures", "Tries that failed.", labels=["endpoint"])
    for endpoint in endpoints:
        waiting.add_metric([endpoint.name], endpoint.waiting)
        oldest.add_metric([endpoint.name], 0.0 if endpoint.oldest is None else max(0.0, wall - endpoint.oldest))
        for outcome in ("delivered", "dead", "lost"):
            over.add_metric([endpoint.name, outcome], getattr(endpoint.counts, outcome))
        tries.add_metric([endpoint.name], endpoint.counts.failed)
    yield from (waiting, oldest, over, tries)
