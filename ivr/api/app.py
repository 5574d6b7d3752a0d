"""The HTTP interface: its parts, each with its routes, on one listener, and those of operations on one more.

What only reads is open to this machine; everything else needs a token with the scope that stands beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ivr.api.bodies import MAX_BODY_BYTES
from ivr.api.document import DocumentRoutes
from ivr.api.endpoints import Endpoint, Part
from ivr.api.guard import Guard
from ivr.api.idempotency import AnswerKeeper
from ivr.api.limiting import Limiter
from ivr.api.operations import OperationRoutes
from ivr.api.problems import problems
from ivr.api.serving import Serving
from ivr.api.tracing import finish, traced
from ivr.settings import HostPort

__all__ = ["HttpServer", "Routes"]

SHUTDOWN_SECONDS = 1.0
"""Open requests may take so long at the end: answers come from memory."""


class _Quiet(logging.Filter):
    """Leaves requests that are none out of the log: everybody can send as many as he likes, and what aiohttp writes of
    one has its line in it, with the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logging.getLogger("aiohttp.server").addFilter(_Quiet())


class Routes(Protocol):
    """A part that is no interface but pages: it has routes of its own."""

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where its handlers are, and who may use them."""


class HttpServer:
    """The listening server."""

    def __init__(
        self,
        listen: HostPort,
        guard: Guard,
        operations: OperationRoutes,
        parts: Sequence[Routes | Part],
        *,
        keeper: AnswerKeeper | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        """See :class:`~ivr.api.serving.Serving` for `keeper` and `limiter`."""
        self._listen = listen
        self._guard = guard
        self._serving = Serving(guard, keeper, limiter)
        self._operations = operations
        self._parts = (operations, *parts, DocumentRoutes(self.endpoints))
        self._runners: list[web.AppRunner] = []
        self.address = listen

    def application(self) -> web.Application:
        """All routes."""
        return self._application(self._parts)

    def endpoints(self) -> list[Endpoint]:
        """All that can be asked."""
        return _endpoints(self._parts)

    def _application(self, parts: Sequence[Routes | Part]) -> web.Application:
        app = web.Application(middlewares=[traced, problems], client_max_size=MAX_BODY_BYTES)
        app.on_response_prepare.append(finish)
        app.add_routes([self._serving.route(endpoint) for endpoint in _endpoints(parts)])
        for part in parts:
            if hasattr(part, "routes"):
                app.add_routes(part.routes(self._guard))
        return app

    async def start(self) -> None:
        """Listen; OSError where an address cannot be had."""
        self.address = await self._serve(self.application(), self._listen)
        if (listen := self._operations.listen) is not None:
            await self._serve(self._application([self._operations]), listen)

    async def _serve(self, app: web.Application, listen: HostPort) -> HostPort:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, listen.host, listen.port).start()
        host, port = runner.addresses[0][:2]
        return HostPort(str(host), int(port))

    async def close(self) -> None:
        """Stop listening."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()


def _endpoints(parts: Sequence[Routes | Part]) -> list[Endpoint]:
    return [endpoint for part in parts if hasattr(part, "endpoints") for endpoint in part.endpoints()]
