"""The lines as they are now, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from aiohttp import web

from ivr.api.guard import Guard
from ivr.lines import TrunkState

__all__ = ["LineRoutes"]


class LineRoutes:
    """Handlers."""

    def __init__(self, states: Callable[[], Sequence[TrunkState]]) -> None:
        self._states = states

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [web.get("/v1/lines", guard("calls:read", self.all, local=True))]

    async def all(self, _: web.Request) -> web.Response:
        """Registered, answering, usable, and why not; in the order of the configuration."""
        return web.json_response({"lines": [asdict(state) for state in self._states()]})
