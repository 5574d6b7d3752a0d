"""What people do with campaigns: make them, fill them, start, pause, cancel them, and look how far they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ivr.dialer.dialler import Dialler
from ivr.dialer.feeder import Tell, told
from ivr.dialer.loading import Result, load_contacts
from ivr.dialer.rules.audience import BadRow, Contact
from ivr.dialer.rules.options import CampaignOptions
from ivr.dialer.rules.pace import LENGTHS, MICROSECOND
from ivr.errors import IvrError
from ivr.flow import FlowSet
from ivr.settings import Settings
from ivr.store import RESULTS, Campaign, CampaignState, NewCampaign, Store, StoredContact

__all__ = ["CampaignError", "CampaignOffice", "CampaignStateError", "NoCampaignError", "Wish"]

log = logging.getLogger("ivr.dialer")

BEGINNINGS = ("start_from_audience", "start_from_flow", "start_incoming_call")
"""Where a flow can begin for a contact; one that does not call by itself is called for."""
PUT_BACK = ("interrupted",)
"""Results that `retry` puts back where none is named."""


class CampaignError(IvrError):
    """Something about a campaign that cannot be."""

    http_status = 422


class NoCampaignError(CampaignError):
    """There is no such campaign."""

    http_status = 404


class CampaignStateError(CampaignError):
    """It cannot be done to a campaign in this state."""

    http_status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A campaign that somebody asks for."""

    flow: str
    """Flow that calls the contacts."""
    name: str = ""
    """For people; default: the flow's."""
    options: CampaignOptions
    """What it has of its own."""
    key: str | None = None
    """Idempotency key: the same again makes no second campaign."""


class CampaignOffice:
    """All campaigns of the store; those of this process are run by its dialler."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        dialler: Dialler,
        flows: Callable[[], FlowSet],
        wall: Callable[[], float],
        tell: Tell = lambda what, data: None,
    ) -> None:
        """`tell` hears what happens to campaigns."""
        self._settings = settings
        self._store = store
        self._dialler = dialler
        self._flows = flows
        self._wall = wall
        self._tell = tell

    async def make(self, wish: Wish) -> tuple[Campaign, bool]:
        """A new campaign in state draft, and True; the one that the same key has made, and False."""
        self._check(wish)
        new = NewCampaign(
            name=wish.name or wish.flow,
            flow=wish.flow,
            node=self._store.node,
            options=wish.options.kept(),
            key=wish.key,
        )
        campaign, fresh = await asyncio.to_thread(self._store.campaigns.add, new, self._wall())
        same = (campaign.name, campaign.flow, campaign.options) == (new.name, new.flow, dict(new.options))
        if not fresh and not same:
            raise CampaignStateError("another campaign has this idempotency key")
        return campaign, fresh

    def _check(self, wish: Wish) -> None:
        flow = self._flows().get(wish.flow)
        if flow is None:
            raise CampaignError(f"flow: there is no flow {wish.flow}")
        if not any(element.type in BEGINNINGS for element in flow.elements.values()):
            raise CampaignError(f"flow: {wish.flow} has no element to begin at for a contact")
        line = wish.options.line
        if line is not None and line not in self._settings.lines:
            known = ", ".join(self._settings.lines) or "none"
            raise CampaignError(f"line: there is no line {line}, expected one of: {known}")
        matched = wish.options.match_agents
        if matched is not None and self._dialler.matches.standing(matched.queue) is None:
            raise CampaignError(f"match_agents: there is no queue {matched.queue}")

    async def load(
        self, key: int, check: Callable[[], Iterable[Contact | BadRow]] | None, rows: Callable[[], Iterable[Any]]
    ) -> Result:
        """Add contacts. `check` goes through them before anything is kept: where a row is bad nobody is added, and the
        result names the rows."""
        campaign = await self.get(key)
        if campaign.state not in ("draft", "running", "paused"):
            raise CampaignStateError(f"campaign {key} is {campaign.state}: it takes no contacts")

        def work() -> Result:
            if check is not None:
                faults = [row for row in check() if isinstance(row, BadRow)]
                if faults:
                    return Result(bad=len(faults), faults=faults[:100])
            return load_contacts(self._store.contacts, key, rows(), self._wall(), country=self._settings.country)

        result = await asyncio.to_thread(work)
        campaign = await self.get(key)
        if campaign.state == "running" and self._is_mine(campaign):
            self._dialler.started(campaign)
        log.info("campaign %d got %d contacts; %d rows were bad", key, result.new, result.bad)
        return result

    async def delete(self, key: int) -> None:
        """Forget a campaign that does not run, with its contacts."""
        campaign = await self.get(key)
        if campaign.state in ("running", "paused"):
            raise CampaignStateError(f"campaign {key} is {campaign.state}: cancel it first")
        figures = await asyncio.to_thread(self._store.campaigns.figures, key)
        if figures.states["running"]:
            raise CampaignStateError(f"{figures.states['running']} calls of campaign {key} are in progress")
        await asyncio.to_thread(self._store.campaigns.delete, key)

    async def start(self, key: int) -> Campaign:
        """Begin to call: a draft, or one that is paused."""
        campaign = await self._move(key, "running", ("draft", "paused"))
        self._dialler.started(campaign)
        return campaign

    async def pause(self, key: int) -> Campaign:
        """No new calls; those in progress go on."""
        campaign = await self._move(key, "paused", ("running",))
        self._dialler.paused(campaign)
        return campaign

    async def cancel(self, key: int) -> Campaign:
        """No new calls for ever: contacts that wait are done; calls in progress go on."""
        campaign = await self._move(key, "cancelled", ("draft", "running", "paused"))
        self._dialler.cancelled(campaign)
        await asyncio.to_thread(self._store.campaigns.end_waiting, key, "cancelled", self._wall())
        return campaign

    async def retry(self, key: int, results: Collection[str] = ()) -> tuple[Campaign, int]:
        """Contacts that are done with some results (`interrupted`) wait again, and a campaign that was finished runs
        again; how many."""
        wanted = tuple(results) or PUT_BACK
        for result in wanted:
            if result not in RESULTS:
                raise CampaignError(f"results: {result!r} is no result, expected {', '.join(RESULTS)}")
        campaign = await self.get(key)
        self._own(campaign)
        if campaign.state == "cancelled":
            raise CampaignStateError(f"campaign {key} is cancelled: nobody of it is called again")
        count = await asyncio.to_thread(self._store.campaigns.again, key, wanted, self._wall())
        if count and campaign.state == "finished":
            campaign = await self._move(key, "running", ("finished",))
        if campaign.state == "running":
            self._dialler.started(campaign)
        return campaign, count

    async def _move(self, key: int, to: CampaignState, allowed: tuple[CampaignState, ...]) -> Campaign:
        campaign = await self.get(key)
        self._own(campaign)
        moved = await asyncio.to_thread(self._store.campaigns.move, key, to, allowed, self._wall())
        if moved is None:
            campaign = await self.get(key)
            raise CampaignStateError(f"campaign {key} is {campaign.state}, expected {' or '.join(allowed)}")
        log.info("campaign %d is %s", key, to)
        self._tell(*told(moved))
        return moved

    def _own(self, campaign: Campaign) -> None:
        if not self._is_mine(campaign):
            raise CampaignStateError(f"campaign {campaign.id} is run by node {campaign.node}: ask there")

    def _is_mine(self, campaign: Campaign) -> bool:
        return campaign.node == self._store.node

    # How far they are

    async def get(self, key: int) -> Campaign:
        """One campaign; CampaignError where there is none."""
        found = await asyncio.to_thread(self._store.campaigns.get, key)
        if found is None:
            raise NoCampaignError("there is no such campaign")
        return found

    async def page(self, limit: int, before: int | None) -> list[dict[str, Any]]:
        """Campaigns with their figures, newest first."""
        found = await asyncio.to_thread(self._store.campaigns.page, limit, before)
        return [await self.shown(campaign) for campaign in found]

    async def shown(self, campaign: Campaign) -> dict[str, Any]:
        """A campaign with its figures, as JSON."""
        figures = await asyncio.to_thread(self._store.campaigns.figures, campaign.id)
        here = self._dialler.figures(campaign.id)
        names = ("id", "name", "flow", "state", "node", "options", "created_at", "started_at", "ended_at")
        left = figures.states["waiting"] + figures.states["running"]
        return {
            **{name: getattr(campaign, name) for name in names},
            "contacts": figures.contacts,
            "duplicates": campaign.duplicates,
            "bad_rows": campaign.bad,
            "states": dict(figures.states),
            "results": dict(figures.results),
            "attempts": figures.attempts,
            **here,
            "eta": self._eta(campaign, left, here),
        }

    def _eta(self, campaign: Campaign, left: int, here: dict[str, Any]) -> float | None:
        """When it may be over, seconds since the epoch, at the rate of the last minute; before that at its pace. Not
        before the calls that have their moments, nor before the window opens of who waits."""
        if campaign.state != "running" or not left:
            return None
        now = self._wall()
        young = campaign.started_at is None or now - campaign.started_at < 60.0
        rate = 0.0 if young else here["rate"] / 60.0
        if not rate and here["speed"] is not None:
            rate = here["speed"]["calls"] * MICROSECOND / LENGTHS[here["speed"]["per"]]
        opens, last = self._dialler.known_calls(campaign.id)
        return max(max(now, opens) + left / rate, last) if rate else None

    async def contacts(
        self, key: int, limit: int, after: int, state: str | None = None, result: str | None = None
    ) -> Sequence[StoredContact]:
        """Contacts of a campaign, those with higher ids than `after`."""
        table = self._store.contacts
        return await asyncio.to_thread(lambda: table.page(key, limit, after, state=state, result=result))
