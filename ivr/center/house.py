"""The contact centre of a daemon: its rules at the desk, what people do with it, call backs, messages, and what of all
that is in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from ivr.call.contacts import Contacts
from ivr.call.waiting import WaitingFlows
from ivr.center.asking import Asking
from ivr.center.callbacks import KIND as CALLBACK
from ivr.center.callbacks import Callbacks
from ivr.center.codes import Codes
from ivr.center.desk import Desk
from ivr.center.keeping import KEPT
from ivr.center.mailbox import Mailbox
from ivr.center.missed import MISSED, MissedCalls
from ivr.center.office import Office
from ivr.center.people import People
from ivr.center.roster import Roster
from ivr.center.rules.decisions import Decision, Disposed, IntervalOver
from ivr.store import Store, drop_row

if TYPE_CHECKING:
    from ivr.call.services import Services
    from ivr.lines import Ground
    from ivr.sip import Registrar

__all__ = ["DISPOSITION", "INTERVAL", "House", "kept_between"]

Row = dict[str, Any]

INTERVAL = "interval"
"""Kind of the rows that hold a quarter of an hour each."""
DISPOSITION = "disposition"
"""Kind of the rows that say how a conversation ended."""
KEPT_DAYS = 400
"""Of figures: a year can be compared with the one before."""
MAX_ROWS = 200_000
"""Of one kind, for one report: more than there are quarters of an hour in the days that are kept."""


class House:
    """All of it."""

    def __init__(
        self,
        services: Services,
        ground: Ground,
        registrar: Registrar,
        kept: dict[str, dict[str, Any]],
        waiting: WaitingFlows,
        contacts: Contacts,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """`kept` are the rows of the store by kind and key."""
        self._services = services
        roster = Roster(services.settings, kept, self._keep)
        self.desk = Desk(
            services, ground, registrar, roster.settings, kept.get(KEPT, {}), partial(self._keep, KEPT)
        )  # fmt: skip
        self.desk.listeners.append(self._decided)
        for interval in self.desk.center.intervals()[:-1]:
            # What an earlier run has counted until it ended, perhaps without a word.
            self._keep(INTERVAL, f"{interval['start']:.0f}", interval)
        missed = MissedCalls(services.wall, kept.get(MISSED, {}), partial(self._keep, MISSED))
        self.office = Office(self.desk, roster, missed)
        """For all who ask."""
        self.callbacks = Callbacks(
            self.desk,
            contacts.place,
            partial(self._stop_call, waiting),
            spawn,
            self._keep,
            services.clock,
            services.feed,
        )
        self.desk.callbacks = self.callbacks
        waiting.on_over.append(self.callbacks.over)
        self.callbacks.restore(kept.get(CALLBACK, {}))
        self.mailbox = Mailbox(lambda: roster.settings, services.outside.mail)
        """Messages of callers."""
        services.desks.queue = self.desk
        codes = Codes(self.office, services.clock)
        self.desk.asking = Asking(services, codes)
        services.desks.people = People(codes, self.mailbox)

    @classmethod
    async def open(
        cls,
        services: Services,
        ground: Ground,
        registrar: Registrar,
        waiting: WaitingFlows,
        contacts: Contacts,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> House:
        """With what the store keeps; StoreError where it cannot be read."""
        store = services.store
        before = services.wall() - KEPT_DAYS * 86400
        for kind in (INTERVAL, DISPOSITION):
            await asyncio.to_thread(store.center.forget, store.node, kind, before)
        kept = await asyncio.to_thread(lambda: store.center.load(store.node, without=(INTERVAL, DISPOSITION)))
        return cls(services, ground, registrar, kept, waiting, contacts, spawn)

    def close(self) -> None:
        """Nothing is decided any more; what was counted in the quarter of an hour under way is kept."""
        self.callbacks.close()
        self.desk.stop()
        for interval in self.desk.center.intervals(self._services.wall())[-1:]:
            self._keep(INTERVAL, f"{interval['start']:.0f}", interval)

    def _keep(self, kind: str, key: str, value: Any) -> None:
        store = self._services.store
        store.writer.center(store.node, kind, key, value, self._services.wall())

    def _stop_call(self, waiting: WaitingFlows, call: str) -> None:
        waiting.stop(call, [partial(drop_row, row=call, now=self._services.wall())])

    def _decided(self, decision: Decision) -> None:
        if isinstance(decision, IntervalOver):
            self._keep(INTERVAL, f"{decision.start:.0f}", asdict(decision))
        elif isinstance(decision, Disposed):
            told = {"agent": decision.agent, "queue": decision.queue, "disposition": decision.disposition}
            self._services.feed.tell("agent.disposed", {**told, "by": decision.by}, decision.caller or None)
            row = {**told, "call": decision.caller, "at": self._services.wall()}
            self._keep(DISPOSITION, f"{decision.caller}:{decision.offer}", row)
            self._services.store.writer.disposed(decision.caller, decision.agent, decision.disposition)


def kept_between(store: Store, start: float, end: float) -> tuple[Sequence[Row], Sequence[Row]]:
    """Quarters of an hour and dispositions that the store keeps, of those that began or came from one moment up to
    before another one. Blocks."""
    found = []
    for kind, moment in ((INTERVAL, "start"), (DISPOSITION, "at")):
        rows = store.center.of_kind(store.node, kind, since=start, limit=MAX_ROWS).values()
        found.append([row for row in rows if start <= float(row[moment]) < end])
    return found[0], found[1]
