"""The HTTP interface: health, and calls in progress for `ivr calls` and `ivr trace`.

Read-only, and for this machine alone: without tokens, requests are answered on loopback addresses only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from ivr.settings import HostPort

SHUTDOWN_SECONDS = 1.0
"""Open requests may take so long at the end: answers come from memory."""
MAX_BODY_BYTES = 64 * 1024
"""Nothing that is asked here has a larger body."""


class CallSource(Protocol):
    """What the interface asks of the call manager."""

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id, with the path walked so far."""

    def ready(self) -> bool:
        """Whether calls are taken."""


@web.middleware
async def _local_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        local = ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        local = False
    if not local and request.path.startswith("/v1/"):
        return _problem(403, "Forbidden", "no tokens are configured: only this machine may ask")
    return await handler(request)


def _problem(status: int, title: str, detail: str) -> web.Response:
    """An error as RFC 9457 says."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")


class HttpServer:
    """The listening server."""

    def __init__(self, listen: HostPort, calls: CallSource) -> None:
        self._listen = listen
        self._calls = calls
        self._runner: web.AppRunner | None = None
        self.address = listen

    async def start(self) -> None:
        """Listen; OSError where the address cannot be had."""
        app = web.Application(middlewares=[_local_only], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/v1/calls", self._list)
        app.router.add_get("/v1/calls/{id}", self._show)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._listen.host, self._listen.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.address = HostPort(str(host), int(port))

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._calls.ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"calls": self._calls.live()})

    async def _show(self, request: web.Request) -> web.Response:
        found = self._calls.trace(request.match_info["id"])
        if found is None:
            return _problem(404, "Not Found", "no such call is in progress")
        return web.json_response(found)
