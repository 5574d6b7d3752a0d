"""One agent: what he is, what he does, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr.center.rules.decisions import Phase
from ivr.center.rules.figures import Book
from ivr.center.rules.scoring import at_full_capacity, workload
from ivr.settings import Agent, StatusGroup

__all__ = ["AgentState", "LastTalk", "WrapUp"]


@dataclass(frozen=True, slots=True)
class LastTalk:
    """The conversation that a disposition is about."""

    offer: int
    caller: str
    queue: str


@dataclass(slots=True)
class WrapUp:
    """Writing down what must be."""

    talk: LastTalk
    began: float
    until: float
    taken: float
    """Seconds that the call took before: ringing and the conversation."""
    done: bool = False
    """It is over as soon as he is asked for a disposition no more."""


@dataclass(slots=True, eq=False)
class AgentState:
    """An agent; all moments in the time of the centre."""

    name: str
    config: Agent
    status: str
    group: StatusGroup
    idle_since: float
    """Since then he has had no call, or since he became available, or was last asked in vain."""
    mark: float
    """His seconds are booked up to here."""
    lines: tuple[str, ...] = ()
    """Queues he serves."""
    enabled: bool = True
    """False also for one who is in the configuration no more, and stays until his call is over."""
    reachable: bool = False
    console: bool = False
    offer: int | None = None
    """His phone rings for it."""
    talk: int | None = None
    """Offer that his conversation came of."""
    held: str | None = None
    """Call back that he is held for."""
    others: set[str] = field(default_factory=set)
    """Calls that are not the centre's."""
    wrap: WrapUp | None = None
    asked: int = 0
    """Offer of the conversation whose disposition he is asked for on his phone; 0: he is not."""
    paused: bool = False
    """No offers for some seconds: his phone could not be rung."""
    missed: int = 0
    """Calls in a row."""
    last: LastTalk | None = None
    occupied: dict[str, int] = field(default_factory=dict)
    """Of other channels."""
    calls: int = 0
    """Taken today."""
    queue: str = ""
    """Of the caller he is rung for, talks to or wraps up."""
    caller: str = ""
    activity: str = ""
    """Figure that his seconds are booked under; empty: none."""
    told: tuple[object, ...] = ()
    """What was last said of him."""
    since: float = 0.0
    """When he became what he is and began what he does."""
    duty: bool = False
    """Whether he served his queues when their callers were last told of it."""
    free: bool = False
    """Whether he is among those who can be offered a call."""
    book: Book = field(default_factory=Book)

    @property
    def phase(self) -> Phase:
        """What he does."""
        if self.talk is not None:
            return "in_call"
        if self.offer is not None:
            return "ringing"
        if self.held is not None:
            return "reserved"
        if self.others:
            return "on_other_call"
        return "wrapping" if self.wrap is not None or self.asked else "idle"

    @property
    def logged_in(self) -> bool:
        """Whether he is at work."""
        return self.enabled and self.group != "unavailable"

    @property
    def on_duty(self) -> bool:
        """Whether he serves his queues, now or when his call is over."""
        return self.enabled and self.group == "available" and (self.reachable or self.talk is not None)

    def why_not(self) -> str | None:
        """Why he is offered no call, as a sentence; None: he is."""
        if not self.enabled:
            return "He is not enabled."
        if self.group != "available":
            return f"He is {self.status}."
        if self.talk is not None:
            return "He is in a call."
        if self.offer is not None:
            return "His phone rings for another caller."
        if self.held is not None:
            return "Somebody is being called back for him."
        if self.others:
            return "He is on a call that no queue has brought."
        if self.asked:
            return "He is asked for a disposition."
        if self.wrap is not None and self.config.wrapup_blocks_calls:
            return "He is wrapping up."
        if not self.reachable:
            return "None of his phones can be reached."
        if self.paused:
            return "His phone could not be rung a moment ago."
        return None

    @property
    def ready(self) -> bool:
        """Whether he can be offered a call; the same as `why_not` without words."""
        return (
            self.group == "available"
            and self.reachable
            and self.enabled
            and self.talk is None
            and self.offer is None
            and self.held is None
            and not self.others
            and not self.asked
            and not self.paused
            and (self.wrap is None or not self.config.wrapup_blocks_calls)
        )

    def doing(self) -> str:
        """Figure that his seconds are to be booked under."""
        match self.phase:
            case "in_call":
                return "talking_seconds"
            case "ringing":
                return "ringing_seconds"
            case "reserved" | "on_other_call":
                return "other_seconds"
            case "wrapping":
                return "wrapping_seconds"
            case _ if not self.logged_in:
                return ""
            case _ if self.group != "available":
                return f"{self.group}_seconds"
            case _:
                return "ready_seconds" if self.reachable else "unreachable_seconds"

    def account(self, now: float) -> None:
        """Book the seconds since this was last done."""
        if self.activity and now > self.mark:
            self.book.add(self.activity, now - self.mark)
        self.mark = now

    @property
    def channels(self) -> list[tuple[int, int]]:
        """Occupancy and capacity of voice and of his other channels."""
        voice = int(self.talk is not None or self.offer is not None or bool(self.others))
        others = [(self.occupied.get(name, 0), capacity) for name, capacity in self.config.channels.items()]
        return [(voice, 1), *others]

    @property
    def workload(self) -> float:
        """Percent, over his channels."""
        return workload(self.channels) if self.config.channels else 0.0

    @property
    def full(self) -> bool:
        """Whether he is at full capacity."""
        return at_full_capacity(self.channels)

    def meets(self, needs: tuple[tuple[str, int], ...]) -> bool:
        """Whether he has these skills."""
        skills = self.config.skills
        return all(skills.get(name, 0) >= level for name, level in needs)
