"""Everything that is measured, put together and written out when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "Metrics"]

Source = Callable[[], Iterable[Metric]]
"""Reads figures, in the loop: it neither waits nor takes long."""


class Metrics:
    """Reads all sources in the loop, and makes text of it beside: that takes some milliseconds."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: Source) -> None:
        """Have one more source read."""
        self._sources.append(source)

    async def text(self) -> bytes:
        """The answer to a scrape, in the text format of Prometheus."""
        found = [family for source in self._sources for family in source()]
        return await asyncio.to_thread(self._written, found)

    def _written(self, families: list[Metric]) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Read(families))
        return generate_latest(registry)


class _Read(Collector):
    """Families that were read a moment ago."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)

    def describe(self) -> Iterator[Metric]:
        return iter(())
