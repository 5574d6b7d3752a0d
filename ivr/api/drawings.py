"""Drawings of flows over HTTP, for pages that show where a call is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from aiohttp import web

from ivr.api.guard import Guard
from ivr.drawing import draw
from ivr.flow.graph import dot_source, element_ids
from ivr.versions import LiveFlows

__all__ = ["DrawingRoutes"]

KEPT = 64
"""Drawings that are remembered: they take a second to make, and never change."""
TIME_LIMIT = 10.0
"""Seconds for one: somebody looks at a page meanwhile."""


class DrawingRoutes:
    """Handlers."""

    def __init__(self, live: LiveFlows) -> None:
        self._keeper = live.keeper
        self._kept: OrderedDict[tuple[str, int], dict[str, Any]] = OrderedDict()
        self._drawing = asyncio.Lock()

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        path = r"/v1/flows/{flow}/versions/{number:\d{1,9}}/drawing"
        return [web.get(path, guard("flows", self.show, local=True))]

    async def show(self, request: web.Request) -> web.Response:
        """One version as SVG, and the ids that its elements have there."""
        key = request.match_info["flow"], int(request.match_info["number"])
        # One at a time: a tangled flow keeps a processor busy.
        async with self._drawing:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = await asyncio.to_thread(self._draw, *key)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        return web.json_response(found)

    def _draw(self, name: str, number: int) -> dict[str, Any]:
        flow = self._keeper.flow(name, number)
        return {"svg": draw(dot_source(flow), "svg", TIME_LIMIT).decode(), "ids": element_ids(flow)}
