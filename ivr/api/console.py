"""The console's page: files that the browser needs. They hold nothing of any call; what they show is asked for by the
interface, as everybody else has to."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ivr.api.guard import Guard
from ivr.api.problems import ProblemError

__all__ = ["ConsoleRoutes"]

FOLDER = Path(__file__).parent / "console"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script but ours runs, and nothing leaves for elsewhere. Drawings of flows bring styles in their elements."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class ConsoleRoutes:
    """Handlers."""

    def __init__(self) -> None:
        self._files = {
            path.name: (path.read_bytes(), KINDS[path.suffix])
            for path in sorted(FOLDER.iterdir())
            if path.suffix in KINDS
        }

    def routes(self, _: Guard) -> list[web.RouteDef]:
        """Where they are; everybody who reaches the listener may have them."""
        return [
            web.get("/", self.home),
            web.get("/console", self.home),
            web.get("/console/", self.page),
            web.get("/console/{name}", self.page),
        ]

    async def home(self, _: web.Request) -> web.Response:
        """To the page."""
        return web.Response(status=302, headers={"Location": "/console/"})

    async def page(self, request: web.Request) -> web.Response:
        """The page, or a file of it."""
        found = self._files.get(request.match_info.get("name", "index.html"))
        if found is None:
            raise ProblemError(404, "there is nothing here")
        text, kind = found
        return web.Response(body=text, content_type=kind, charset="utf-8", headers=HEADERS)
