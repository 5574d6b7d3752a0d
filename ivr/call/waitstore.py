"""What flows without a caller want of the store, done in few transactions: one after the other, many flows in each.

puts       flows that wait (again): their rows
bookings   flows that are about to call somebody: their rows say so before the call goes out
finished   flows that are over: their rows go, with what else is to be written in the same transaction
waking     flows that are to go on: their rows are taken
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa

from ivr.call.dialling import built_in
from ivr.call.services import Services
from ivr.errors import StoreError
from ivr.flow import Flow, FlowSet
from ivr.store import KeptWait

__all__ = ["RETRY_SECONDS", "Versions", "WaitStore", "Write"]

log = logging.getLogger("ivr.call")

WAKE_BATCH = 20
"""Flows that are taken in one transaction, and restored before the loop has its turn: 20 ms."""
PUT_BATCH = 500
"""Rows of one transaction."""
TRIES = 3
"""How often what fails, though the store can be used, is tried alone."""
RETRY_SECONDS = 1.0
"""Until a store that could not be used is tried again."""
FLUSH_SECONDS = 5.0
"""The writer gets so long for what flows changed."""
CLOSE_SECONDS = 5.0
"""At the end, the store gets so long to take what is to be kept."""

Versions = list[Flow] | Exception
"""The version that a flow is on and those of its subroutines, or why they cannot be had."""
Write = Callable[[sa.Connection], None]
"""Part of a transaction."""


@dataclass(frozen=True, slots=True)
class _Booking:
    before: KeptWait
    wait: KeptWait
    then: Callable[[], None]


class WaitStore:
    """Queues of one process, and the task that works them off."""

    def __init__(
        self,
        services: Services,
        flows: Callable[[], FlowSet],
        version: Callable[[str, int], Flow],
        room: Callable[[], int],
        get_up: Callable[[str], None],
        take_up: Callable[[KeptWait, Versions], None],
    ) -> None:
        """`room` says how many more flows may run; `get_up` hears of those that do not sleep any more, `take_up` of
        those that are this process's now."""
        self._services = services
        self._flows = flows
        self._version = version
        self._room = room
        self._get_up = get_up
        self._take_up = take_up
        self._table = services.store.waits
        self.puts: dict[str, KeptWait] = {}
        self._bookings: dict[str, _Booking] = {}
        self.finished: dict[str, list[Write]] = {}
        self.waking: dict[str, int] = {}
        """Those before the event of this number are not for it."""
        self.held: Callable[[str], bool] = lambda key: False
        """Whether a flow that is to go on must not yet; who lifts that calls :meth:`look_again`."""
        self._alone = 0
        """Things that are brought to the store, or taken from it, one by one, after something has failed."""
        self._failed = 0
        """How often the one has failed."""
        self.unsafe = False
        """What flows changed may still be with the writer: it must be safe before their rows say that it is done."""
        self._work = asyncio.Event()

    # What is wanted

    def put(self, wait: KeptWait) -> None:
        """A flow waits."""
        self.puts[wait.id] = wait
        self._work.set()

    def book(self, before: KeptWait, wait: KeptWait, then: Callable[[], None]) -> None:
        """What a flow that runs is about to do; `then` is called once it is written. `before` is the row where nothing
        comes of it, since this process ends first."""
        self._bookings[wait.id] = _Booking(before, wait, then)
        self._work.set()

    def finish(self, key: str, writes: list[Write] | None = None) -> None:
        """A flow is over."""
        self._bookings.pop(key, None)
        self.finished[key] = writes or []
        self._work.set()

    def drop(self, key: str, writes: list[Write]) -> None:
        """A flow that sleeps is to go no further."""
        self.puts.pop(key, None)
        self.waking.pop(key, None)
        self.finish(key, writes)

    def look_again(self) -> None:
        """Flows that were held may go on."""
        self._work.set()

    def wake(self, key: str, number: int = 0) -> None:
        """Let a flow go on; where an event wakes it, this is the first that may be for it since it lay down."""
        self.waking.setdefault(key, number)
        self._work.set()

    @property
    def busy(self) -> bool:
        """Something is still to be brought to the store or taken from it."""
        return bool(self.puts or self.finished or self._bookings or self.waking)

    # The store

    async def run(self) -> None:
        """Work off what is wanted; ends by being cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self.puts or self.finished or self._bookings or (self._room() > 0 and any(self._ready())):
                try:
                    await self._turn(self._room())
                except StoreError as error:
                    log.error("flows that wait cannot be kept or taken up now: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:
                    # One row that is damaged must not hold up the others.
                    log.exception("flows that wait cannot be kept or taken up now")
                    self._isolate()
                    await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Bring the rest to the store; nobody is called any more."""
        for key, booking in self._bookings.items():
            self.puts.setdefault(key, booking.before)
        self._bookings.clear()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self.puts or self.finished:
                    await self._turn(0)
        except Exception as error:
            log.error("%d flows that wait are kept as they were before: %s", len(self.puts), error)

    def _ready(self) -> Iterator[str]:
        return (key for key in self.waking if not self.held(key))

    async def _turn(self, room: int) -> None:
        """One transaction of each kind."""
        one = self._alone > 0
        puts = dict(itertools.islice(self.puts.items(), 1 if one else PUT_BATCH))
        bookings = dict(itertools.islice(self._bookings.items(), int(not puts) if one else PUT_BATCH))
        finished = dict(itertools.islice(self.finished.items(), int(not (puts or bookings)) if one else PUT_BATCH))
        # What is still to be kept as it is now must not be taken as it was before.
        ready = (key for key in self._ready() if key not in self.puts or key in puts)
        batch = int(not (puts or bookings or finished)) if one else WAKE_BATCH
        ids = list(itertools.islice(ready, max(0, min(batch, room))))
        unsafe, self.unsafe = self.unsafe, False
        booked = [booking.wait for booking in bookings.values()]
        try:
            taken = await asyncio.to_thread(
                self._exchange, self._flows(), unsafe, list(puts.values()), booked, finished, ids
            )
        except BaseException:
            self.unsafe = self.unsafe or unsafe
            raise
        for key, wait in puts.items():
            if self.puts.get(key) is wait:
                del self.puts[key]
        for key in finished:
            self.finished.pop(key, None)
        for key, booking in bookings.items():
            if self._bookings.get(key) is booking:
                del self._bookings[key]
        self._alone, self._failed = max(0, self._alone - 1), 0
        first = {key: self.waking.pop(key, 0) for key in ids}
        for key in ids:
            self._get_up(key)
        for booking in bookings.values():
            booking.then()
        for wait, versions in taken:
            if wait.id in self.finished:  # dropped while its row was taken
                continue
            # It slept through the events before that one: they may be more than are remembered.
            self._take_up(replace(wait, after_event=max(wait.after_event, first[wait.id] - 1)), versions)

    def _isolate(self) -> None:
        """After a failure: go on with one thing after the other, and without the one that fails again and again."""
        if not self._alone:
            self._alone, self._failed = 3 * PUT_BATCH + WAKE_BATCH, 0
            return
        self._failed += 1
        if self._failed < TRIES:
            return
        self._failed = 0
        for things in (self.puts, self._bookings, self.finished, self.waking):
            key = next(iter(things), None)
            if key is not None:
                log.error("a flow that waits is given up: its row %s stays as it is", key)
                things.pop(key)
                self.waking.pop(key, None)
                self._get_up(key)
                return

    def _exchange(
        self,
        flows: FlowSet,
        unsafe: bool,
        puts: Collection[KeptWait],
        booked: Collection[KeptWait],
        finished: dict[str, list[Write]],
        ids: Collection[str],
    ) -> list[tuple[KeptWait, Versions]]:
        """In a thread: what is to be kept, then what is to go on, with the versions that it is on."""
        if unsafe and not self._services.store.writer.flush(FLUSH_SECONDS):
            raise StoreError("what they changed is not written")
        if puts or finished or booked:
            also = [write for writes in finished.values() for write in writes]
            self._table.change(puts, list(finished), booked, also)
        taken = self._table.take(ids, self._services.wall()) if ids else []
        return [(wait, self._versions(flows, wait)) for wait in taken]

    def _versions(self, flows: FlowSet, wait: KeptWait) -> Versions:
        found = []
        try:
            frames = wait.snapshot.get("machine", {}).get("frames", ())
            wanted = [(wait.flow, wait.version), *((frame["flow"], frame["number"]) for frame in frames)]
            for name, number in wanted:
                own = built_in(name, wait.snapshot.get("options"))
                if own is not None:
                    found.append(own)
                    continue
                active = flows.get(name)
                same = active is not None and active.number == number
                found.append(active if active is not None and same else self._version(name, number))
        except Exception as error:  # what is kept may be damaged
            return error
        return found
