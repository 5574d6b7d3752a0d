"""What an application is told of one call: in order, one after another, again until it has heard it.

Nothing waits for a delivery. While the call lives it is tried for as long as it takes; afterwards for a bounded time.
When a try is made anew, and what an answer means, is as with webhooks (:mod:`ivr.webhooks.retrying`). What differs is
that nothing is kept in the store: without its call, which does not outlive the daemon either, an event is of no use to
who controls it, and it may hold what a caller has keyed in. And a request that an application answers with 4XX is not
sent again: who drives a call must hear of what comes next.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ivr.flow import ports
from ivr.webhooks import backoff, verdict

__all__ = ["Letter", "Outbox", "Post", "Timers"]

log = logging.getLogger("ivr.handoff")

MAX_LETTERS = 500
"""Of one call that are not delivered; an application that is down so long hears of the first ones and of the end."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries, doubled each time; no longer either where the application asks for that (Retry-After)."""
TIMEOUT = 10.0
"""Seconds for one try."""
AGAIN = (408, 425, 429)
"""Statuses below 500 after which the same may succeed later."""


class Post(Protocol):
    """Sends requests (:class:`ivr.outside.HttpClient`)."""

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        """Send one; `done` is called once, later."""


class Timers(Protocol):
    """Time."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def call_later(self, seconds: float, then: Callable[[], None]) -> Any:
        """Call `then` later; what is returned can be cancelled."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to be told."""

    what: str
    """For the log."""
    make: Callable[[], ports.Request]
    """The request, signed when it is sent."""


class Outbox:
    """Letters of one call to one application."""

    def __init__(
        self,
        post: Post,
        timers: Timers,
        name: str,
        deliver_for: float,
        empty: Callable[[], None],
        *,
        rng: Callable[[], float],
        ended: bool = False,
    ) -> None:
        """`name` is for the log; `deliver_for` seconds after the end of the call what is left is given up; `empty` is
        called when the call is over and nothing is left; `rng` gives numbers from 0 to below 1; `ended`: the call is
        over already."""
        self._post = post
        self._timers = timers
        self._name = name
        self._deliver_for = deliver_for
        self._empty = empty
        self._rng = rng
        self._letters: deque[Letter] = deque()
        self._sending = False
        self._tries = 0
        self._timer: Any = None
        self._until: float | None = timers.clock() + deliver_for if ended else None
        self._closed = False
        self.lost = 0
        """Letters that were given up."""

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, letter: Letter) -> None:
        """Have something told, after what is there already."""
        if self._closed:
            return
        if len(self._letters) >= MAX_LETTERS:
            # The newest ones make room: the application has not seen the first ones yet, and the end counts most.
            del self._letters[-1]
            self.lost += 1
        self._letters.append(letter)
        self._send()

    def end(self) -> None:
        """The call is over."""
        if self._until is None:
            self._until = self._timers.clock() + self._deliver_for
        self._look()

    def close(self) -> None:
        """Nothing is sent any more."""
        self._closed = True
        self._letters.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        if self._sending or self._timer is not None or not self._letters or self._closed:
            return
        self._sending = True
        try:
            self._post.request(self._letters[0].make(), self._done)
        except Exception:
            # One letter that cannot be written takes neither the call nor the others along.
            log.exception("application %s: an event cannot be sent", self._name)
            self._sending = False
            self._letters.popleft()
            self.lost += 1
            self._look()

    def _done(self, answer: ports.RequestDone) -> None:
        self._sending = False
        if self._closed or not self._letters:
            return
        status = answer.status
        failure = None if status is None else verdict(status, answer.headers.get("retry-after", ""))
        if status is not None and failure is None:
            self._next()
        elif status is not None and status < 500 and status not in AGAIN:
            log.warning("application %s refuses an event (%s): %s", self._name, self._letters[0].what, status)
            self.lost += 1
            self._next()
        elif answer.error == "refused":
            log.warning("application %s cannot be told: %s", self._name, answer.text)
            self.lost += 1
            self._next()
        else:
            self._again(0.0 if failure is None else failure.retry_after or 0.0)

    def _next(self) -> None:
        self._letters.popleft()
        self._tries = 0
        self._send()
        self._look()

    def _again(self, asked: float) -> None:
        if self._given_up():
            log.warning("application %s: %d events could not be delivered", self._name, len(self._letters))
            self.lost += len(self._letters)
            self._letters.clear()
            self._look()
            return
        self._tries += 1
        pause = max(backoff(self._tries, FIRST_PAUSE, LONGEST_PAUSE, self._rng), min(asked, LONGEST_PAUSE))
        self._timer = self._timers.call_later(pause, self._wake)

    def _given_up(self) -> bool:
        return self._until is not None and self._timers.clock() >= self._until

    def _wake(self) -> None:
        self._timer = None
        self._send()

    def _look(self) -> None:
        if self._until is not None and not self._letters and not self._sending and not self._closed:
            self._closed = True
            self._empty()
