"""The figures of a daemon: all sources, put together once everything is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

from ivr.call.manager import CallManager
from ivr.call.services import Services
from ivr.guard import SourceGuard
from ivr.metrics import sources
from ivr.metrics.calls import CallMetrics
from ivr.metrics.center import center
from ivr.metrics.deliveries import EndpointFigures, deliveries
from ivr.metrics.distribution import Distribution
from ivr.metrics.registry import Metrics
from ivr.sip import Registrar
from media import PromptStore

__all__ = ["DaemonMetrics"]

LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds: from 0.5 on callers repeat what they sent."""


class DaemonMetrics(Metrics):
    """What a daemon measures of itself."""

    def __init__(self, lines: Iterable[str]) -> None:
        """`lines`: names that the configuration has."""
        super().__init__()
        self.calls = CallMetrics(frozenset(lines))
        self.lag = Distribution(
            "ivr_event_loop_lag_seconds", "How late the daemon's loop was, looked at four times a second.", LAGS
        )

    def read(
        self,
        services: Services,
        manager: CallManager,
        registrar: Registrar,
        waiting: Sized,
        prompts: PromptStore,
        guard: SourceGuard,
        ready: Callable[[], bool],
    ) -> None:
        """Have all parts of a daemon read at each scrape."""
        limits, pool, started = services.settings.limits, services.pool, services.wall()
        self.add(lambda: sources.build(pool.batch))
        self.add(lambda: sources.calls(manager, limits.calls, self.calls, ready()))
        self.add(self.calls.families)
        self.add(lambda: sources.waiting_flows(len(waiting)))
        self.add(lambda: sources.sip(services.stack, len(registrar)))
        self.add(lambda: sources.placed(services.placed))
        self.add(lambda: sources.dialled(services.dialled))
        self.add(lambda: sources.transports(services.shell))
        self.add(lambda: sources.lines(services.trunks))
        self.add(lambda: sources.guard(guard, services.clock()))
        self.add(lambda: sources.policy(services.outbound, manager.gate))
        self.add(lambda: sources.media(pool))
        self.add(lambda: sources.worker_processes(pool))
        self.add(lambda: sources.process(started))
        self.add(lambda: sources.store(services.store))
        self.add(lambda: sources.prompts(services.sounds, prompts.cached_bytes, limits.prompt_cache_bytes))
        self.add(lambda: [self.lag.family()])

    def read_deliveries(self, states: Callable[[], Sequence[EndpointFigures]]) -> None:
        """Have deliveries to other systems read, too."""
        self.add(lambda: deliveries(states(), time.time()))

    def read_center(self, figures: Callable[[], Mapping[str, Any]]) -> None:
        """Have the contact centre read, too."""
        self.add(lambda: center(figures()))
