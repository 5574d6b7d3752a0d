"""What is to be delivered to one endpoint: in which order, when, how often, and when it is given up. Pure.

Deliveries of one lane (a call) go one after another: while one is not delivered, those behind it wait. Lanes do not
wait for one another, but for the endpoint: while it cannot be reached, or says that it cannot serve, one delivery at a
time tries it, less and less often. A delivery that is refused itself (4xx) holds up its own lane alone.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

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
    concurrency: int = 4
    """Deliveries under way at once."""
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


class Outbox:
    """Deliveries to one endpoint. Times are seconds since the epoch."""

    def __init__(self, policy: RetryPolicy, rng: Callable[[], float]) -> None:
        """`rng` gives numbers from 0 to below 1."""
        self.policy = policy
        self._rng = rng
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[str] = deque()
        """Lanes whose first delivery may be tried, as far as the lane is concerned."""
        self._resting: list[tuple[float, str]] = []
        """Until when lanes rest whose first delivery failed, and which: a heap, for there may be as many as calls."""
        self._under_way = 0
        self._troubled = 0
        """Tries in a row that found the endpoint unable to serve."""
        self._not_before = 0.0
        self._bytes = 0
        self._count = 0
        self.paused = False
        """Nothing is tried until it is set back; what comes meanwhile waits."""

    def __len__(self) -> int:
        return self._count

    @property
    def troubled(self) -> bool:
        """The last try found the endpoint unable to serve."""
        return self._troubled > 0

    def put(self, delivery: Delivery, now: float) -> bool:
        """Take one more; False: there is no room."""
        size = len(delivery.body)
        if self._count >= self.policy.queue or (self._count and self._bytes + size > self.policy.bytes):
            return False
        self._count += 1
        self._bytes += size
        lane = self._lanes.setdefault(delivery.lane, _Lane())
        lane.waiting.append(delivery)
        if len(lane.waiting) == 1 and not lane.under_way:
            self._line_up(delivery, now)
        return True

    def due(self, now: float) -> list[Delivery]:
        """Deliveries that are to be tried now; they count as under way."""
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(heapq.heappop(self._resting)[1])
        found = []
        while self._ready and self._under_way < self._room(now):
            lane = self._lanes[self._ready.popleft()]
            lane.under_way = True
            self._under_way += 1
            found.append(lane.waiting[0])
        return found

    def next_timer(self) -> float | None:
        """When :meth:`due` is to be asked again, besides after each call of the other methods; None: not at all."""
        if self.paused:
            return None
        times = [max(self._resting[0][0], self._not_before)] if self._resting else []
        if self._ready and self._under_way < (1 if self._troubled else self.policy.concurrency):
            times.append(self._not_before)
        return min(times, default=None)

    def delivered(self, delivery: Delivery, now: float) -> None:
        """It is there."""
        self._troubled = 0
        self._not_before = 0.0
        self._gone(delivery, now)

    def failed(self, delivery: Delivery, failure: Failure, now: float) -> Literal["again", "dead"]:
        """A try of it failed: it is tried again, or given up."""
        delivery.attempts += 1
        delivery.problem = failure.problem
        wait = self._wait(delivery.attempts)
        asked = failure.retry_after or 0.0
        if failure.refused:
            self._troubled = 0
        else:
            self._troubled += 1
            self._not_before = max(now + min(self._wait(self._troubled), PROBE_LONGEST), now + asked)
        delivery.next_at = now + max(wait, asked)
        late = delivery.next_at - delivery.made_at > self.policy.within
        if delivery.attempts >= self.policy.times or late:
            delivery.dead_at = now
            self._gone(delivery, now)
            return "dead"
        self._under_way -= 1
        self._lanes[delivery.lane].under_way = False
        self._line_up(delivery, now)
        return "again"

    def let_go(self, delivery: Delivery, now: float) -> None:
        """A try of it was broken off: it is tried again as if it had not been."""
        self._under_way -= 1
        self._lanes[delivery.lane].under_way = False
        self._line_up(delivery, now)

    def waiting(self) -> list[Delivery]:
        """All of them, those of each lane in order."""
        return [delivery for lane in self._lanes.values() for delivery in lane.waiting]

    def _room(self, now: float) -> int:
        if self.paused or now < self._not_before:
            return 0
        return 1 if self._troubled else self.policy.concurrency

    def _wait(self, failures: int) -> float:
        return backoff(failures, self.policy.first, self.policy.longest, self._rng)

    def _line_up(self, delivery: Delivery, now: float) -> None:
        if delivery.next_at > now:
            heapq.heappush(self._resting, (delivery.next_at, delivery.lane))
        else:
            self._ready.append(delivery.lane)

    def _gone(self, delivery: Delivery, now: float) -> None:
        lane = self._lanes[delivery.lane]
        assert lane.waiting[0] is delivery and lane.under_way
        lane.waiting.popleft()
        lane.under_way = False
        self._under_way -= 1
        self._count -= 1
        self._bytes -= len(delivery.body)
        if lane.waiting:
            self._line_up(lane.waiting[0], now)
        else:
            del self._lanes[delivery.lane]
