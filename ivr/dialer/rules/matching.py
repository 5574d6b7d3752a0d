"""How many calls of a campaign go out for the agents who are free: as many as keep them busy, and so few that hardly
anybody who answers finds nobody to talk to.

Of `n` calls under way with the answer rate `p` about X answer, binomially; `a` agents are free for them. The callers
who find nobody are max(0, X - a). The largest `n` goes out of which the share of callers who are expected to find
nobody is within what the campaign allows, of this batch and of all that was learned so far; `n` calls for `a` agents
are always within it (nobody is expected to be left over), and more than `a` x `ratio` never go out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AgentMatching", "Matcher", "left_over"]

PRIOR = 20.0
"""Calls, all of them answered, that the answer rate begins with: until it is known better each free agent has one call,
and more go out as it shows that they are not answered."""
REMEMBERED = 400.0
"""Calls and answers that the rates are of: then both count half, so that the evening is not paced by the morning."""


class AgentMatching(BaseModel):
    """How a campaign matches its calls to agents."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    queue: Annotated[str, Field(min_length=1, max_length=64)]
    """Queue whose agents take the calls; the flow transfers to it."""
    ratio: Annotated[float, Field(ge=1.0, le=10.0)] = 3.0
    """Calls under way for each free agent, at most."""
    abandoned: Annotated[float, Field(ge=0.0, le=0.2)] = 0.03
    """Share of those who answer that may find no agent; 0: never more calls than free agents."""


@dataclass(slots=True)
class Matcher:
    """What one campaign has under way, and what it has learned. Calls are named by the rows of their flows."""

    options: AgentMatching
    ringing: set[str] = field(default_factory=set)
    """Calls that went out, or are about to, and nobody has answered."""
    answered: set[str] = field(default_factory=set)
    """Somebody has answered, and no agent has him yet."""
    waiting: set[str] = field(default_factory=set)
    """Of these, callers who wait in the queue: those count among its callers."""
    calls: float = 0.0
    """Calls that are over or answered, of late."""
    answers: float = 0.0
    """Of these, answered ones."""
    found: float = 0.0
    """Answered calls that have come to their end or to an agent, of late."""
    lost: float = 0.0
    """Of these, callers who found no agent."""

    @property
    def rate(self) -> float:
        """Share of calls that is answered, as far as it is known."""
        return (self.answers + PRIOR) / (self.calls + PRIOR)

    @property
    def abandoned(self) -> float:
        """Share of those who answered that found no agent."""
        return self.lost / self.found if self.found else 0.0

    def room(self, free: int, waiting: int) -> int:
        """How many more calls may go out now. `free` agents could take a call at once; `waiting` callers are in the
        queue, those of this campaign among them."""
        agents = free - waiting - len(self.answered - self.waiting)
        if agents <= 0:
            return 0
        most, rate, limit = math.floor(agents * self.options.ratio), self.rate, self.options.abandoned
        wanted = agents
        for calls in range(agents + 1, most + 1):
            lost, answers = left_over(calls, agents, round(rate, 2)), calls * rate
            if lost > limit * answers or self.lost + lost > limit * (self.found + answers):
                break
            wanted = calls
        return max(0, wanted - len(self.ringing))

    def dialled(self, row: str) -> None:
        """A call goes out."""
        self.ringing.add(row)

    def took(self, row: str) -> None:
        """Somebody has answered a call."""
        if row in self.ringing:
            self.ringing.discard(row)
            self.answered.add(row)
            self._learn(answered=True)

    def joined(self, row: str) -> None:
        """He waits in the queue."""
        self.took(row)
        if row in self.answered:
            self.waiting.add(row)

    def connected(self, row: str) -> None:
        """An agent has him."""
        self.took(row)
        self._settle(row, lost=False)

    def left(self, row: str) -> None:
        """He is in the queue no more, and no agent has had him."""
        self._settle(row, lost=row in self.waiting)

    def over(self, row: str) -> None:
        """The call is over, answered or not. Who answered and never came to the queue was not to find an agent: a
        machine, somebody who said that he wants none."""
        if row in self.ringing:
            self.ringing.discard(row)
            self._learn(answered=False)
        else:
            self._settle(row, lost=row in self.waiting)

    def forget(self, row: str) -> None:
        """The call never went out."""
        self.ringing.discard(row)

    def _learn(self, *, answered: bool) -> None:
        self.calls += 1
        self.answers += answered
        if self.calls >= REMEMBERED:
            self.calls, self.answers = self.calls / 2, self.answers / 2

    def _settle(self, row: str, *, lost: bool) -> None:
        if row not in self.answered:
            return
        self.answered.discard(row)
        self.waiting.discard(row)
        self.found += 1
        self.lost += lost
        if self.found >= REMEMBERED:
            self.found, self.lost = self.found / 2, self.lost / 2


@lru_cache(10_000)
def left_over(calls: int, agents: int, rate: float) -> float:
    """How many of `calls` are expected to be answered when all `agents` are taken, where each is answered with the
    probability `rate`."""
    if rate <= 0.0 or calls <= agents:
        return 0.0
    if rate >= 1.0:
        return float(calls - agents)
    # By logarithms: the single probabilities of hundreds of calls are beyond what a float holds.
    total = 0.0
    for answers in range(agents + 1, calls + 1):
        ways = math.lgamma(calls + 1) - math.lgamma(answers + 1) - math.lgamma(calls - answers + 1)
        total += (answers - agents) * math.exp(ways + answers * math.log(rate) + (calls - answers) * math.log1p(-rate))
    return total
