"""Takes contacts of campaigns up as there is room for them, and ends campaigns of which nobody is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from ivr.call.solo import SoloOutcome
from ivr.dialer.books import Active, Books
from ivr.dialer.matches import Matches
from ivr.dialer.paces import PaceBook
from ivr.dialer.rules.feeding import AHEAD_SECONDS, Demand, shares
from ivr.errors import IvrError, StoreError
from ivr.flow import FlowSet
from ivr.flow.callhours import CallHours, CallWindow
from ivr.flow.elements.start import StartFromAudienceElement
from ivr.settings import Settings
from ivr.store import Campaign, KeptWait, Store, StoredContact

__all__ = ["Feeder", "Sleeping", "Tell", "told"]

log = logging.getLogger("ivr.dialer")

TURN_SECONDS = 0.25
"""While campaigns run it is looked so often whether contacts are to be taken up: a fraction of what they are ahead."""
LONGEST_IDLE = 5.0
"""While there is nothing to do for longer: somebody may have set the clock."""
RETRY_SECONDS = 1.0
"""Until a store that could not be used is tried again."""
LOOK = 100
"""Contacts whose windows are looked at in one turn, of a campaign that has one: 10 ms."""

LEFT_SHARE = 10
"""One in so many of `limits.waiting_flows` campaigns leave to others: the flows of callers who have hung up, single
calls. A campaign of which many wait for a retry would else take all."""
SPARE = 5
"""Contacts of a campaign that waits for agents who are taken up before there is one: he is to wait for nothing."""
FIRST = 5
"""Contacts of a campaign that are taken up before one of them has asked for its pace, and how many more is known."""


class Sleeping(Protocol):
    """What campaigns need of the flows without a caller; :class:`ivr.call.waiting.WaitingFlows` says what each does."""

    on_over: list[Callable[[KeptWait, SoloOutcome], None]]

    def __len__(self) -> int: ...

    def start_contact(
        self,
        flow: str,
        entry: str | None,
        properties: Mapping[str, Any],
        *,
        campaign: str | None = None,
        contact: int | None = None,
    ) -> KeptWait: ...

    def admit(self, waits: Iterable[KeptWait]) -> None: ...

    def hold(self, held: Callable[[str], bool]) -> Callable[[], None]: ...

    def wakes_at(self, key: str) -> float | None: ...

    def sleeps(self, key: str) -> bool: ...

    def drop(self, key: str, writes: list[Callable[[Any], None]]) -> bool: ...


Tell = Callable[[str, Mapping[str, Any]], object]
"""Hears what happens to campaigns: type and data of an event."""


def told(campaign: Campaign) -> tuple[str, dict[str, Any]]:
    """Type and data of the event that a campaign has come into its state."""
    word = "started" if campaign.state == "running" else campaign.state
    return f"campaign.{word}", {"id": campaign.id, "name": campaign.name, "flow": campaign.flow}


class Feeder:
    """One for all campaigns of a process."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        waiting: Sleeping,
        flows: Callable[[], FlowSet],
        wall: Callable[[], float],
        books: Books,
        paces: PaceBook,
        matches: Matches,
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._store = store
        self._waiting = waiting
        self._flows = flows
        self._wall = wall
        self._books = books
        self._paces = paces
        self._matches = matches
        self._tell = tell
        self._wake = asyncio.Event()

    def look(self) -> None:
        """There may be room for more, or more to do."""
        self._wake.set()

    async def run(self) -> None:
        """Take contacts up as there is room for them; ends by being cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._turn()
            except StoreError as error:
                log.error("campaigns stand still: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("campaigns stand still")
                await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout(self._idle()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            else:
                # Many flows end in a moment: one look is enough for all of them.
                await asyncio.sleep(TURN_SECONDS / 5)

    def _idle(self) -> float | None:
        """Seconds in which nothing is to be done unless something happens; None: nothing at all is."""
        now, soonest = self._wall(), None
        for active in self._books.active.values():
            if active.paused:
                continue
            free = active.look_at - now
            if active.pace is not None and not active.drained:
                free = max(free, self._paces.full_until(*active.pace) - AHEAD_SECONDS)
            if active.drained and active.taken:
                free = LONGEST_IDLE  # flows that end say so
            if active.options.until is not None:
                free = min(free, active.options.until - now)
            soonest = free if soonest is None else min(soonest, free)
        return None if soonest is None else min(max(soonest, TURN_SECONDS), LONGEST_IDLE)

    async def _turn(self) -> None:
        now = self._wall()
        wanted: dict[int, int] = {}
        calling = 0
        for active in list(self._books.active.values()):
            if active.paused:
                continue
            if active.options.until is not None and now >= active.options.until:
                await self._expire(active)
            demand = self._demand(active, now)
            calling += demand.calling
            begins = active.options.from_ is None or now >= active.options.from_
            if begins and not active.drained and now >= active.look_at:
                most = self._settings.limits.campaign_calls if active.asked else FIRST
                number = demand.wanted(most)
                if active.matcher is not None:
                    number = min(number, max(0, self._matches.room(active) + SPARE - demand.ahead))
                wanted[active.campaign.id] = number
            if active.drained and not active.taken:
                await self._finish(active)
        limits = self._settings.limits
        flows = limits.waiting_flows - limits.waiting_flows // LEFT_SHARE
        room = min(limits.campaign_calls - calling, flows - len(self._waiting))
        for key, number in shares(wanted, room).items():
            if number and (found := self._books.active.get(key)) is not None:
                await self._feed(found, number)

    def _demand(self, active: Active, now: float) -> Demand:
        ahead = calling = 0
        for row, taken in active.taken.items():
            if taken.resting or not taken.dialled:
                ahead += not taken.dialled
            else:
                calling += not self._waiting.sleeps(row)
        if active.pace is None:
            return Demand(ahead, calling, None)
        name, speed = active.pace
        return Demand(ahead, calling, speed, self._paces.full_until(name, speed))

    async def _feed(self, active: Active, number: int) -> None:
        """Take up so many contacts of a campaign."""
        key, now, table = active.campaign.id, self._wall(), self._store.contacts
        windows = [window for window in (active.options.window, active.window) if window is not None]
        asked = max(number, LOOK) if windows else number
        found = await asyncio.to_thread(table.waiting, key, asked)
        active.drained = not found
        ready = [contact for contact in found if contact.not_before <= now]
        if found and not ready:
            active.look_at = found[0].not_before
            return
        at, closed, open_ = datetime.fromtimestamp(now, UTC), dict[int, float](), list[StoredContact]()
        for contact in ready:
            if len(open_) == number:
                break
            opens = self._opens(windows, contact.number, at)
            if opens > at:
                closed[contact.id] = opens.timestamp()
            else:
                open_.append(contact)
        if closed:
            await asyncio.to_thread(table.put_off, closed)
        waits: dict[int, KeptWait] = {}
        try:
            for contact in open_:
                waits[contact.id] = self._begun(active, contact)
        except IvrError as error:
            await self._stop(active, str(error))
            return
        claimed = await asyncio.to_thread(table.claim, waits, now)
        rows = [waits[contact.id] for contact in open_ if contact.id in claimed.taken]
        for contact in open_:
            if contact.id in claimed.taken:
                self._books.take(active, waits[contact.id].id, contact.id)
        self._waiting.admit(rows)

    def _opens(self, windows: list[CallWindow], number: str, at: datetime) -> datetime:
        opens = at
        for window in windows:
            opens = max(opens, CallHours.of(window, number, self._settings.zone, at).opening(opens))
        return opens

    def _begun(self, active: Active, contact: StoredContact) -> KeptWait:
        campaign = active.campaign
        properties = {**contact.variables, "number": contact.number}
        flow = self._flows().get(campaign.flow)
        entry = None if flow is None or flow.audience_entry is None else flow.elements[flow.audience_entry]
        if isinstance(entry, StartFromAudienceElement):
            properties.setdefault(entry.contact, contact.number)
        return self._waiting.start_contact(
            campaign.flow, None, properties, campaign=str(campaign.id), contact=contact.id
        )

    async def _finish(self, active: Active) -> None:
        """Nobody waits and nobody is called."""
        key = active.campaign.id
        done = await asyncio.to_thread(self._store.campaigns.move, key, "finished", ("running",), self._wall())
        if done is None:  # contacts came meanwhile, or somebody paused it
            active.drained = False
            return
        active.campaign = done
        self._books.close(key)
        log.info("campaign %d is finished", key)
        self._tell(*told(done))

    async def _expire(self, active: Active) -> None:
        """Its time is over."""
        if not active.drained:
            key = active.campaign.id
            ended = await asyncio.to_thread(self._store.campaigns.end_waiting, key, "expired", self._wall())
            active.drained = True
            log.info("the time of campaign %d is over; %d contacts were not called", key, ended)

    async def _stop(self, active: Active, problem: str) -> None:
        """It cannot go on: somebody has to look at it."""
        key = active.campaign.id
        active.problem = problem
        log.error("campaign %d is paused: %s", key, problem)
        paused = await asyncio.to_thread(self._store.campaigns.move, key, "paused", ("running",), self._wall())
        if paused is not None:
            active.campaign = paused
