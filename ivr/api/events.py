"""Events from outside over HTTP: kept, and brought to the flows that wait for them."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.faults import refusal
from ivr.api.problems import ProblemError
from ivr.store import KeptEvent

__all__ = ["EventRoutes", "EventSink"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
OWN_NAMES = ("call.", "profile.")
"""Names of events that happen inside; nobody posts them."""


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("not a name: letters, digits and any of _.:-, at most 100 characters")
    if value.startswith(OWN_NAMES):
        raise ValueError(f"{' and '.join(OWN_NAMES)} begin the names of events that happen inside")
    return value


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("not an id: at most 128 visible ASCII characters")
    return value


class EventSink(Protocol):
    """Who takes events."""

    async def post(self, key: str, name: str, properties: dict[str, Any]) -> tuple[KeptEvent, str]:
        """Keep an event and bring it to who waits for it; the event that is kept, and `new`, `known` or `other`."""


class PostedEvent(Model):
    """Something that happened outside."""

    name: Annotated[str, AfterValidator(_name)]
    """Letters, digits and `_ . : -`; not one of those that happen inside."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """What flows see of it."""
    id: Annotated[str, AfterValidator(_id)] | None = None
    """The same event again is told to nobody a second time; default: the `Idempotency-Key`, else a new one."""


class TakenEvent(Model):
    """An event that is kept."""

    id: str
    received_at: float
    """Seconds since the epoch."""


class EventRoutes:
    """Handlers."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint(
                "POST",
                "/v1/events",
                "events",
                self.post,
                body=PostedEvent,
                answers={202: TakenEvent, 200: TakenEvent},
                problems={409: "Another event has this id."},
                idempotent="own",
            )
        ]

    async def post(self, ask: Ask[PostedEvent, None]) -> Answer:
        """Tell flows of an event.

        202 once it is kept; 200 where it was there already, by its id and content.
        """
        body = ask.body
        if ask.key is not None and body.id not in (None, ask.key):
            raise refusal("id", "id and Idempotency-Key are not the same")
        key = body.id or ask.key or str(uuid.uuid4())
        event, taken = await self._sink.post(key, body.name, body.properties)
        if taken == "other":
            raise ProblemError(409, "another event has this id")
        return Answer({"id": event.id, "received_at": event.received_at}, 202 if taken == "new" else 200)
