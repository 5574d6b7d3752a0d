"""Calls in progress over HTTP."""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from ivr.api.guard import Guard
from ivr.api.problems import ProblemError

__all__ = ["CallRoutes", "CallSource"]


class CallSource(Protocol):
    """What the interface asks of the call manager."""

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id, with the path walked so far."""


class CallRoutes:
    """Handlers."""

    def __init__(self, calls: CallSource) -> None:
        self._calls = calls

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/calls", guard("calls:read", self.all, local=True)),
            web.get("/v1/calls/{id}", guard("calls:read", self.show, local=True)),
        ]

    async def all(self, _: web.Request) -> web.Response:
        """All of them."""
        return web.json_response({"calls": self._calls.live()})

    async def show(self, request: web.Request) -> web.Response:
        """One of them."""
        found = self._calls.trace(request.match_info["id"])
        if found is None:
            raise ProblemError(404, "no such call is in progress")
        return web.json_response(found)
