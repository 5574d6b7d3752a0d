"""What those who run the system ask: whether the daemon lives, whether it takes calls, its figures."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from ivr.api.guard import Guard, is_local, is_passed_on
from ivr.settings import HostPort, MetricsSettings

__all__ = ["HealthSource", "OperationRoutes"]


class HealthSource(Protocol):
    """Who knows how the daemon fares."""

    def sick(self) -> list[str]:
        """What is wrong with it; empty while it is well."""

    def unready(self) -> list[str]:
        """Why no calls are taken; empty while they are."""


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

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are."""
        metrics = guard("metrics", self.metrics, local=True)

        async def guarded(request: web.Request) -> web.StreamResponse:
            return await (self.metrics if self._allowed(request) else metrics)(request)

        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.ready),
            web.get("/metrics", guarded),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Whether it lives: its loop turned for this answer, its workers work."""
        return self._told(request, "status", "ok", "sick", self._health.sick())

    async def ready(self, request: web.Request) -> web.Response:
        """Whether calls are taken."""
        return self._told(request, "ready", True, False, self._health.unready())

    async def metrics(self, _: web.Request) -> web.Response:
        """The figures."""
        return web.Response(body=await self._figures(), headers={"Content-Type": self._kind})

    def _told(self, request: web.Request, key: str, well: object, ill: object, faults: list[str]) -> web.Response:
        if not faults:
            return web.json_response({key: well})
        shown = {"reasons": faults} if is_local(request) or self._allowed(request) else {}
        return web.json_response({key: ill, **shown}, status=503)

    def _allowed(self, request: web.Request) -> bool:
        if not self._settings.allow or "Authorization" in request.headers or is_passed_on(request):
            return False
        try:
            address = ipaddress.ip_address((request.remote or "").partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._settings.allow)
