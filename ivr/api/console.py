"""The console's page: files that the browser needs, and who asks. They hold nothing of any call; what they show is
asked for by the interface, as everybody else has to."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ivr.api.endpoints import Ask, Endpoint, Model
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.store import SCOPES

__all__ = ["ConsoleRoutes"]

FOLDER = Path(__file__).parent / "console"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script or style but ours is used, and nothing leaves for elsewhere."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}


class Me(Model):
    """Who asks."""

    name: str | None
    """Of the token; null: this machine, without one."""
    roles: list[str]
    scopes: list[str]
    """All that the token is good for, that of its roles too; without one empty: what only reads needs none here."""
    agent: str | None
    """Agent whose token it is."""
    expires_at: float | None
    """Seconds since the epoch; null: never."""


class ConsoleRoutes:
    """Handlers."""

    def __init__(self) -> None:
        self._files = {
            path.name: (path.read_bytes(), KINDS[path.suffix])
            for path in sorted(FOLDER.iterdir())
            if path.suffix in KINDS
        }

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [Endpoint("GET", "/v1/me", "events:read", self.me, answers={200: Me}, local=True, own=True)]

    async def me(self, ask: Ask[None, None]) -> Me:
        """Show what the token that is asked with is good for."""
        token = ask.token
        if token is None:
            return Me(name=None, roles=[], scopes=[], agent=None, expires_at=None)
        scopes = [scope for scope in SCOPES if token.allows(scope)]
        return Me(
            name=token.name, roles=token.roles, scopes=scopes, agent=token.agent, expires_at=token.expires_at
        )  # fmt: skip

    def routes(self, _: Guard) -> list[web.RouteDef]:
        """Where the files are; everybody who reaches the listener may have them."""
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
