"""Captures of single calls over HTTP: asked for, looked at, fetched as a pcap file with SIP, RTP and RTCP."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Protocol

from aiohttp import web
from pydantic import Field

from ivr.api.endpoints import Answer, Ask, Endpoint, File, Model
from ivr.api.fields import Span
from ivr.api.messages import PCAP_TYPE
from ivr.api.problems import ProblemError
from ivr.capture import Capture, Captures, Party

__all__ = ["CaptureRoutes", "PartySource"]

WITHIN = 600.0
"""Seconds in which the call has to begin, where the request does not say."""
LONGEST = 86_400.0


class PartySource(Protocol):
    """Who knows the calls in progress."""

    def party(self, name: str) -> Party | None:
        """The caller's leg of a call, by id or short id."""


class WantedCapture(Model):
    """What to capture: a call in progress, or else the next one of these numbers."""

    call: str | None = None
    """Id or short id of a call in progress."""
    to: str | None = None
    """Number that is called."""
    from_: Annotated[str | None, Field(alias="from")] = None
    """Number that calls."""
    within: Span | None = None
    """In which the call has to begin; default: 10 minutes, at most a day."""


class ShownCapture(Model):
    """A capture."""

    id: int
    state: str
    """`waiting`, `running`, `done`..."""
    to: str | None
    from_: Annotated[str | None, Field(alias="from")]
    call: str | None
    """SIP Call-ID of the call that it has."""
    short_id: int | None
    """Of that call."""
    messages: int
    """SIP messages caught."""
    streams: int
    """Streams of sound caught."""


class ShownCaptures(Model):
    """All captures."""

    captures: list[ShownCapture]


class Removed(Model):
    """What is gone."""

    removed: int


class CaptureRoutes:
    """Handlers."""

    def __init__(self, captures: Captures, calls: PartySource) -> None:
        self._captures = captures
        self._calls = calls

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one, gone = r"/v1/captures/{number:\d{1,9}}", {404: "There is no such capture."}
        pcap = File(PCAP_TYPE, "What was caught so far, for Wireshark.")
        none = {404: "No such call is in progress."}
        return [
            Endpoint("GET", "/v1/captures", "admin", self.all, answers={200: ShownCaptures}),
            Endpoint(
                "POST", "/v1/captures", "admin", self.post, body=WantedCapture, answers={201: ShownCapture},
                problems=none, idempotent="kept",
            ),
            Endpoint("GET", one, "admin", self.show, answers={200: ShownCapture}, problems=gone),
            Endpoint("GET", f"{one}/pcap", "admin", self.file, answers={200: pcap}, problems=gone),
            Endpoint("POST", f"{one}/remove", "admin", self.remove, answers={200: Removed}, problems=gone),
        ]  # fmt: skip

    async def post(self, ask: Ask[WantedCapture, None]) -> Answer:
        """Capture a call in progress, or the next one."""
        body = ask.body
        if body.call is not None:
            party = self._calls.party(body.call)
            if party is None:
                raise ProblemError(404, "no such call is in progress")
            capture = self._captures.start(party)
        else:
            within = WITHIN if body.within is None else min(body.within, LONGEST)
            capture = self._captures.want(body.to, body.from_, within)
        return Answer(capture.shown(), 201)

    async def all(self, _: Ask[None, None]) -> dict[str, Any]:
        """List captures."""
        return {"captures": [capture.shown() for capture in self._captures.all()]}

    async def show(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show a capture."""
        return self._find(ask).shown()

    async def file(self, ask: Ask[None, None]) -> web.Response:
        """Fetch what a capture has caught so far, as a pcap file."""
        capture = self._find(ask)
        body = await asyncio.to_thread(self._captures.file, capture)
        headers = {"Content-Disposition": f'attachment; filename="capture-{capture.id}.pcap"'}
        return web.Response(body=body, content_type=PCAP_TYPE, headers=headers)

    async def remove(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Stop a capture, and delete what it caught."""
        capture = self._find(ask)
        self._captures.forget(capture)
        return {"removed": capture.id}

    def _find(self, ask: Ask[None, None]) -> Capture:
        capture = self._captures.get(int(ask.path["number"]))
        if capture is None:
            raise ProblemError(404, "there is no such capture")
        return capture
