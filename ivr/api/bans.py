"""Bans over HTTP: who is shut out, shut out by hand, let in again."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from pydantic import Field

from ivr.api.endpoints import Ask, Endpoint, Model
from ivr.api.faults import refusal
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


class Source(Model):
    """Somebody by the address."""

    source: str
    """An IPv4 address or a /64 of IPv6."""


class NewBan(Source):
    """Whom to shut out."""

    seconds: Annotated[int, Field(ge=1, le=MAX_SECONDS)] = DEFAULT_SECONDS
    """How long."""


class Ban(Source):
    """Somebody who is shut out."""

    reason: str
    seconds_left: float
    since: float = 0.0
    """Seconds since the epoch."""
    times: int
    """How often it was shut out."""
    proven: bool
    """Whether the address is surely its own."""


class Bans(Model):
    """Bans in force, the longest first."""

    bans: list[Ban]


class BanRoutes:
    """Handlers."""

    def __init__(self, source: BanSource) -> None:
        self._source = source

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint("GET", "/v1/bans", "admin", self.all, answers={200: Bans}),
            Endpoint(
                "POST",
                "/v1/bans",
                "admin",
                self.add,
                body=NewBan,
                answers={200: Bans},
                problems={409: "The source is exempt: `sip.trusted`, `security.allow`, or the peer of a line."},
            ),
            Endpoint(
                "POST",
                "/v1/bans/remove",
                "admin",
                self.remove,
                body=Source,
                answers={200: Bans},
                problems={404: "The source is not shut out."},
            ),
        ]

    async def all(self, _: Ask[None, None]) -> dict[str, Any]:
        """List who is shut out."""
        return {"bans": self._source.bans()}

    async def add(self, ask: Ask[NewBan, None]) -> dict[str, Any]:
        """Shut a source out."""
        try:
            done = self._source.ban(ask.body.source, ask.body.seconds)
        except ValueError as error:
            raise refusal("source", str(error)) from None
        if not done:
            raise ProblemError(409, "this source is exempt: sip.trusted, security.allow, or the peer of a line")
        return {"bans": self._source.bans()}

    async def remove(self, ask: Ask[Source, None]) -> dict[str, Any]:
        """Let a source in again."""
        try:
            found = self._source.unban(ask.body.source)
        except ValueError as error:
            raise refusal("source", str(error)) from None
        if not found:
            raise ProblemError(404, "this source is not shut out")
        return {"bans": self._source.bans()}
