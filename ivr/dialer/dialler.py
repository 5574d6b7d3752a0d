"""Campaigns at work: takes contacts up, gives their calls a pace, and books what became of them.

    taken up    claimed in the store together with the row of its flow, then admitted to the flows without a caller
    paced       the flow asks when its call may go, and sleeps until then
    called      the flow says so before the call goes out
    over        the result is written in the transaction that takes the flow's row away

What is in memory here can be worked out from the store at any time: who dies loses nothing, and nobody is called twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ivr.call.solo import SoloOutcome, campaign_of
from ivr.dialer.books import Active, Books, Taken
from ivr.dialer.feeder import Feeder, Sleeping, Tell
from ivr.dialer.matches import Matches
from ivr.dialer.paces import PaceBook
from ivr.dialer.rules.matching import Matcher
from ivr.dialer.rules.options import read_options
from ivr.dialer.rules.results import result_of
from ivr.flow import FlowSet, ports
from ivr.flow.callhours import CallHours
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.settings import Settings
from ivr.store import Campaign, KeptWait, Store, book_result, drop_row

__all__ = ["Dialler"]

log = logging.getLogger("ivr.dialer")


class Dialler:
    """All campaigns of this process. Its methods are for the loop's thread, and none of them blocks."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        waiting: Sleeping,
        flows: Callable[[], FlowSet],
        wall: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        tell: Tell = lambda what, data: None,
    ) -> None:
        """`flows` are those in force; `tell` hears what happens to campaigns."""
        self._settings = settings
        self._store = store
        self._waiting = waiting
        self._flows = flows
        self._wall = wall
        self._loop = loop
        self._paces = PaceBook(store.writer, wall)
        self._books = Books()
        self.matches = Matches(self._books)
        """Whose calls wait for agents."""
        self._feeder = Feeder(settings, store, waiting, flows, wall, self._books, self._paces, self.matches, tell)
        self._held: dict[str, asyncio.TimerHandle | None] = {}
        """Flows whose time came while they could not go on, with what lets them go on when the pace does."""
        self._look_again = waiting.hold(self._is_held)
        waiting.on_over.append(self._over)

    async def begin(self) -> None:
        """Learn what the store knows; to be called once the flows that wait are known, and before they go on."""
        store, node, now = self._store, self._store.node, self._wall()
        self._paces.learn(await asyncio.to_thread(store.paces.all))
        lost = await asyncio.to_thread(store.contacts.recover, node, now)
        if lost:
            log.warning("%d contacts were being called when the daemon ended, and their flows are gone", lost)
        for campaign in await asyncio.to_thread(store.campaigns.of_node, node, ("running", "paused", "cancelled")):
            rows = await asyncio.to_thread(store.contacts.running, campaign.id)
            if campaign.state == "cancelled":
                await asyncio.to_thread(store.campaigns.end_waiting, campaign.id, "cancelled", now)
                if not rows:
                    continue
            active = self._open(campaign)
            for row, contact in rows.items():
                taken = self._books.take(active, row, contact)
                at = self._waiting.wakes_at(row)
                taken.dialled, taken.resting, taken.due = True, at is not None, at
                if at is not None and at <= now:
                    self._held[row] = None
            if not active.paused:
                self._let_go(active)
        running = sum(not active.paused for active in self._books.active.values())
        if running:
            log.info("%d campaigns go on", running)

    async def run(self) -> None:
        """Take contacts up as there is room for them; ends by being cancelled."""
        await self._feeder.run()

    def close(self) -> None:
        """Nobody is taken up any more."""
        for timer in self._held.values():
            if timer is not None:
                timer.cancel()

    # What flows ask

    def reserve(self, command: ports.ReserveDial, wait: KeptWait | None) -> datetime:
        """When a call may go (World.reserve): in the window and at the pace of its campaign, else at its flow's."""
        active = None if wait is None else self._books.of(wait.id)
        name, speed, at = command.pace, command.speed, command.earliest
        if active is not None:
            active.asked = True
            if active.options.pace is not None:
                name, speed = f"campaign {active.campaign.id}", active.options.pace
            at = self._opening(active, self._number_of(wait), at)
            if speed is not None:
                active.pace = name, speed
        granted = None if active is None or wait is None else active.taken[wait.id].granted
        if granted is not None:
            at = max(at, datetime.fromtimestamp(granted, UTC))
        elif speed is not None:
            at = self._paces.reserve(name, speed, at)
            if active is not None and (opens := self._opening(active, self._number_of(wait), at)) > at:
                at = self._paces.reserve(name, speed, opens)
        if active is not None and wait is not None:
            self.matches.rested(active, wait.id)
            taken = active.taken[wait.id]
            taken.due, taken.resting, taken.granted = at.timestamp(), True, None
        return at

    def prepare(self, command: ports.Dial, wait: KeptWait | None) -> ports.Dial | ports.DialDone:
        """A call as its campaign wants it, or why it has none placed (World.prepare)."""
        active = None if wait is None else self._books.of(wait.id)
        if active is None or wait is None:
            return command
        options, now = active.options, self._wall()
        taken = active.taken[wait.id]
        taken.due, taken.resting, taken.dialled, taken.granted = None, False, True, None
        late = options.until is not None and now >= options.until
        word = "campaign_cancelled" if active.campaign.state == "cancelled" else "campaign_over" if late else ""
        if word:
            self.matches.not_dialled(active, wait.id)
            return ports.DialDone(command.id, "failed", "final", status=word)
        active.dialled(now)
        self.matches.dialled(active, wait.id, wait.call_id)
        return replace(command, line=options.line or command.line, from_=options.caller_id or command.from_)

    def _number_of(self, wait: KeptWait | None) -> str:
        record = {} if wait is None else wait.snapshot["record"]
        return str(record.get("called") or "")

    def _opening(self, active: Active, number: str, at: datetime) -> datetime:
        if active.options.window is None:
            return at
        now = datetime.fromtimestamp(self._wall(), UTC)
        opens = CallHours.of(active.options.window, number, self._settings.zone, now).opening(at)
        return opens if opens > at else at

    # How flows end

    def _over(self, wait: KeptWait, outcome: SoloOutcome) -> None:
        campaign, contact = campaign_of(wait)
        if campaign is None or contact is None:
            return
        self.matches.over(wait.id)
        result, attempts = result_of(outcome.attempts, outcome.fault)
        outcome.writes.append(self._booking(contact, wait.id, result, attempts))
        self._forget(wait.id)
        self._feeder.look()
        self.agents_changed()

    def _booking(self, contact: int, row: str, result: str, attempts: int) -> Callable[[Any], None]:
        now = self._wall()
        return lambda connection: book_result(connection, contact, row, result, attempts, now)

    def _forget(self, row: str) -> None:
        active = self._books.drop(row)
        timer = self._held.pop(row, None)
        if timer is not None:
            timer.cancel()
        if active is not None and active.campaign.state not in ("running", "paused"):
            self._books.close(active.campaign.id)

    # What people do with campaigns

    def started(self, campaign: Campaign) -> None:
        """A campaign runs, or has got contacts."""
        active = self._open(campaign)
        active.drained, active.look_at, active.problem = False, 0.0, ""
        active.options = read_options(campaign.options)
        self._let_go(active)
        self._feeder.look()

    def paused(self, campaign: Campaign) -> None:
        """A campaign is paused: from now on none of its flows goes on that sleeps."""
        self._open(campaign)

    def cancelled(self, campaign: Campaign) -> None:
        """A campaign is cancelled: contacts that wait for their call are done, calls in progress go on."""
        active = self._books.active.get(campaign.id)
        if active is None:
            return
        active.campaign = campaign
        for row, taken in list(active.taken.items()):
            if taken.resting:
                booking = self._booking(taken.contact, row, "cancelled", 0)
                if self._waiting.drop(row, [partial(drop_row, row=row, now=self._wall()), booking]):
                    self.matches.over(row)
                    self._forget(row)
            elif (timer := self._held.pop(row, None)) is not None:
                timer.cancel()
        self._books.close(campaign.id)
        self._look_again()

    def _open(self, campaign: Campaign) -> Active:
        active = self._books.put(campaign)
        active.pace, active.window = self._of_flow(campaign.flow)
        if active.options.pace is not None:
            active.pace = f"campaign {campaign.id}", active.options.pace
        return active

    def _of_flow(self, name: str) -> tuple[tuple[str, ports.Speed] | None, Any]:
        """Pace and window of the first call of a flow, as far as they are known before."""
        flow = self._flows().get(name)
        for place, element in () if flow is None else flow.elements.items():
            if isinstance(element, StartOutgoingCallElement):
                speed = element.speed
                pace = None if speed is None else (f"{name}/{place}", ports.Speed(speed.calls, speed.per))
                return pace, element.window
        return None, None

    # Flows that are held

    def _is_held(self, row: str) -> bool:
        active = self._books.of(row)
        if active is None:
            return False
        if active.campaign.state == "paused":
            self._held.setdefault(row, None)
            return True
        return row in self._held or self.matches.holds(active, row)

    def happened(self, what: str, call: str | None) -> None:
        """Something has happened that the feed tells of: to a call, or to an agent."""
        if (call is not None and self.matches.happened(what, call)) or what.startswith(("agent.", "queue.")):
            self.agents_changed()

    def agents_changed(self) -> None:
        """More calls may go out for agents, perhaps."""
        if any(active.matcher is not None for active in self._books.active.values()):
            self._look_again()
            self._feeder.look()

    def _let_go(self, active: Active) -> None:
        """Flows whose time came meanwhile go on, at the pace of their calls."""
        now = self._wall()
        for row in [row for row, timer in self._held.items() if timer is None]:
            if self._books.of(row) is not active:
                continue
            taken = active.taken[row]
            if active.pace is None or not taken.resting or not self._is_due(taken, now):
                del self._held[row]
                continue
            at = self._paces.reserve(*active.pace, datetime.fromtimestamp(now, UTC)).timestamp()
            taken.granted = at
            self._held[row] = self._loop.call_later(max(0.0, at - now), self._released, row)
        self._look_again()

    def _is_due(self, taken: Taken, now: float) -> bool:
        return taken.due is not None and taken.due <= now

    def _released(self, row: str) -> None:
        active = self._books.of(row)
        if active is not None and active.campaign.state == "paused":
            self._held[row] = None
        else:
            self._held.pop(row, None)
            self._look_again()

    # Figures

    def known_calls(self, campaign: int) -> tuple[float, float]:
        """Before when nobody who waits is called, and when the last call is due that has its moment already; seconds
        since the epoch, 0 where that is not known."""
        active = self._books.active.get(campaign)
        if active is None:
            return 0.0, 0.0
        return active.look_at, max((taken.due or 0.0 for taken in active.taken.values()), default=0.0)

    def figures(self, campaign: int) -> dict[str, Any]:
        """What is known here of a campaign: calls in progress, calls in the last minute, its pace."""
        active = self._books.active.get(campaign)
        if active is None:
            return {"calling": 0, "rate": 0, "speed": None, "problem": "", "matching": None}
        calling = sum(
            taken.dialled and not taken.resting and not self._waiting.sleeps(row)
            for row, taken in self._books.rows(campaign)
        )
        speed = None if active.pace is None else {"calls": active.pace[1].calls, "per": active.pace[1].per}
        return {
            "calling": calling,
            "rate": active.rate(self._wall()),
            "speed": speed,
            "problem": active.problem,
            "matching": None if active.matcher is None else _matching(active.matcher),
        }


def _matching(matcher: Matcher) -> dict[str, Any]:
    return {
        "queue": matcher.options.queue,
        "ringing": len(matcher.ringing),
        "waiting": len(matcher.answered),
        "answer_rate": round(matcher.rate, 3),
        "abandoned": round(matcher.abandoned, 4),
    }
