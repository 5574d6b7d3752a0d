"""What is to be delivered to one endpoint: in which order, when, how often, and when it is given up. Pure.

Deliveries of one lane (a call) go one after another: while one is not delivered, those behind it wait. Lanes do not
wait for one another, but for the server: while it cannot be reached, or says that it cannot serve, one delivery at a
time tries it, less and less often. A delivery that is refused itself (4xx) holds up its own lane alone, and where
somebody waits for each lane (`alone`) every failure does. An endpoint has one server, unless deliveries say themselves
where they go: then each server has lanes and troubles of its own.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ivr.webhooks.retrying import Failure, backoff

__all__ = ["Delivery", "Outbox", "RetryPolicy"]

PROBE_LONGEST = 60.0
"""Seconds between two tries of an endpoint that cannot serve: it is noticed soon that it is back."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how many at once."""

    first: float = 1.0
    """Seconds before the second try; doubled with each one."""
    longest: float = 600.0
    """Seconds between two tries."""
    times: int = 20
    """Tries."""
    within: float = 86_400.0
    """Seconds since it was made, after which no further try is begun."""
    unwanted: Literal["again", "dead"] = "again"
    """What becomes of a delivery that no further try would change: others behind it wait, or it is given up."""
    alone: bool = False
    """A failure holds up its own lane alone, and for `longest` at most, whatever the server asks for: what one call has
    broken must not cost all others."""
    concurrency: int = 4
    """Deliveries under way at once to one server."""
    queue: int = 20_000
    """Deliveries that wait or are under way."""
    bytes: int = 32 * 2**20
    """Of their bodies."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One body that is to reach an endpoint."""

    id: str
    """Unique for the endpoint; the same for every try."""
    lane: str
    """Those of one lane are delivered in order: id of the call, or of what else they are about."""
    type: str
    """Kind of the event."""
    body: str
    made_at: float
    """Seconds since the epoch."""
    url: str | None = None
    """Where to; None: the endpoint's own."""
    content_type: str = "application/json"
    """Of the body; empty: there is none, and the URL is asked for (GET)."""
    attempts: int = 0
    """Tries that failed."""
    next_at: float = 0.0
    """No try before, seconds since the epoch."""
    problem: str = ""
    """Why the last try failed."""
    dead_at: float | None = None
    """When it was given up."""


@dataclass(slots=True)
class _Lane:
    waiting: deque[Delivery] = field(default_factory=deque)
    under_way: bool = False


class _Server:
    """What goes to one server."""

    def __init__(self) -> None:
        self.lanes: dict[str, _Lane] = {}
        self.ready: deque[str] = deque()
        """Lanes whose first delivery may be tried, as far as the lane is concerned."""
        self.resting: list[tuple[float, str]] = []
        """Until when lanes rest whose first delivery failed, and which: a heap, for there may be as many as calls."""
        self.under_way = 0
        self.troubled = 0
        """Tries in a row that found it unable to serve."""
        self.not_before = 0.0

    def put(self, delivery: Delivery, now: float) -> None:
        lane = self.lanes.setdefault(delivery.lane, _Lane())
        lane.waiting.append(delivery)
        if len(lane.waiting) == 1 and not lane.under_way:
            self.line_up(delivery, now)

    def due(self, now: float, policy: RetryPolicy) -> Iterator[Delivery]:
        while self.resting and self.resting[0][0] <= now:
            self.ready.append(heapq.heappop(self.resting)[1])
        room = 0 if now < self.not_before else self._most(policy)
        while self.ready and self.under_way < room:
            lane = self.lanes[self.ready.popleft()]
            lane.under_way = True
            self.under_way += 1
            yield lane.waiting[0]

    def _most(self, policy: RetryPolicy) -> int:
        return 1 if self.troubled and not policy.alone else policy.concurrency

    def next_timer(self, policy: RetryPolicy) -> float | None:
        times = [max(self.resting[0][0], self.not_before)] if self.resting else []
        if self.ready and self.under_way < self._most(policy):
            times.append(self.not_before)
        return min(times, default=None)

    def let_go(self, delivery: Delivery, now: float) -> None:
        self.under_way -= 1
        self.lanes[delivery.lane].under_way = False
        self.line_up(delivery, now)

    def line_up(self, delivery: Delivery, now: float) -> None:
        if delivery.next_at > now:
            heapq.heappush(self.resting, (delivery.next_at, delivery.lane))
        else:
            self.ready.append(delivery.lane)

    def gone(self, delivery: Delivery, now: float) -> None:
        lane = self.lanes[delivery.lane]
        assert lane.waiting[0] is delivery and lane.under_way
        lane.waiting.popleft()
        lane.under_way = False
        self.under_way -= 1
        if lane.waiting:
            self.line_up(lane.waiting[0], now)
        else:
            del self.lanes[delivery.lane]


class Outbox:
    """Deliveries to one endpoint. Times are seconds since the epoch."""

    def __init__(self, policy: RetryPolicy, rng: Callable[[], float]) -> None:
        """`rng` gives numbers from 0 to below 1."""
        self.policy = policy
        self._rng = rng
        self._servers: dict[str, _Server] = {"": _Server()}
        """By scheme and host; empty: the endpoint's own, which is always there."""
        self._bytes = 0
        self._count = 0
        self.paused = False
        """Nothing is tried until it is set back; what comes meanwhile waits."""

    def __len__(self) -> int:
        return self._count

    @property
    def troubled(self) -> bool:
        """The last try found a server unable to serve."""
        return any(server.troubled for server in self._servers.values())

    def put(self, delivery: Delivery, now: float) -> bool:
        """Take one more; False: there is no room."""
        size = len(delivery.body)
        if self._count >= self.policy.queue or (self._count and self._bytes + size > self.policy.bytes):
            return False
        self._count += 1
        self._bytes += size
        self._servers.setdefault(_server_of(delivery), _Server()).put(delivery, now)
        return True

    def due(self, now: float) -> list[Delivery]:
        """Deliveries that are to be tried now; they count as under way."""
        if self.paused:
            return []
        return [one for server in self._servers.values() for one in server.due(now, self.policy)]

    def next_timer(self) -> float | None:
        """When :meth:`due` is to be asked again, besides after each call of the other methods; None: not at all."""
        if self.paused:
            return None
        times = (server.next_timer(self.policy) for server in self._servers.values())
        return min((at for at in times if at is not None), default=None)

    def delivered(self, delivery: Delivery, now: float) -> None:
        """It is there."""
        server = self._servers[_server_of(delivery)]
        server.troubled = 0
        server.not_before = 0.0
        self._gone(delivery, now)

    def failed(self, delivery: Delivery, failure: Failure, now: float) -> Literal["again", "dead"]:
        """A try of it failed: it is tried again, or given up."""
        server = self._servers[_server_of(delivery)]
        delivery.attempts += 1
        delivery.problem = failure.problem
        policy = self.policy
        wait = self._wait(delivery.attempts)
        asked = min(failure.retry_after or 0.0, policy.longest if policy.alone else math.inf)
        unwanted = failure.unwanted and policy.unwanted == "dead"
        if failure.refused or unwanted:
            server.troubled = 0
        else:
            server.troubled += 1
            if not policy.alone:
                server.not_before = max(now + min(self._wait(server.troubled), PROBE_LONGEST), now + asked)
        delivery.next_at = now + max(wait, asked)
        late = delivery.next_at - delivery.made_at > policy.within
        if unwanted or delivery.attempts >= policy.times or late:
            delivery.dead_at = now
            self._gone(delivery, now)
            return "dead"
        server.let_go(delivery, now)
        return "again"

    def let_go(self, delivery: Delivery, now: float) -> None:
        """A try of it was broken off: it is tried again as if it had not been."""
        self._servers[_server_of(delivery)].let_go(delivery, now)

    def waits(self, lane: str) -> bool:
        """Something of this lane is not delivered yet, nor given up."""
        return any(lane in server.lanes for server in self._servers.values())

    def waiting(self) -> list[Delivery]:
        """All of them, those of each lane in order."""
        lanes = (lane for server in self._servers.values() for lane in server.lanes.values())
        return [delivery for lane in lanes for delivery in lane.waiting]

    def _wait(self, failures: int) -> float:
        return backoff(failures, self.policy.first, self.policy.longest, self._rng)

    def _gone(self, delivery: Delivery, now: float) -> None:
        name = _server_of(delivery)
        server = self._servers[name]
        server.gone(delivery, now)
        self._count -= 1
        self._bytes -= len(delivery.body)
        if name and not server.lanes:
            del self._servers[name]


def _server_of(delivery: Delivery) -> str:
    """Server that it goes to: one that is down holds up nobody else."""
    if delivery.url is None:
        return ""
    try:
        parts = urlsplit(delivery.url)
    except ValueError:  # it cannot be sent, which is found out when it is tried
        return delivery.url
    return f"{parts.scheme}://{parts.netloc}"
