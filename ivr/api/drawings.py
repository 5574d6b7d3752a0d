"""Drawings of flows over HTTP, for pages that show where a call is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from ivr.api.endpoints import Ask, Endpoint, Model
from ivr.drawing import draw
from ivr.flow.graph import dot_source, element_ids
from ivr.versions import LiveFlows

__all__ = ["DrawingRoutes"]

KEPT = 64
"""Drawings that are remembered: they take a second to make, and never change."""
TIME_LIMIT = 10.0
"""Seconds for one: somebody looks at a page meanwhile."""


class Drawing(Model):
    """A version of a flow, drawn."""

    svg: str
    """The drawing."""
    ids: dict[str, str]
    """Element to the id of its card in the drawing."""


class DrawingRoutes:
    """Handlers."""

    def __init__(self, live: LiveFlows) -> None:
        self._keeper = live.keeper
        self._kept: OrderedDict[tuple[str, int], Drawing] = OrderedDict()
        self._drawing = asyncio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint(
                "GET",
                r"/v1/flows/{flow}/versions/{number:\d{1,9}}/drawing",
                "calls:read",
                self.show,
                answers={200: Drawing},
                problems={404: "There is no such version.", 503: "Graphviz is not installed, or finds no drawing."},
                local=True,
                own=True,
            )
        ]

    async def show(self, ask: Ask[None, None]) -> Drawing:
        """Draw one version of a flow as SVG."""
        key = ask.path["flow"], int(ask.path["number"])
        # One at a time: a tangled flow keeps a processor busy.
        async with self._drawing:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = await asyncio.to_thread(self._draw, *key)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        return found

    def _draw(self, name: str, number: int) -> Drawing:
        flow = self._keeper.flow(name, number)
        return Drawing(svg=draw(dot_source(flow), "svg", TIME_LIMIT).decode(), ids=element_ids(flow))
