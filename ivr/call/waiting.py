"""Flows without a caller: started by events, kept in the store while they wait, taken up when it is time.

    running    a SoloFlow in memory; its row in the store is marked as taken
    asleep     a row in the store, and here when it wakes and which events wake it

A row goes when its flow is over. Who dies while flows run finds their rows, and takes them up where they last waited:
what a flow did since then is done again, what waited is never lost. Only one process takes a row.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from ivr.call.events import EventHub
from ivr.call.report import CallReport
from ivr.call.services import Services
from ivr.call.sleepers import Sleepers
from ivr.call.solo import SoloFlow, contact_of, kept_flow, moment, start_of
from ivr.errors import IvrError, StoreError
from ivr.flow import Flow, FlowSet, Machine
from ivr.flow.elements.properties import property_of
from ivr.flow.elements.start import StartFromAudienceElement
from ivr.flow.model import plain_number
from ivr.store import CallRecord, KeptEvent, KeptWait

__all__ = ["WaitingFlows"]

log = logging.getLogger("ivr.call")

RUNNING = 500
"""Flows without a caller that run at the same time; more wait in the store until some are done."""
WAKE_BATCH = 20
"""Flows that are taken in one transaction, and restored before the loop has its turn: 20 ms."""
PUT_BATCH = 500
"""Rows of one transaction."""
TRIES = 3
"""How often what fails, though the store can be used, is tried alone."""
RETRY_SECONDS = 1.0
"""Until a store that could not be used is tried again."""
LONGEST_SLEEP = 60.0
"""Seconds until the clock is looked at again: somebody may have set it."""
FLUSH_SECONDS = 5.0
"""The writer gets so long for what flows changed."""
CLOSE_SECONDS = 5.0
"""At the end, the store gets so long to take what is to be kept."""

_Versions = list[Flow] | Exception
"""The version that a flow is on and those of its subroutines, or why they cannot be had."""


class WaitingFlows:
    """All flows without a caller of this process."""

    def __init__(
        self,
        services: Services,
        events: EventHub,
        flows: Callable[[], FlowSet],
        version: Callable[[str, int], Flow],
    ) -> None:
        """`flows` are those in force; `version` reads any version there was, and blocks."""
        self._services = services
        self._events = events
        self._flows = flows
        self._version = version
        self._table = services.store.waits
        self._asleep: dict[str, float | None] = {}
        """Flows that are kept in the store, and when they go on by themselves."""
        self._sleepers = Sleepers()
        self._heap: list[tuple[float, str]] = []
        self._running: dict[str, SoloFlow | None] = {}
        """None: what is known of the caller is being read."""
        self._puts: dict[str, KeptWait] = {}
        self._finished: dict[str, None] = {}
        self._waking: dict[str, int] = {}
        """Those before the event of this number are not for it."""
        self._alone = 0
        """Things that are brought to the store, or taken from it, one by one, after something has failed."""
        self._failed = 0
        """How often the one has failed."""
        self._unsafe = False
        """What flows changed may still be with the writer: it must be safe before their rows say that it is done."""
        self._timer: asyncio.TimerHandle | None = None
        self._work = asyncio.Event()
        events.wanted = self._wanted
        events.starts = self._starts
        events.told = self._told

    def __len__(self) -> int:
        return len(self._asleep) + len(self._running)

    async def begin(self) -> None:
        """Learn what the store keeps; what came while nobody looked wakes its flows."""
        kept = await asyncio.to_thread(self._table.begin, self._services.store.node)
        for wait in kept:
            self._lie_down(wait)
            if wait.wake_at is None and not wait.events:
                self._wake(wait.id)  # an event has begun it, and it has not waited yet
        known = {wait.id: wait.after_event for wait in kept if wait.events}
        oldest = min(known.values(), default=0)
        while known and (found := await asyncio.to_thread(self._services.store.events.after, oldest)):
            for event in found:
                for key in self._sleepers.woken_by(event.name, event.properties):
                    if event.number > known[key]:
                        self._wake(key, event.number)
            oldest = found[-1].number
        if kept:
            log.info("%d flows without a caller wait in the store", len(kept))
        self._arm()

    async def run(self) -> None:
        """Bring to the store what is to be kept, and take from it what is to go on; ends by being cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._puts or self._finished or (self._waking and len(self._running) < RUNNING):
                try:
                    await self._turn(RUNNING - len(self._running))
                except StoreError as error:
                    log.error("flows that wait cannot be kept or taken up now: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:
                    # One row that is damaged must not hold up the others.
                    log.exception("flows that wait cannot be kept or taken up now")
                    self._isolate()
                    await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Bring the rest to the store."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._puts or self._finished:
                    await self._turn(0)
        except Exception as error:
            log.error("%d flows that wait are kept as they were before: %s", len(self._puts), error)

    # Flows whose callers have left, and flows that events begin

    def keep(self, machine: Machine, report: CallReport) -> Callable[[], None]:
        """Take over a dormant flow whose call is over; it goes on once the function that is returned was called."""
        if not self._has_room():
            report.fault("limits.waiting_flows is reached: the flow does not go on")
            return lambda: None
        try:
            wait = self._left(machine, report)
        except Exception:
            # The call is over, and its record must be written whatever its flow holds.
            log.exception("the flow of call %s cannot be kept", report.id)
            report.fault("the flow cannot be kept: it does not go on")
            return lambda: None
        self._unsafe = True
        self._put(wait)

        def free() -> None:
            self._lie_down(wait)
            if wait.events:
                self._wake(wait.id)  # for past events, and for those that came meanwhile
            self._arm()

        return free

    def _left(self, machine: Machine, report: CallReport) -> KeptWait:
        """The flow of a call that is over, as a row."""
        now, store = self._services.wall(), self._services.store
        record = asdict(report.record(machine, None))
        for name in ("path", "digits"):
            del record[name]
        # Of past events that it asks for it may not have heard all.
        asks_past = any(waited.since is not None for waited in machine.waits)
        after = 0 if asks_past else self._events.last
        return kept_flow(_new_wait(report.id, store.node, now), machine, record, after_event=after, now=now)

    def _starts(self, name: str, properties: Mapping[str, Any], at: float) -> list[KeptWait]:
        """Flows that an event begins, as rows that are there before they run."""
        flows = self._flows()
        return [
            self._start(flows, flow, entry, name, properties, at)
            for flow, entry in flows.started_by(name)
            if self._has_room()
        ]

    def _start(
        self, flows: FlowSet, flow: Flow, entry: str, name: str, properties: Mapping[str, Any], at: float
    ) -> KeptWait:
        element = flow.elements[entry]
        assert isinstance(element, StartFromAudienceElement)
        number = property_of(properties, element.contact)
        contact = plain_number(number) if isinstance(number, str) else ""
        call_id, store = str(uuid.uuid4()), self._services.store
        for tried, there in flows.for_caller(contact or call_id).started_by(name):
            if tried.name == flow.name:
                flow, entry = tried, there
                break
        short_id = store.next_short_id()
        call = {"id": call_id, "from": contact, "started_at": at, "short_id": short_id}
        record = CallRecord(
            id=call_id,
            short_id=short_id,
            direction="outside",
            started_at=at,
            caller=contact or None,
            node=store.node,
            flow=flow.name,
            flow_version=flow.version,
            flow_number=flow.number or None,
        )
        start = {"entry": entry, "call": call, "properties": properties}
        return replace(
            _new_wait(call_id, store.node, at),
            flow=flow.name,
            version=flow.number,
            snapshot={"start": start, "record": asdict(record)},
            after_event=self._events.last,
        )

    def _has_room(self) -> bool:
        if len(self) < self._services.settings.limits.waiting_flows:
            return True
        log.error("limits.waiting_flows is reached: a flow without a caller does not go on")
        return False

    # Events

    def _wanted(self, name: str) -> bool:
        return name in self._sleepers or self._flows().asks_for(name)

    def _told(self, event: KeptEvent, starts: list[KeptWait]) -> None:
        for key in self._sleepers.woken_by(event.name, event.properties):
            self._wake(key, event.number)
        for wait in starts:
            self._lie_down(wait)
            self._wake(wait.id)

    # Sleeping and waking

    def _put(self, wait: KeptWait) -> None:
        self._puts[wait.id] = wait
        self._work.set()

    def _lie_down(self, wait: KeptWait) -> None:
        self._asleep[wait.id] = wait.wake_at
        self._sleepers.add(wait.id, wait.events, _checks_of(wait))
        if wait.wake_at is not None:
            heapq.heappush(self._heap, (wait.wake_at, wait.id))

    def _get_up(self, key: str) -> None:
        self._asleep.pop(key, None)
        self._sleepers.remove(key)

    def _wake(self, key: str, number: int = 0) -> None:
        """Let a flow go on; where an event wakes it, this is the first that may be for it since it lay down."""
        self._waking.setdefault(key, number)
        self._work.set()

    def _arm(self) -> None:
        """Wake those whose time has come, and look again when the next one's comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        heap, now = self._heap, self._services.wall()
        while heap:
            at, key = heap[0]
            if self._asleep.get(key) == at:
                if at > now:
                    self._timer = self._services.call_later(min(at - now, LONGEST_SLEEP), self._arm)
                    return
                self._wake(key)
            heapq.heappop(heap)

    # The store

    async def _turn(self, room: int) -> None:
        """One transaction of each kind."""
        one = self._alone > 0
        puts = dict(itertools.islice(self._puts.items(), 1 if one else PUT_BATCH))
        finished = list(itertools.islice(self._finished, int(not puts) if one else PUT_BATCH))
        # What is still to be kept as it is now must not be taken as it was before.
        ready = (key for key in self._waking if key not in self._puts or key in puts)
        batch = int(not (puts or finished)) if one else WAKE_BATCH
        ids = list(itertools.islice(ready, max(0, min(batch, room))))
        unsafe, self._unsafe = self._unsafe, False
        try:
            taken = await asyncio.to_thread(self._exchange, self._flows(), unsafe, list(puts.values()), finished, ids)
        except BaseException:
            self._unsafe = self._unsafe or unsafe
            raise
        for key, wait in puts.items():
            if self._puts.get(key) is wait:
                del self._puts[key]
        for key in finished:
            self._finished.pop(key, None)
        self._alone, self._failed = max(0, self._alone - 1), 0
        first = {key: self._waking.pop(key, 0) for key in ids}
        for key in ids:
            self._get_up(key)
        for wait, versions in taken:
            # It slept through the events before that one: they may be more than are remembered.
            awake = replace(wait, after_event=max(wait.after_event, first[wait.id] - 1))
            try:
                self._take_up(awake, versions)
            except Exception as error:
                self._give_up(wait, error)

    def _isolate(self) -> None:
        """After a failure: go on with one thing after the other, and without the one that fails again and again."""
        if not self._alone:
            self._alone, self._failed = 2 * PUT_BATCH + WAKE_BATCH, 0
            return
        self._failed += 1
        if self._failed < TRIES:
            return
        self._failed = 0
        for things in (self._puts, self._finished, self._waking):
            key = next(iter(things), None)
            if key is not None:
                log.error("a flow that waits is given up: its row %s stays as it is", key)
                things.pop(key)
                self._waking.pop(key, None)
                self._get_up(key)
                return

    def _exchange(
        self,
        flows: FlowSet,
        unsafe: bool,
        puts: Collection[KeptWait],
        finished: Collection[str],
        ids: Collection[str],
    ) -> list[tuple[KeptWait, _Versions]]:
        """In a thread: what is to be kept, then what is to go on, with the versions that it is on."""
        if unsafe and not self._services.store.writer.flush(FLUSH_SECONDS):
            raise StoreError("what they changed is not written")
        if puts or finished:
            self._table.change(puts, finished)
        taken = self._table.take(ids, self._services.wall()) if ids else []
        return [(wait, self._versions(flows, wait)) for wait in taken]

    def _versions(self, flows: FlowSet, wait: KeptWait) -> _Versions:
        found = []
        try:
            frames = wait.snapshot.get("machine", {}).get("frames", ())
            wanted = [(wait.flow, wait.version), *((frame["flow"], frame["number"]) for frame in frames)]
            for name, number in wanted:
                active = flows.get(name)
                same = active is not None and active.number == number
                found.append(active if active is not None and same else self._version(name, number))
        except Exception as error:  # what is kept may be damaged
            return error
        return found

    # Running

    def _take_up(self, wait: KeptWait, versions: _Versions) -> None:
        if isinstance(versions, StoreError):
            self._put(wait)
            self._lie_down(wait)
            self._services.call_later(RETRY_SECONDS, partial(self._wake, wait.id))
        elif isinstance(versions, Exception):
            self._give_up(wait, versions)
        else:
            flows = self._flows().for_caller(contact_of(wait) or wait.call_id).with_versions(versions)
            self._running[wait.id] = None
            run = partial(self._run_guarded, wait, versions[0], flows)
            if versions[0].uses_profile and contact_of(wait):
                self._services.outside.read_profile(contact_of(wait), run)
            else:
                run({})

    def _run_guarded(self, wait: KeptWait, flow: Flow, flows: FlowSet, profile: Mapping[str, Any]) -> None:
        try:
            self._run(wait, flow, flows, profile)
        except Exception as error:
            # One flow that cannot be taken up must not hold up the others.
            self._give_up(wait, error)

    def _run(self, wait: KeptWait, flow: Flow, flows: FlowSet, profile: Mapping[str, Any]) -> None:
        services = self._services
        settings, now = services.settings, services.clock()
        options: dict[str, Any] = {
            "profile": profile,
            "languages": services.languages,
            "calendars": settings.calendars,
        }
        start = start_of(wait, settings.zone)
        if start is not None:
            machine = Machine(flow, flows, start.call, settings.settings, settings.limits, **options)
        else:
            kept, wall = wait.snapshot["machine"], moment(services.wall(), settings.zone)
            machine = Machine.restore(kept, flow, flows, settings.settings, settings.limits, now, wall, **options)
        solo = SoloFlow(wait, machine, self, services, services.outside, self._events)
        self._running[wait.id] = solo
        if start is not None:
            solo.start(start.entry, start.properties, now)
        else:
            solo.go_on()

    def asleep(self, flow: SoloFlow) -> None:
        """A flow waits: it is kept until then (SoloHost)."""
        now, key = self._services.wall(), flow.wait.id
        self._unsafe = self._unsafe or flow.wrote
        self._book(flow, now)
        wait = flow.kept(now)
        self._running.pop(key, None)
        self._put(wait)
        self._lie_down(wait)
        self._arm()

    def over(self, flow: SoloFlow) -> None:
        """A flow is at its end (SoloHost)."""
        self._unsafe = True
        self._book(flow, self._services.wall())
        self._running.pop(flow.wait.id, None)
        self._finished[flow.wait.id] = None
        self._work.set()

    def _book(self, flow: SoloFlow, now: float) -> None:
        """Bring the record up to date; a flow whose event was not for it leaves none."""
        if start_of(flow.wait) is None or not flow.declined:
            self._services.store.writer.call_completed(flow.record(now))

    def _give_up(self, wait: KeptWait, error: Exception) -> None:
        known = isinstance(error, IvrError)
        log.error("flow %s of call %s cannot go on: %s", wait.flow, wait.call_id, error, exc_info=not known and error)
        self._running.pop(wait.id, None)
        self._finished[wait.id] = None
        self._work.set()


def _checks_of(wait: KeptWait) -> list[Any]:
    """What the snapshot of a flow says of the event that it waits for; nothing where it cannot be told."""
    if not wait.events:
        return []
    try:
        waits = wait.snapshot["machine"]["waits"]
        # Of several waits each would have checks of its own.
        return list(waits[0].get("checks", ())) if len(waits) == 1 else []
    except Exception:  # it may be damaged: then the flow is given up when it is taken
        return []


def _new_wait(call_id: str, node: str, now: float) -> KeptWait:
    return KeptWait(
        id=str(uuid.uuid4()),
        call_id=call_id,
        node=node,
        flow="",
        version=0,
        snapshot={},
        events=[],
        after_event=0,
        wake_at=None,
        created_at=now,
        last_step_at=now,
    )
