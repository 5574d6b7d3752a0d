"""One queue: who waits, in order, and who may be offered to whom."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from ivr.center.rules.figures import Book
from ivr.center.rules.routing import needed_skills
from ivr.settings import Queue, Route

__all__ = ["Callback", "Entry", "Key", "Line", "Needs"]

RECENT = 50
"""Conversations whose length tells how long the next ones will be."""

Key = tuple[bool, int, float, int]
"""Place in a queue: who is called back only when nobody waits on the line comes last; less priority comes later, then
arrival, then the order in which it was told."""
Needs = tuple[tuple[str, int], ...]
"""Skills with their least levels."""

_key = attrgetter("key")


@dataclass(slots=True)
class Callback:
    """A place that is kept."""

    name: str
    number: str
    expires: float
    """Seconds since the epoch."""
    attempts: int = 0
    """Calls made to come back."""
    put_off: int = 0
    """How often nobody could be called at all since the last of them."""
    agent: str | None = None
    """Held, while the person is called."""
    under_way: bool = False
    """The person is being called."""
    not_before: float = 0.0
    """Next attempt, in the time of the centre."""


@dataclass(slots=True, eq=False)
class Entry:
    """A caller, or somebody who is to be called back; from joining until he has left."""

    caller: str
    """Empty: nobody is on the line."""
    queue: str
    priority: int
    """Of the call."""
    since: float
    """When he joined; the past of a call back may be before the centre's first moment."""
    seq: int
    person: str
    sticky: str
    strategy: str | None
    """Waiting strategy that the flow named."""
    joined: float
    """Since when he has been on the line."""
    own_needs: Needs
    """Skills that he needs, as the call and its rule say; those of the queue come on top."""
    facts: Mapping[str, Any]
    route: str
    """Rule that chose the queue."""
    asked: str | None
    """Queue that the flow named."""
    routes: tuple[Route, ...] = ()
    """Rules as they were when he joined."""
    wall: float = 0.0
    """When that was, in seconds since the epoch."""
    secret: bool = False
    back: bool = False
    """He comes before all others: his conversation broke off."""
    talk: int | None = None
    """Offer that his conversation came of."""
    offers: dict[str, int] = field(default_factory=dict)
    """Who rings for him, and the offer."""
    tried: dict[str, float] = field(default_factory=dict)
    """Who did not take him, and until when he is not asked again."""
    lane: Needs | None = None
    """Where he stands open for offers; None: he does not."""
    callback: Callback | None = None
    """Place that is kept, once he has asked for it."""
    told: tuple[int, float | None] = (0, None)
    """Place and estimate he knows."""
    answered: float = 0.0
    """When an agent took him."""
    key: Key = (False, 0, 0.0, 0)
    """His place, as :meth:`Line.add` has found it."""


class Line:
    """Who waits in one queue."""

    def __init__(self, name: str, config: Queue, pool: tuple[str, ...]) -> None:
        self.name = name
        self.config = config
        self.leaving = False
        """It is in the configuration no more, and stays until nobody is in it."""
        self.order: list[Entry] = []
        """Who waits, call backs among them, first come first."""
        self.lanes: dict[Needs, list[Entry]] = {}
        """Those who may be offered, by the skills they need, each in order."""
        self.talking = 0
        """Conversations."""
        self.callbacks = 0
        """Entries without a caller."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        """Seconds that the last calls took an agent: ringing, the conversation, wrapping up."""
        self.book = Book()
        self.last_rung = ""
        """Agent who was last offered a caller, for `round_robin`."""
        self.dirty = False
        """Places may have changed since callers were told."""
        self.swept = float("-inf")
        """When they were last told."""
        self.cursor = 0
        """How far that has come."""
        self.pace: float | None = None
        """Seconds per place."""
        self.paced = float("-inf")
        """When that was worked out."""
        self.set_pool(pool)

    def set_pool(self, pool: tuple[str, ...]) -> None:
        """Agents that serve it, in the order of the configuration."""
        self.pool = pool
        self.index = {name: place for place, name in enumerate(pool)}

    @property
    def empty(self) -> bool:
        """Whether nobody is in it, not even in a conversation."""
        return not self.order and not self.talking

    @property
    def waiting(self) -> int:
        """Callers on the line."""
        return len(self.order) - self.callbacks

    def needed(self, own: Needs) -> Needs:
        """Skills that agents need here for who needs these himself."""
        if self.config.order != "by_skill":
            return ()
        return needed_skills(dict(own), self.config.skills) if self.config.skills else own

    def add(self, entry: Entry) -> None:
        """Let somebody stand in the order; he is not offered until opened."""
        entry.key = self._key_of(entry)
        insort(self.order, entry, key=_key)
        self.callbacks += not entry.caller
        self.dirty = True

    def place_anew(self, entry: Entry) -> None:
        """Whether he is on the line, or how places are kept, has changed since he was added: his place may be another
        one. He is not offered until opened."""
        self.close(entry)
        key = self._key_of(entry)
        if key != entry.key:
            del self.order[bisect_left(self.order, entry.key, key=_key)]
            entry.key = key
            insort(self.order, entry, key=_key)
            self.dirty, self.cursor = True, 0

    def _key_of(self, entry: Entry) -> Key:
        settings = self.config.callback
        if entry.caller:
            return False, -entry.priority - entry.back, entry.since, entry.seq
        priority = entry.priority if settings.priority is None else settings.priority
        return settings.order == "after_callers", -priority, entry.since, entry.seq

    def remove(self, entry: Entry) -> None:
        """He waits no more."""
        self.close(entry)
        index = bisect_left(self.order, entry.key, key=_key)
        del self.order[index]
        self.callbacks -= not entry.caller
        self.dirty = True
        if index < self.cursor:
            self.cursor -= 1

    def open(self, entry: Entry) -> None:
        """He may be offered."""
        if entry.lane is None:
            entry.lane = self.needed(entry.own_needs)
            insort(self.lanes.setdefault(entry.lane, []), entry, key=_key)

    def close(self, entry: Entry) -> None:
        """He may not be offered for now."""
        if entry.lane is not None:
            lane = self.lanes[entry.lane]
            del lane[bisect_left(lane, entry.key, key=_key)]
            if not lane:
                del self.lanes[entry.lane]
            entry.lane = None

    def position(self, entry: Entry) -> int:
        """From 1."""
        return bisect_left(self.order, entry.key, key=_key) + 1
