"""What happens, as it happens: `GET /v1/events`, a stream of server-sent events (WHATWG HTML, 9.2).

Who was cut off comes back with the id of the last event that he has, and gets what he has missed, or is told that some
of it is forgotten (`event: gap`). Nobody is waited for: who reads too slowly is cut off.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import field_validator

from ivr.api.endpoints import Ask, Endpoint, File, Query
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.api.sight import Sight
from ivr.errors import StoreError
from ivr.feed import Feed, FeedEvent

__all__ = ["StreamRoutes"]

SCOPE = "events:read"
MAX_STREAMS = 200
"""At once: each has a connection and some memory."""
MAX_PER_CLIENT = 20
"""Of them for one token, or for one address without one."""
QUEUE = 2000
"""Events that wait for a client; one that is so far behind is cut off, and may come back."""
QUEUE_BYTES = 4 * 2**20
"""Of their data, about. What the feed remembers is shared; this much one client may hold beside that."""
HEARTBEAT_SECONDS = 15.0
"""Proxies cut silent connections after a minute or less; and a token that was taken back is noticed."""
WRITE_SECONDS = 30.0
"""In which a client has to take what it is sent."""
RETRY_MILLISECONDS = 2000
"""After which browsers are told to come back when they were cut off."""
MAX_PATTERNS = 50
AT_ONCE = 256
"""Events of one write."""
AT_ONCE_BYTES = 256 * 1024
"""Of their data, about; one event may have 64 KiB."""


class StreamQuery(Query):
    """What is to be heard."""

    types: tuple[str, ...] = ()
    """Types of events, separated by commas: `call.ended,queue.*`; default: all."""
    call: str | None = None
    """Id of the one call to hear of."""
    queue: str | None = None
    """Name of a queue: what happens in it, and to the calls in it."""
    agent: str | None = None
    """Name of an agent: what becomes of him, and of his calls."""
    after: str = ""
    """Id of the last event that is known already, as in the header `Last-Event-ID`."""

    @field_validator("types", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = tuple(part.strip() for part in value.split(",") if part.strip())
        if len(found) > MAX_PATTERNS:
            raise ValueError(f"at most {MAX_PATTERNS} types")
        return found

    def wants(self, event: FeedEvent) -> bool:
        """Whether an event is to be heard."""
        if self.call is not None and event.call != self.call:
            return False
        if self.queue is not None and event.concerns.queue != self.queue:
            return False
        if self.agent is not None and self.agent not in event.concerns.agents:
            return False
        return not self.types or any(
            pattern in ("*", event.type) or (pattern.endswith(".*") and event.type.startswith(pattern[:-1]))
            for pattern in self.types
        )


@dataclass(slots=True, eq=False)
class _Client:
    query: StreamQuery
    agent: str | None = None
    """Who hears of nothing but what concerns him; None: of everything."""
    waiting: deque[FeedEvent] = field(default_factory=deque)
    bytes: int = 0
    """Of what waits, about."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """It is too far behind, or the daemon ends."""
    told: int = 0
    """Number of the last event that it knows of, or that is not for it."""


class StreamRoutes:
    """Handlers."""

    def __init__(self, feed: Feed, guard: Guard, sight: Sight, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._feed = feed
        self._sight = sight
        self._guard = guard
        self._heartbeat = heartbeat
        self._clients: set[_Client] = set()
        self._counts: Counter[str] = Counter()
        self._stop: Callable[[], None] | None = None
        self._closed = False
        self.console: Callable[[str, bool], None] = lambda agent, opened: None
        """Hears of agents whose own tokens begin to listen, or end it: they have a console open."""

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint(
                "GET",
                "/v1/events",
                SCOPE,
                self.listen,
                query=StreamQuery,
                answers={200: File("text/event-stream", "Events, until one of the two ends it.")},
                problems={429: "This client hears as many streams as it may.", 503: "There are as many as may be."},
                local=True,
                own=True,
            )
        ]

    @property
    def streams(self) -> int:
        """How many are heard now."""
        return len(self._clients)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for client in self._clients:
            client.over = True
            client.woken.set()

    async def listen(self, ask: Ask[None, StreamQuery]) -> web.StreamResponse:
        """Hear what happens, as server-sent events.

        Each has an `id`, its type as `event`, and as `data` what webhooks get: `{"id", "type", "at", "call", "data"}`.
        With the header `Last-Event-ID` what was missed comes first; where some of it is forgotten, or the daemon was
        started anew, an `event: gap` says so. A token of an agent hears of himself, of his calls, and of the callers in
        the queues that he serves, without their numbers.
        """
        if ask.request.method == "HEAD":
            return web.Response(headers={"Content-Type": "text/event-stream"})
        who = ask.token.id if ask.token is not None else f"address {ask.request.remote}"
        if self._closed or len(self._clients) >= MAX_STREAMS:
            raise ProblemError(503, "there are as many streams as may be", {"Retry-After": "5"})
        if self._counts[who] >= MAX_PER_CLIENT:
            raise ProblemError(429, f"one client hears at most {MAX_PER_CLIENT} streams", {"Retry-After": "5"})
        client = _Client(ask.query, ask.own)
        agent = ask.token.agent if ask.token is not None else None
        self._join(client, who)
        if agent is not None:
            self.console(agent, True)
        try:
            return await self._serve(ask, client)
        finally:
            self._leave(client, who)
            if agent is not None:
                self.console(agent, False)

    def _join(self, client: _Client, who: str) -> None:
        self._clients.add(client)
        self._counts[who] += 1
        if self._stop is None:
            self._stop = self._feed.listen(self._heard)

    def _leave(self, client: _Client, who: str) -> None:
        self._clients.discard(client)
        self._counts[who] -= 1
        if not self._counts[who]:
            del self._counts[who]
        if not self._clients and self._stop is not None:
            self._stop()
            self._stop = None

    def _heard(self, event: FeedEvent) -> None:
        for client in self._clients:
            if client.over:
                continue
            if not self._wants(client, event):
                if not client.waiting:
                    client.told = event.number
                continue
            if len(client.waiting) >= QUEUE or client.bytes >= QUEUE_BYTES:
                client.over = True
            else:
                client.waiting.append(event)
                client.bytes += event.size
            client.woken.set()

    async def _serve(self, ask: Ask[None, StreamQuery], client: _Client) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        response.force_close()
        clock = asyncio.get_running_loop().time
        first, missed = self._first(ask, client)
        await response.prepare(ask.request)
        try:
            await _write(response, first)
            while missed:
                await self._tell(response, client, _part(missed))
            allowed_at = clock()
            while not client.over:
                silent = False
                try:
                    async with asyncio.timeout(self._heartbeat):
                        await client.woken.wait()
                except TimeoutError:
                    silent = True
                if clock() - allowed_at >= self._heartbeat:
                    await self._guard.allowed(ask.request, SCOPE, True)
                    allowed_at = clock()
                if silent:
                    # An id without data is no event: it is remembered, and events that are not for it leave no gap.
                    await _write(response, f":\nid: {self._feed.run}-{client.told}\n\n")
                    continue
                client.woken.clear()
                while client.waiting and not client.over:
                    part = _part(client.waiting)
                    client.told = part[-1].number
                    client.bytes -= sum(event.size for event in part)
                    await self._tell(response, client, part)
        except (TimeoutError, ConnectionError, ProblemError, StoreError):
            client.over = True
        return response

    def _first(self, ask: Ask[None, StreamQuery], client: _Client) -> tuple[str, deque[FeedEvent]]:
        """What is sent at once, and the events that were missed; what comes from now on is queued already."""
        feed = self._feed
        known = ask.request.headers.get("Last-Event-ID", "") or client.query.after
        client.told = feed.last
        text, found = f"retry: {RETRY_MILLISECONDS}\n", deque[FeedEvent]()
        if known:
            number = feed.number_of(known)
            missed = None if number is None else feed.since(number)
            if missed is None:
                data = json.dumps({"after": known[:100]})
                text += f"id: {feed.run}-{feed.last}\nevent: gap\ndata: {data}\n"
            else:
                found.extend(event for event in missed if self._wants(client, event))
        else:
            text += f"id: {feed.run}-{feed.last}\n"  # who is cut off before anything happens comes back from here
        return text + "\n", found

    def _wants(self, client: _Client, event: FeedEvent) -> bool:
        if not client.query.wants(event):
            return False
        return client.agent is None or self._sight.event(client.agent, event, {"data": event.data}) is not None

    async def _tell(self, response: web.StreamResponse, client: _Client, part: list[FeedEvent]) -> None:
        await _write(response, "".join(self._text(event, client.agent) for event in part))
        await asyncio.sleep(0)

    def _text(self, event: FeedEvent, agent: str | None) -> str:
        shown: Mapping[str, Any] | None = self._feed.shown(event)
        if agent is not None and shown is not None:
            shown = self._sight.event(agent, event, shown)
        if shown is None:  # he was taken from the queue since
            return ""
        data = json.dumps(shown, separators=(",", ":"))
        return f"id: {self._feed.id_of(event)}\nevent: {event.type}\ndata: {data}\n\n"


def _part(events: deque[FeedEvent]) -> list[FeedEvent]:
    """Take as many as are sent at once: between one part and the next calls have their turn."""
    part: list[FeedEvent] = []
    size = 0
    while events and len(part) < AT_ONCE and size < AT_ONCE_BYTES:
        part.append(events.popleft())
        size += part[-1].size
    return part


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(text.encode())
