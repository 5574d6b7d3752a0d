"""Bans over HTTP: who is shut out, shut out by hand, let in again."""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError

__all__ = ["BanRoutes", "BanSource"]

DEFAULT_SECONDS = 3600
MAX_SECONDS = 365 * 86_400


class BanSource(Protocol):
    """Who keeps the bans."""

    def bans(self) -> list[dict[str, Any]]:
        """Bans in force, the longest first."""

    def ban(self, source: str, seconds: float) -> bool:
        """Shut a source out; False for one that is exempt. ValueError for what is no address."""

    def unban(self, source: str) -> bool:
        """Let a source in again; False where it was not shut out. ValueError for what is no address."""


class BanRoutes:
    """Handlers."""

    def __init__(self, source: BanSource) -> None:
        self._source = source

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/bans", guard("admin", self.all)),
            web.post("/v1/bans", guard("admin", self.add)),
            web.post("/v1/bans/remove", guard("admin", self.remove)),
        ]

    async def all(self, _: web.Request) -> web.Response:
        """`{"bans": [{"source", "reason", "seconds_left", "since", "times", "proven"}]}`."""
        return web.json_response({"bans": self._source.bans()})

    async def add(self, request: web.Request) -> web.Response:
        """Shut out: `{"source": "192.0.2.7", "seconds": 3600}`; a source is an IPv4 address or a /64 of IPv6."""
        body = await read_object(request, ("source", "seconds"))
        seconds = member(body, "seconds", int) if "seconds" in body else DEFAULT_SECONDS
        if not 1 <= seconds <= MAX_SECONDS:
            raise ProblemError(422, f"seconds: 1 to {MAX_SECONDS}")
        try:
            done = self._source.ban(member(body, "source", str), seconds)
        except ValueError as error:
            raise ProblemError(422, f"source: {error}") from None
        if not done:
            raise ProblemError(409, "this source is exempt: sip.trusted, security.allow, or the peer of a line")
        return web.json_response({"bans": self._source.bans()})

    async def remove(self, request: web.Request) -> web.Response:
        """Let in again: `{"source": "192.0.2.7"}`; 404 where it was not shut out."""
        body = await read_object(request, ("source",))
        try:
            found = self._source.unban(member(body, "source", str))
        except ValueError as error:
            raise ProblemError(422, f"source: {error}") from None
        if not found:
            raise ProblemError(404, "this source is not shut out")
        return web.json_response({"bans": self._source.bans()})
