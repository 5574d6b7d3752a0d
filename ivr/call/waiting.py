"""Flows without a caller: started by events and for contacts, kept in the store while they wait, taken up in time.

    running    a SoloFlow in memory; its row in the store is marked as taken
    asleep     a row in the store, and here when it wakes and which events wake it

A row goes when its flow is over. Who dies while flows run finds their rows, and takes them up where they last waited:
what a flow did since then is done again, what waited is never lost. Only one process takes a row. Calls are the
exception: a row says that somebody is called before the INVITE leaves, and nobody is called again on its account.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from ivr.call.dials import Dials
from ivr.call.events import EventHub
from ivr.call.report import CallReport
from ivr.call.services import Services
from ivr.call.sleepers import Sleepers
from ivr.call.solo import SoloFlow, SoloOutcome, contact_of, kept_flow, moment, start_of
from ivr.call.starts import Starts, new_wait
from ivr.call.waitstore import RETRY_SECONDS, Versions, WaitStore, Write
from ivr.errors import IvrError, StoreError
from ivr.flow import Flow, FlowSet, Machine, ports
from ivr.store import KeptEvent, KeptWait

__all__ = ["WaitingFlows"]

log = logging.getLogger("ivr.call")

RUNNING = 500
"""Flows without a caller that run at the same time; more wait in the store until some are done. Those that have a call
have limits of their own."""
AT_ONCE = 5.0
"""Seconds until a call that is not worth a record of its waiting."""
LONGEST_SLEEP = 60.0
"""Seconds until the clock is looked at again: somebody may have set it."""


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
        self._kept = WaitStore(services, flows, version, self._room, self._get_up, self._take_up)
        self._beginnings = Starts(services, flows)
        self.dials = Dials(services, self._kept.book, self._leave)
        """Places calls for flows."""
        self._asleep: dict[str, float | None] = {}
        """Flows that are kept in the store, and when they go on by themselves."""
        self._sleepers = Sleepers()
        self._heap: list[tuple[float, str]] = []
        self._running: dict[str, SoloFlow | None] = {}
        """None: what is known of the caller is being read."""
        self._unwanted: set[str] = set()
        """Of those, who are to go no further."""
        self._timer: asyncio.TimerHandle | None = None
        self.on_over: list[Callable[[KeptWait, SoloOutcome], None]] = []
        """Hear of every flow that is over; what they add to `writes` of its outcome is written in the transaction in
        which its row goes."""
        events.wanted = self._wanted
        events.starts = self._starts
        events.told = self._told

    def __len__(self) -> int:
        return len(self._asleep) + len(self._running)

    async def begin(self) -> None:
        """Learn what the store keeps; what came while nobody looked wakes its flows."""
        kept = await asyncio.to_thread(self._services.store.waits.begin, self._services.store.node)
        for wait in kept:
            self._lie_down(wait)
            if wait.wake_at is None and not wait.events:
                self._kept.wake(wait.id)  # it has been begun, and has not waited yet
        known = {wait.id: wait.after_event for wait in kept if wait.events}
        oldest = min(known.values(), default=0)
        while known and (found := await asyncio.to_thread(self._services.store.events.after, oldest)):
            for event in found:
                for key in self._sleepers.woken_by(event.name, event.properties):
                    if event.number > known[key]:
                        self._kept.wake(key, event.number)
            oldest = found[-1].number
        if kept:
            log.info("%d flows without a caller wait in the store", len(kept))
        self._arm()

    async def run(self) -> None:
        """Bring to the store what is to be kept, and take from it what is to go on; ends by being cancelled."""
        await self._kept.run()

    async def close(self) -> None:
        """Bring the rest to the store."""
        if self._timer is not None:
            self._timer.cancel()
        await self._kept.close()

    @property
    def quiet(self) -> bool:
        """Every flow sleeps, and the store knows all of it."""
        return not self._running and not self._kept.busy

    def _room(self) -> int:
        return RUNNING - (len(self._running) - self.dials.calling)

    # Flows whose callers have left, and flows that begin without one

    def keep(self, machine: Machine, report: CallReport) -> Callable[[], None]:
        """Take over a dormant flow whose call is over; it goes on once the function that is returned was called."""
        if not self.has_room():
            report.fault("limits.waiting_flows is reached: the flow does not go on")
            return lambda: None
        try:
            wait = self._left(machine, report)
        except Exception:
            # The call is over, and its record must be written whatever its flow holds.
            log.exception("the flow of call %s cannot be kept", report.id)
            report.fault("the flow cannot be kept: it does not go on")
            return lambda: None
        self._kept.unsafe = True
        self._kept.put(wait)

        def free() -> None:
            self._lie_down(wait)
            if wait.events:
                self._kept.wake(wait.id)  # for past events, and for those that came meanwhile
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
        return kept_flow(new_wait(report.id, store.node, now), machine, record, after_event=after, now=now)

    def _starts(self, name: str, properties: Mapping[str, Any], at: float) -> list[KeptWait]:
        """Flows that an event begins, as rows that are there before they run."""
        if not self.has_room():
            return []
        return self._beginnings.by_event(name, properties, at, self._events.last)

    def start_contact(
        self,
        flow: str,
        entry: str | None,
        properties: Mapping[str, Any],
        *,
        campaign: str | None = None,
        contact: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> KeptWait:
        """The row of a flow that is to begin for one contact: at `entry`, None for its start_from_audience; a flow that
        has none is called for, and gets the call. `properties` hold the number of the contact. The row is not stored
        yet. `campaign` and `contact` stand in the details of its record; `fields` are those of start_outgoing_call, of
        flows that do not call by themselves.

        StartError where there is no such flow, or it has no such entry.
        """
        return self._beginnings.contact(
            flow, entry, properties, self._events.last, campaign=campaign, contact=contact, fields=fields
        )

    def start_call(self, options: Mapping[str, Any], properties: Mapping[str, Any]) -> KeptWait:
        """The row of a call without a flow of its own; see :func:`~ivr.call.dialling.calling_flow`. StartError where
        the options do not hold."""
        return self._beginnings.call(options, properties, self._events.last)

    def admit(self, waits: Iterable[KeptWait]) -> None:
        """Rows of :meth:`start_contact` that somebody has stored: they run as soon as there is room."""
        for wait in waits:
            self._lie_down(wait)
            self._kept.wake(wait.id)

    def hold(self, held: Callable[[str], bool]) -> Callable[[], None]:
        """From now on flows (by the id of their rows) for which `held` is true do not go on, whatever wakes them; the
        function that is returned is to be called when that may have changed."""
        self._kept.held = held
        return self._kept.look_again

    @property
    def due(self) -> Collection[str]:
        """Flows that are to go on, by the id of their rows."""
        return self._kept.waking

    def wakes_at(self, key: str) -> float | None:
        """When a flow that sleeps goes on by itself, seconds since the epoch; None where it does not, or runs."""
        return self._asleep.get(key)

    def sleeps(self, key: str) -> bool:
        """Whether a flow is kept in the store until something wakes it."""
        return key in self._asleep

    def drop(self, key: str, writes: list[Write]) -> bool:
        """Let a flow that sleeps not go on: its row goes, with `writes` in the same transaction. False where it does
        not sleep."""
        if key not in self._asleep:
            return False
        self._get_up(key)
        self._kept.drop(key, writes)
        return True

    def stop(self, key: str, writes: list[Write]) -> None:
        """Let a flow go no further, wherever it is: as :meth:`drop`, or, where it runs, its call is given up or hung
        up, and it ends as a flow does whose call is over."""
        if self.drop(key, writes) or key not in self._running:
            return
        solo = self._running[key]
        if solo is None:
            self._unwanted.add(key)
        else:
            solo.stop()

    def has_room(self) -> bool:
        """Whether `limits.waiting_flows` allows one more."""
        if len(self) < self._services.settings.limits.waiting_flows:
            return True
        log.error("limits.waiting_flows is reached: a flow without a caller does not go on")
        return False

    # Events

    def _wanted(self, name: str) -> bool:
        return name in self._sleepers or self._flows().asks_for(name)

    def _told(self, event: KeptEvent, starts: list[KeptWait]) -> None:
        for key in self._sleepers.woken_by(event.name, event.properties):
            self._kept.wake(key, event.number)
        self.admit(starts)

    # Sleeping and waking

    def _lie_down(self, wait: KeptWait) -> None:
        self._asleep[wait.id] = wait.wake_at
        self._sleepers.add(wait.id, wait.events, _checks_of(wait))
        if wait.wake_at is not None:
            heapq.heappush(self._heap, (wait.wake_at, wait.id))

    def _get_up(self, key: str) -> None:
        self._asleep.pop(key, None)
        self._sleepers.remove(key)

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
                self._kept.wake(key)
            heapq.heappop(heap)

    # Running

    def _take_up(self, wait: KeptWait, versions: Versions) -> None:
        try:
            if isinstance(versions, StoreError):
                self._kept.put(wait)
                self._lie_down(wait)
                self._services.call_later(RETRY_SECONDS, partial(self._kept.wake, wait.id))
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
        except Exception as error:
            self._give_up(wait, error)

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
        if wait.id in self._unwanted:
            self._unwanted.remove(wait.id)
            solo.stop()
        if start is not None:
            solo.start(start.entry, start.properties, now)
        else:
            solo.go_on()

    def asleep(self, flow: SoloFlow) -> None:
        """A flow waits: it is kept until then (SoloHost)."""
        now, key = self._services.wall(), flow.wait.id
        self._kept.unsafe = self._kept.unsafe or flow.wrote
        wait = flow.kept(now)
        if flow.tells or (wait.wake_at or now) > now + AT_ONCE:
            self._book(flow, now)
        self._running.pop(key, None)
        self._kept.put(wait)
        self._lie_down(wait)
        self._arm()

    def dial(self, flow: SoloFlow, command: ports.Dial) -> None:
        """A flow calls somebody (SoloHost)."""
        self.dials.dial(flow, command)

    def _leave(self, flow: SoloFlow, row: KeptWait | None) -> None:
        """A flow is left as its row has it, or is to have it again."""
        self._running.pop(flow.wait.id, None)
        flow.abandon()
        if row is not None:
            self._kept.put(row)

    def over(self, flow: SoloFlow) -> None:
        """A flow is at its end (SoloHost)."""
        self._kept.unsafe = True
        self._book(flow, self._services.wall())
        self._end(flow.wait, flow.outcome())

    def _book(self, flow: SoloFlow, now: float) -> None:
        """Bring the record up to date; a flow whose event was not for it leaves none."""
        if not flow.declined:
            self._services.store.writer.call_completed(flow.record(now))

    def _give_up(self, wait: KeptWait, error: Exception) -> None:
        known = isinstance(error, IvrError)
        log.error("flow %s of call %s cannot go on: %s", wait.flow, wait.call_id, error, exc_info=not known and error)
        self._end(wait, SoloOutcome(fault=f"it cannot go on: {type(error).__name__}"))

    def _end(self, wait: KeptWait, outcome: SoloOutcome) -> None:
        self._running.pop(wait.id, None)
        self._unwanted.discard(wait.id)
        for tell in self.on_over:
            try:
                tell(wait, outcome)
            except Exception:
                log.exception("what follows the end of flow %s failed", wait.flow)
        self._kept.finish(wait.id, outcome.writes)


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
