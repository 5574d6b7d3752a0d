"""What those who run the system ask: whether the daemon lives, whether it takes calls, its figures."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from aiohttp import web

from ivr.api.endpoints import Answer, Ask, Endpoint, File, Model
from ivr.api.guard import is_local, is_passed_on
from ivr.settings import HostPort, MetricsSettings

__all__ = ["HealthSource", "OperationRoutes"]


class HealthSource(Protocol):
    """Who knows how the daemon fares."""

    def sick(self) -> list[str]:
        """What is wrong with it; empty while it is well."""

    def unready(self) -> list[str]:
        """Why no calls are taken; empty while they are."""


class Alive(Model):
    """Whether the daemon lives."""

    status: Literal["ok", "sick"]
    reasons: list[str] | None = None
    """What is wrong; to this machine, and to those who may read the figures."""


class Ready(Model):
    """Whether calls are taken."""

    ready: bool
    reasons: list[str] | None = None
    """Why not; to this machine, and to those who may read the figures."""


class OperationRoutes:
    """Handlers; the reasons of what is wrong are shown to this machine and to those who read the figures."""

    def __init__(
        self, health: HealthSource, figures: Callable[[], Awaitable[bytes]], kind: str, settings: MetricsSettings
    ) -> None:
        """`figures` writes the answer to a scrape, of the content type `kind`."""
        self._health = health
        self._figures = figures
        self._kind = kind
        self._settings = settings

    @property
    def listen(self) -> HostPort | None:
        """Where there is a listener for these alone."""
        return self._settings.listen

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        figures = File("text/plain", "Figures as Prometheus reads them.")
        return [
            Endpoint("GET", "/healthz", None, self.health, answers={200: Alive, 503: Alive}),
            Endpoint("GET", "/readyz", None, self.ready, answers={200: Ready, 503: Ready}),
            Endpoint("GET", "/metrics", "metrics", self.metrics, answers={200: figures}, local=self._open),
        ]

    async def health(self, ask: Ask[None, None]) -> Answer:
        """Tell whether the daemon lives.

        Its loop turned for this answer, its workers work; else 503.
        """
        return self._told(ask.request, "status", "ok", "sick", self._health.sick())

    async def ready(self, ask: Ask[None, None]) -> Answer:
        """Tell whether calls are taken.

        Else 503.
        """
        return self._told(ask.request, "ready", True, False, self._health.unready())

    async def metrics(self, _: Ask[None, None]) -> web.Response:
        """Tell the figures.

        This machine and the networks in `metrics.allow` need no token.
        """
        return web.Response(body=await self._figures(), headers={"Content-Type": self._kind})

    def _told(self, request: web.Request, key: str, well: object, ill: object, faults: list[str]) -> Answer:
        if not faults:
            return Answer({key: well})
        return Answer({key: ill, **({"reasons": faults} if self._open(request) else {})}, 503)

    def _open(self, request: web.Request) -> bool:
        return is_local(request) or self._allowed(request)

    def _allowed(self, request: web.Request) -> bool:
        if not self._settings.allow or "Authorization" in request.headers or is_passed_on(request):
            return False
        try:
            address = ipaddress.ip_address((request.remote or "").partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._settings.allow)
