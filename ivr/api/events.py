"""Events from outside over HTTP: kept, and brought to the flows that wait for them."""

from __future__ import annotations

import re
import uuid
from typing import Any, Protocol

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.store import KeptEvent

__all__ = ["EventRoutes", "EventSink"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
OWN_NAMES = ("call.", "profile.")
"""Names of events that happen inside; nobody posts them."""


class EventSink(Protocol):
    """Who takes events."""

    async def post(self, key: str, name: str, properties: dict[str, Any]) -> tuple[KeptEvent, str]:
        """Keep an event and bring it to who waits for it; the event that is kept, and `new`, `known` or `other`."""


class EventRoutes:
    """Handlers."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.post("/v1/events", guard("events", self.post)),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Take an event: `{"name": "order.shipped", "properties": {…}, "id": "…"}`.

        202 once it is kept; 200 where it was there already, by its id and content; 409 where its id is another's.
        """
        body = await read_object(request, ("name", "properties", "id"))
        name = member(body, "name", str)
        if not _NAME.fullmatch(name):
            raise ProblemError(422, "name: letters, digits, _ . : and -, at most 100 characters")
        if name.startswith(OWN_NAMES):
            raise ProblemError(422, f"name: {' and '.join(OWN_NAMES)} begin the names of events that happen inside")
        properties = member(body, "properties", dict) if "properties" in body else {}
        header = request.headers.get("Idempotency-Key")
        key = member(body, "id", str) if body.get("id") is not None else header
        if key is not None and not _ID.fullmatch(key):
            raise ProblemError(422, "id: at most 128 visible ASCII characters")
        if header is not None and key != header:
            raise ProblemError(422, "id and Idempotency-Key are not the same")
        event, taken = await self._sink.post(key or str(uuid.uuid4()), name, properties)
        if taken == "other":
            raise ProblemError(409, "another event has this id")
        answer = {"id": event.id, "received_at": event.received_at}
        return web.json_response(answer, status=202 if taken == "new" else 200)
