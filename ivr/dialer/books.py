"""What is under way of campaigns: which contacts are taken up, which are called, and what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ivr.dialer.rules.matching import Matcher
from ivr.dialer.rules.options import CampaignOptions, read_options
from ivr.flow.callhours import CallWindow
from ivr.flow.ports import Speed
from ivr.store import Campaign

__all__ = ["RATE_SECONDS", "Active", "Books", "Taken"]

RATE_SECONDS = 60.0
"""The rate of a campaign is that of its calls in so long."""


@dataclass(slots=True)
class Taken:
    """A contact whose flow runs or sleeps."""

    campaign: int
    contact: int
    due: float | None = None
    """When its next call may go, seconds since the epoch; None: that is not known yet, or it is being called."""
    dialled: bool = False
    """It was called once at least, since this process knows of it."""
    resting: bool = False
    """It waits for `due`."""
    granted: float | None = None
    """Moment that it was given when it could go on again: the next time it asks, that one is meant."""


@dataclass(slots=True)
class Active:
    """A campaign that runs or is paused."""

    campaign: Campaign
    options: CampaignOptions
    taken: dict[str, Taken] = field(default_factory=dict)
    """By the id of the flow's row."""
    dials: deque[float] = field(default_factory=deque)
    """When calls went, of the last minute."""
    drained: bool = False
    """No contact was found waiting; whoever adds some says so by taking this back."""
    look_at: float = 0.0
    """Nobody who waits may be called before; seconds since the epoch."""
    asked: bool = False
    """One of its flows has asked when its call may go: whether there is a pace is known."""
    pace: tuple[str, Speed] | None = None
    """Name and speed of what its flow asked for last."""
    window: CallWindow | None = None
    """That of its flow's first call; its own is in the options."""
    problem: str = ""
    """Why it was paused by itself."""
    matcher: Matcher | None = None
    """Where its calls are matched to agents: who is under way."""

    @property
    def paused(self) -> bool:
        """No new calls go out."""
        return self.campaign.state != "running"

    def dialled(self, now: float) -> None:
        """A call goes out."""
        self.dials.append(now)
        self.rate(now)

    def rate(self, now: float) -> int:
        """Calls in the last minute."""
        while self.dials and self.dials[0] <= now - RATE_SECONDS:
            self.dials.popleft()
        return len(self.dials)


class Books:
    """All of them, by campaign and by flow."""

    def __init__(self) -> None:
        self.active: dict[int, Active] = {}
        self._by_row: dict[str, Active] = {}

    def put(self, campaign: Campaign) -> Active:
        """A campaign runs or is paused, as it is now."""
        active = self.active.get(campaign.id)
        if active is None:
            active = self.active[campaign.id] = Active(campaign, read_options(campaign.options))
        active.campaign = campaign
        wanted = active.options.match_agents
        if wanted is None:
            active.matcher = None
        elif active.matcher is None or active.matcher.options != wanted:
            active.matcher = Matcher(wanted)
        return active

    def close(self, campaign: int) -> None:
        """A campaign is over; flows of its that still run are known until they end."""
        active = self.active.get(campaign)
        if active is not None and not active.taken:
            del self.active[campaign]

    def take(self, active: Active, row: str, contact: int) -> Taken:
        """A contact is taken up."""
        taken = active.taken[row] = Taken(active.campaign.id, contact)
        self._by_row[row] = active
        return taken

    def of(self, row: str) -> Active | None:
        """The campaign of a flow."""
        return self._by_row.get(row)

    def drop(self, row: str) -> Active | None:
        """A flow is over; its campaign."""
        active = self._by_row.pop(row, None)
        if active is not None:
            active.taken.pop(row, None)
        return active

    def rows(self, campaign: int) -> Iterator[tuple[str, Taken]]:
        """Flows of a campaign."""
        active = self.active.get(campaign)
        return iter(()) if active is None else iter(active.taken.items())
