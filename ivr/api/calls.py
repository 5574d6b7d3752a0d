"""Calls over HTTP: those in progress, those that were asked for and wait, those that are over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from ivr.api.guard import Guard
from ivr.api.problems import ProblemError

__all__ = ["CallRoutes", "CallSource"]

Kept = Callable[[str], Awaitable[dict[str, Any] | None]]


class CallSource(Protocol):
    """What the interface asks of the call manager."""

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id, with the path walked so far."""


async def _nobody(_: str) -> None:
    return None


class CallRoutes:
    """Handlers."""

    def __init__(self, calls: CallSource, kept: Kept = _nobody) -> None:
        """`kept` finds a call that is not up, by its id."""
        self._calls = calls
        self._kept = kept

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/calls", guard("calls:read", self.all, local=True)),
            web.get("/v1/calls/{id}", guard("calls:read", self.show, local=True)),
        ]

    async def all(self, _: web.Request) -> web.Response:
        """All in progress."""
        return web.json_response({"calls": self._calls.live()})

    async def show(self, request: web.Request) -> web.Response:
        """One of them, or one that waits or is over."""
        name = request.match_info["id"]
        found = self._calls.trace(name) or await self._kept(name)
        if found is None:
            raise ProblemError(404, "there is no such call")
        return web.json_response(found)
