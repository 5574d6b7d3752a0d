"""Captures of single calls over HTTP: asked for, looked at, fetched as a pcap file with SIP, RTP and RTCP."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
from ivr.api.messages import PCAP_TYPE
from ivr.api.problems import ProblemError
from ivr.capture import Capture, Captures, Party
from ivr.units import parse_duration

__all__ = ["CaptureRoutes", "PartySource"]

WITHIN = 600.0
"""Seconds in which the call has to begin, where the request does not say."""
LONGEST = 86_400.0


class PartySource(Protocol):
    """Who knows the calls in progress."""

    def party(self, name: str) -> Party | None:
        """The caller's leg of a call, by id or short id."""


class CaptureRoutes:
    """Handlers."""

    def __init__(self, captures: Captures, calls: PartySource) -> None:
        self._captures = captures
        self._calls = calls

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/captures", guard("admin", self.all)),
            web.post("/v1/captures", guard("admin", self.post)),
            web.get(r"/v1/captures/{number:\d{1,9}}", guard("admin", self.show)),
            web.get(r"/v1/captures/{number:\d{1,9}}/pcap", guard("admin", self.file)),
            web.post(r"/v1/captures/{number:\d{1,9}}/remove", guard("admin", self.remove)),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """`{"call": "4711"}` captures a call in progress, `{"to": "100", "within": "10m"}` the next one."""
        body = await read_object(request, ("call", "to", "from", "within"))
        if "call" in body:
            party = self._calls.party(member(body, "call", str))
            if party is None:
                raise ProblemError(404, "no such call is in progress")
            capture = self._captures.start(party)
        else:
            numbers = [member(body, name, str) if body.get(name) is not None else None for name in ("to", "from")]
            capture = self._captures.want(numbers[0], numbers[1], _within(body.get("within")))
        return web.json_response(capture.shown(), status=201)

    async def all(self, _: web.Request) -> web.Response:
        """All of them."""
        return web.json_response({"captures": [capture.shown() for capture in self._captures.all()]})

    async def show(self, request: web.Request) -> web.Response:
        """One of them."""
        return web.json_response(self._find(request).shown())

    async def file(self, request: web.Request) -> web.Response:
        """What was caught so far, for Wireshark."""
        capture = self._find(request)
        body = await asyncio.to_thread(self._captures.file, capture)
        headers = {"Content-Disposition": f'attachment; filename="capture-{capture.id}.pcap"'}
        return web.Response(body=body, content_type=PCAP_TYPE, headers=headers)

    async def remove(self, request: web.Request) -> web.Response:
        """Stop it, and delete what it caught."""
        capture = self._find(request)
        self._captures.forget(capture)
        return web.json_response({"removed": capture.id})

    def _find(self, request: web.Request) -> Capture:
        capture = self._captures.get(int(request.match_info["number"]))
        if capture is None:
            raise ProblemError(404, "there is no such capture")
        return capture


def _within(value: object) -> float:
    if value is None:
        return WITHIN
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise ProblemError(422, f"within: {error}") from None
    return min(seconds, LONGEST)
