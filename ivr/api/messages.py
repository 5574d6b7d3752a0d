"""SIP messages of a call over HTTP: as JSON, and as a pcap file."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.capture import Captured, Captures, masked, pcap_file

__all__ = ["PCAP_TYPE", "MessageRoutes"]

PCAP_TYPE = "application/vnd.tcpdump.pcap"


class MessageRoutes:
    """Handlers; `?call_id=` is the SIP Call-ID of the call's record."""

    def __init__(self, source: Captures) -> None:
        self._source = source

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/messages", guard("calls:read", self.show)),
            web.get("/v1/messages.pcap", guard("calls:read", self.file)),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The messages with digest answers, keys of encrypted sound and digits masked."""
        return web.json_response({"messages": [_shown(message) for message in await self._find(request)]})

    async def file(self, request: web.Request) -> web.Response:
        """The same as a file for Wireshark or sngrep."""
        messages = await self._find(request)
        body = await asyncio.to_thread(pcap_file, messages)
        headers = {"Content-Disposition": 'attachment; filename="call.pcap"'}
        return web.Response(body=body, content_type=PCAP_TYPE, headers=headers)

    async def _find(self, request: web.Request) -> list[Captured]:
        call_id = request.query.get("call_id")
        if not call_id:
            raise ProblemError(422, "?call_id= is needed: the SIP Call-ID of the call")
        messages = await asyncio.to_thread(self._source.messages, call_id)
        if not messages:
            raise ProblemError(404, "no messages of this call are kept: too long ago, or capture.kept is 0")
        return messages


def _shown(message: Captured) -> dict[str, object]:
    return {
        "at": message.at,
        "direction": "in" if message.incoming else "out",
        "transport": message.flow.transport,
        "from": "{}:{}".format(*message.source),
        "to": "{}:{}".format(*message.destination),
        "text": masked(message.data).decode("utf-8", "replace"),
    }
