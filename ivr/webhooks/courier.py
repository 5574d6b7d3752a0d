"""Delivers: in order, at least once, without anybody waiting for it.

What is to be delivered is tried at once. What is not there after `KEEP_SECONDS` goes into the store, with everything
else that was not delivered until then, and leaves it when it is: who dies (kill -9) forgets no more than what happened
in that time. What failed too often stays there as a dead letter, until somebody has it tried again or deletes it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ivr.errors import StoreError
from ivr.store import DeliveryTable, KeptDelivery
from ivr.tasks import TaskSet
from ivr.webhooks.outbox import Delivery, Outbox, RetryPolicy
from ivr.webhooks.retrying import Failure
from ivr.webhooks.sender import Target

__all__ = ["Counts", "Courier", "EndpointState"]

log = logging.getLogger("ivr.webhooks")

KEEP_SECONDS = 0.1
"""After which what is not delivered is in the store: most of it never is, for most endpoints answer faster."""
CLOSE_SECONDS = 1.0
"""At the end, what happened last gets so long to be delivered."""
RETRY_SECONDS = 1.0
"""Until a store that could not be written is tried again."""
LONGEST_SLEEP = 30.0
"""Seconds: somebody may have set the clock."""
MAX_DEAD = 10_000
"""Dead letters of one endpoint; the oldest go first."""
DEAD_AGE = 30 * 86_400.0
"""Seconds that a dead letter stays."""
PRUNE_SECONDS = 3600.0
REVIVED_AT_ONCE = 1000
"""Dead letters that are read from the store together."""


class _Sending(Protocol):
    async def send(self, target: Target, delivery: Delivery, at: float) -> Failure | None:
        """One try; None: it is delivered."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(slots=True)
class Counts:
    """What an endpoint has seen since the start."""

    delivered: int = 0
    failed: int = 0
    """Tries."""
    dead: int = 0
    """Given up."""
    lost: int = 0
    """For which there was no room."""


@dataclass(frozen=True, slots=True)
class EndpointState:
    """How deliveries to an endpoint fare."""

    name: str
    waiting: int
    """Deliveries that wait or are under way."""
    oldest: float | None
    """When the oldest of them was made, seconds since the epoch."""
    paused: bool
    """Nothing is tried: somebody wants it so."""
    troubled: bool
    """The last try found the endpoint unable to serve."""
    problem: str
    """Why the last try failed; empty: it did not."""
    counts: Counts


@dataclass(slots=True)
class _Endpoint:
    name: str
    target: Target
    box: Outbox
    counts: Counts = field(default_factory=Counts)
    timer: asyncio.TimerHandle | None = None
    problem: str = ""
    full: bool = False
    """That there is no room was told."""


class Courier:
    """Deliveries to all endpoints. Its methods are for the loop's thread; those that are not coroutines never block."""

    def __init__(
        self,
        table: DeliveryTable,
        sender: _Sending,
        wall: Callable[[], float] = time.time,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """`rng` gives numbers from 0 to below 1."""
        self._table = table
        self._sender = sender
        self._wall = wall
        self._rng = rng
        self._endpoints: dict[str, _Endpoint] = {}
        self._tasks = TaskSet()
        self._closed = False
        self._new: dict[Delivery, _Endpoint] = {}
        """Not in the store, as far as it is known."""
        self._changed: dict[Delivery, _Endpoint] = {}
        self._gone: list[tuple[str, str]] = []
        """To be deleted from the store."""
        self._wake = asyncio.Event()
        self._keeping = asyncio.Lock()

    def open(self, name: str, target: Target, policy: RetryPolicy, *, paused: bool = False) -> None:
        """Deliver to an endpoint from now on; one of this name goes on as is told now."""
        known = self._endpoints.get(name)
        if known is not None:
            known.target, known.box.policy = target, policy
        else:
            known = self._endpoints[name] = _Endpoint(name, target, Outbox(policy, self._rng))
        known.box.paused = paused

    def pause(self, endpoint: str, paused: bool) -> None:
        """Try nothing more at an endpoint, or go on: what waits, and what comes, is kept."""
        found = self._endpoints[endpoint]
        found.box.paused = paused
        self._pump(found)

    def send(
        self,
        endpoint: str,
        id_: str,
        type_: str,
        body: Mapping[str, Any] | str,
        lane: str = "",
        *,
        url: str | None = None,
        content_type: str = "application/json",
    ) -> bool:
        """Have something delivered; False where the endpoint has no room for more. `id_` is unique for the endpoint;
        deliveries of one `lane` go in order. Never waits, never raises but for an endpoint that was not opened."""
        found = self._endpoints[endpoint]
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
        now = self._wall()
        delivery = Delivery(id_, lane, type_, text, now, url, content_type)
        if not found.box.put(delivery, now):
            found.counts.lost += 1
            if not found.full:
                found.full = True
                log.error("%s: %d events wait, those that come now are lost", endpoint, len(found.box))
            return False
        found.full = False
        self._new[delivery] = found
        self._wake.set()
        self._pump(found)
        return True

    def waits(self, endpoint: str, lane: str) -> bool:
        """Something of this lane is not delivered yet."""
        return self._endpoints[endpoint].box.waits(lane)

    # Being kept

    async def begin(self) -> None:
        """Take up what an earlier run has not delivered; before anything new is sent."""
        now = self._wall()
        orphans: list[dict[str, Any]] = []
        waiting = await asyncio.to_thread(self._table.waiting)
        for kept in waiting:
            delivery = _taken_up(kept)
            endpoint = self._endpoints.get(kept.endpoint)
            if endpoint is None or not endpoint.box.put(delivery, now):
                told = "the endpoint is not configured any more" if endpoint is None else "there is no room for it"
                delivery.dead_at, delivery.problem = now, told
                orphans.append(_row(kept.endpoint, delivery))
        if orphans:
            await asyncio.to_thread(self._table.book, (), orphans, ())
        if waiting:
            log.info("%d events wait to be delivered, %d cannot be any more", len(waiting), len(orphans))
        for endpoint in self._endpoints.values():
            self._pump(endpoint)

    async def run(self) -> None:
        """Keep what is not delivered; ends by being cancelled."""
        pruned = self._wall()
        while True:
            await self._wake.wait()
            await asyncio.sleep(KEEP_SECONDS)
            if not await self._keep():
                await asyncio.sleep(RETRY_SECONDS)
            if abs(self._wall() - pruned) > PRUNE_SECONDS:
                pruned = self._wall()
                try:
                    await asyncio.to_thread(self._table.prune, pruned - DEAD_AGE, MAX_DEAD)
                except StoreError as error:
                    log.warning("old dead letters stay: %s", error)

    async def close(self) -> None:
        """Let tries that are under way end soon, break off the others, and keep what is not delivered."""
        await self._tasks.wait(CLOSE_SECONDS)
        self._closed = True
        for endpoint in self._endpoints.values():
            if endpoint.timer is not None:
                endpoint.timer.cancel()
        await self._tasks.close()
        await self._keep()
        await self._sender.close()

    async def _keep(self) -> bool:
        """Write what has changed; False where that cannot be done now: it is tried again."""
        async with self._keeping:
            return await self._write()

    async def _write(self) -> bool:
        self._wake.clear()
        new, self._new = self._new, {}
        changed, self._changed = self._changed, {}
        gone, self._gone = self._gone, []
        if not (new or changed or gone):
            return True
        try:
            await asyncio.to_thread(
                self._table.book,
                [_row(endpoint.name, delivery) for delivery, endpoint in new.items()],
                [_row(endpoint.name, delivery) for delivery, endpoint in changed.items()],
                gone,
            )
        except StoreError as error:
            log.error("events that are not delivered cannot be kept: %s", error)
            over = set(self._gone)
            for delivery, endpoint in new.items():
                if (endpoint.name, delivery.id) not in over:
                    self._new[delivery] = endpoint
            self._changed = {**changed, **self._changed}
            self._gone = gone + self._gone
            self._wake.set()
            return False
        return True

    # Being sent

    def _pump(self, endpoint: _Endpoint) -> None:
        """Try what may be tried now."""
        if self._closed:
            return
        now = self._wall()
        for delivery in endpoint.box.due(now):
            self._tasks.spawn(self._try(endpoint, delivery))
        if endpoint.timer is not None:
            endpoint.timer.cancel()
            endpoint.timer = None
        when = endpoint.box.next_timer()
        if when is not None:
            delay = min(max(when - now, 0.0), LONGEST_SLEEP)
            endpoint.timer = asyncio.get_running_loop().call_later(delay, self._pump, endpoint)

    async def _try(self, endpoint: _Endpoint, delivery: Delivery) -> None:
        try:
            failure = await self._sender.send(endpoint.target, delivery, self._wall())
        except asyncio.CancelledError:
            endpoint.box.let_go(delivery, self._wall())
            raise
        except Exception:
            log.exception("%s: an event could not be sent", endpoint.name)
            failure = Failure("it could not be sent: the daemon's log says why")
        if failure is None:
            self._delivered(endpoint, delivery)
        else:
            self._failed(endpoint, delivery, failure)
        self._pump(endpoint)

    def _delivered(self, endpoint: _Endpoint, delivery: Delivery) -> None:
        if endpoint.problem:
            log.warning("%s: events are delivered again; %d wait", endpoint.name, len(endpoint.box) - 1)
        endpoint.problem = ""
        endpoint.counts.delivered += 1
        endpoint.box.delivered(delivery, self._wall())
        self._changed.pop(delivery, None)
        if self._new.pop(delivery, None) is None:
            self._gone.append((endpoint.name, delivery.id))
            self._wake.set()

    def _failed(self, endpoint: _Endpoint, delivery: Delivery, failure: Failure) -> None:
        if not endpoint.problem:
            log.warning("%s: an event is not delivered: %s", endpoint.name, failure.problem)
        endpoint.problem = failure.problem
        endpoint.counts.failed += 1
        if endpoint.box.failed(delivery, failure, self._wall()) == "dead":
            endpoint.counts.dead += 1
            log.error("%s: an event %s is given up after %d tries: %s", endpoint.name, delivery.type,
                      delivery.attempts, failure.problem)  # fmt: skip
        if delivery not in self._new:
            self._changed[delivery] = endpoint
        self._wake.set()

    # Being looked at

    def states(self) -> list[EndpointState]:
        """All endpoints, as they were opened."""
        found = []
        for endpoint in self._endpoints.values():
            oldest = min((delivery.made_at for delivery in endpoint.box.waiting()), default=None)
            found.append(
                EndpointState(
                    endpoint.name,
                    len(endpoint.box),
                    oldest,
                    endpoint.box.paused,
                    endpoint.box.troubled,
                    endpoint.problem,
                    endpoint.counts,
                )
            )
        return found

    async def dead(self, endpoint: str, limit: int, after: int = 0) -> Sequence[KeptDelivery]:
        """Dead letters of an endpoint, the oldest first, with higher numbers than `after`."""
        await self._keep()
        return await asyncio.to_thread(self._table.dead, endpoint, limit, after)

    async def dead_counts(self) -> Mapping[str, int]:
        """How many dead letters there are, by endpoint."""
        await self._keep()
        return await asyncio.to_thread(self._table.dead_counts)

    async def revive(self, endpoint: str, ids: Collection[str] | None = None) -> int:
        """Have dead letters of an endpoint tried again, all or some, as far as there is room; how many."""
        await self._keep()
        found, count, after = self._endpoints[endpoint], 0, 0
        while True:
            page = await asyncio.to_thread(self._table.dead, endpoint, REVIVED_AT_ONCE, after, ids)
            rows = []
            for kept in page:
                now = self._wall()
                delivery = Delivery(kept.id, kept.lane, kept.type, kept.body, now, kept.url, kept.content_type)
                if not found.box.put(delivery, now):
                    break
                rows.append(_row(endpoint, delivery))
            if rows:
                await asyncio.to_thread(self._table.book, (), rows, ())
            count += len(rows)
            if len(rows) < REVIVED_AT_ONCE:
                break
            after = page[-1].number
        self._pump(found)
        return count

    async def forget(self, endpoint: str, ids: Collection[str] | None = None) -> int:
        """Delete dead letters of an endpoint, all or some; how many."""
        await self._keep()
        return await asyncio.to_thread(self._table.forget, endpoint, ids)


def _row(endpoint: str, delivery: Delivery) -> dict[str, Any]:
    names = (
        "id", "lane", "type", "url", "content_type", "body", "made_at", "attempts", "next_at", "dead_at", "problem",
    )  # fmt: skip
    return {"endpoint": endpoint, **{name: getattr(delivery, name) for name in names}}


def _taken_up(kept: KeptDelivery) -> Delivery:
    return Delivery(
        kept.id,
        kept.lane,
        kept.type,
        kept.body,
        kept.made_at,
        kept.url,
        kept.content_type,
        kept.attempts,
        kept.next_at,
        kept.problem or "",
    )
