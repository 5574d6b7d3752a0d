"""SIP messages of a call over HTTP: as JSON, and as a pcap file."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from ivr.api.endpoints import Ask, Endpoint, File, Model, Query
from ivr.api.problems import ProblemError
from ivr.capture import Captured, Captures, masked, pcap_file

__all__ = ["PCAP_TYPE", "MessageRoutes"]

PCAP_TYPE = "application/vnd.tcpdump.pcap"


class OfCall(Query):
    """Whose messages."""

    call_id: Annotated[str, Field(min_length=1)]
    """The SIP Call-ID of the call, as its record has it."""


class SipMessage(Model):
    """A message as it went over the wire, with digest answers, keys of encrypted sound and digits masked."""

    at: float
    """Seconds since the epoch."""
    direction: Literal["in", "out"]
    transport: str
    from_: Annotated[str, Field(alias="from")]
    """Address and port."""
    to: str
    """Address and port."""
    text: str


class SipMessages(Model):
    """Messages of a call, in order."""

    messages: list[SipMessage]


class MessageRoutes:
    """Handlers."""

    def __init__(self, source: Captures) -> None:
        self._source = source

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        gone = {404: "None are kept: too long ago, or `capture.kept` is 0."}
        return [
            Endpoint(
                "GET", "/v1/messages", "calls:read", self.show, query=OfCall, answers={200: SipMessages}, problems=gone
            ),
            Endpoint(
                "GET",
                "/v1/messages.pcap",
                "calls:read",
                self.file,
                query=OfCall,
                answers={200: File(PCAP_TYPE, "The same as a file for Wireshark or sngrep.")},
                problems=gone,
            ),
        ]

    async def show(self, ask: Ask[None, OfCall]) -> dict[str, Any]:
        """Show the SIP messages of a call."""
        return {"messages": [_shown(message) for message in await self._find(ask)]}

    async def file(self, ask: Ask[None, OfCall]) -> web.Response:
        """Fetch the SIP messages of a call as a pcap file."""
        messages = await self._find(ask)
        body = await asyncio.to_thread(pcap_file, messages)
        headers = {"Content-Disposition": 'attachment; filename="call.pcap"'}
        return web.Response(body=body, content_type=PCAP_TYPE, headers=headers)

    async def _find(self, ask: Ask[None, OfCall]) -> list[Captured]:
        messages = await asyncio.to_thread(self._source.messages, ask.query.call_id)
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
