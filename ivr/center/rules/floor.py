"""All that the centre knows at a moment, and the few things that every part of it does with that."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ivr.center.rules.config import CenterConfig
from ivr.center.rules.decisions import Decision, StatusChanged
from ivr.center.rules.figures import History
from ivr.center.rules.lines import Entry, Line
from ivr.center.rules.opening import Opening
from ivr.center.rules.people import AgentState
from ivr.center.rules.sticky import Sticky
from ivr.center.rules.timers import Timers

__all__ = ["MAX_CALLERS", "MAX_GONE", "Floor", "Ringing", "Talk"]

MAX_CALLERS = 10_000
"""In all queues together; a place takes about 2 kB, facts included."""
MAX_GONE = 2_000
"""Queues, and agents, that are remembered after they have gone: as many agents as can be made over HTTP."""
POSITIONS_EVERY = 5.0
"""Seconds between two rounds in which the callers of a queue are told their places."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """An offer."""

    offer: int
    entry: Entry
    agent: AgentState
    line: Line
    began: float


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation."""

    offer: int
    entry: Entry
    agent: AgentState
    line: Line
    began: float
    rung: float
    """Seconds until the agent took it."""


class Floor:
    """The state; parts of the centre change it, one event after the other."""

    def __init__(self, config: CenterConfig, now: float, wall: float) -> None:
        self.config = config
        self.now = now
        self.offset = wall - now
        """From the time of the centre to seconds since the epoch."""
        self.opening = Opening(config)
        self.timers = Timers()
        self.out: list[Decision] = []
        self.agents: dict[str, AgentState] = {}
        self.lines: dict[str, Line] = {}
        self.gone_agents: dict[str, AgentState] = {}
        self.gone_lines: dict[str, Line] = {}
        """Those that the configuration leaves out: what they have done counts, and is theirs when they are back."""
        self.entries: dict[str, Entry] = {}
        """Callers, waiting or talking."""
        self.callbacks: dict[str, Entry] = {}
        """Places kept, also of callers who have not left yet."""
        self.offers: dict[int, Ringing] = {}
        self.talks: dict[int, Talk] = {}
        self.free: dict[str, AgentState] = {}
        """Agents who can be offered a call."""
        self.freed: list[AgentState] = []
        """Agents for whom nobody has looked for a caller yet."""
        self.opened: list[Entry] = []
        """Entries for whom nobody has looked for an agent yet."""
        self.sticky = Sticky()
        self.history = History()
        self.changed: set[str] = set()
        """Keys of the snapshot."""
        self.entries_made = 0
        self.offers_made = 0

    @property
    def wall(self) -> float:
        """Seconds since the epoch."""
        return self.now + self.offset

    def local(self, wall: float | None = None) -> datetime:
        """The time in the zone of the configuration."""
        try:
            return datetime.fromtimestamp(self.wall if wall is None else wall, self.config.zone)
        except (OverflowError, ValueError, OSError):  # a clock set to where there are no dates
            return datetime.fromtimestamp(0, UTC)

    @property
    def today(self) -> date:
        """The day there."""
        return self.local().date()

    def wake(self, key: Hashable, at: float) -> None:
        """Have something looked at then."""
        self.timers.set(key, at)

    def touch(self, agent: AgentState, reason: str = "", by: str = "") -> None:
        """What an agent is or does may have changed: his seconds are booked, others told, and when he is free now a
        caller is looked for."""
        agent.account(self.now)
        agent.activity = agent.doing()
        ready = agent.ready
        if ready != agent.free:
            agent.free = ready
            if ready:
                self.free[agent.name] = agent
                self.freed.append(agent)
            else:
                del self.free[agent.name]
        phase = agent.phase
        queue, caller = (agent.queue, agent.caller) if phase not in ("idle", "on_other_call") else ("", "")
        until = agent.wrap.until if agent.wrap is not None and phase == "wrapping" else None
        told = (agent.status, agent.group, phase, queue, caller, until)
        if told[:3] != agent.told[:3]:
            agent.since = self.now
        if told != agent.told or reason:
            agent.told = told
            self.out.append(
                StatusChanged(agent.name, agent.status, agent.group, phase, queue, caller, until, reason, by)
            )
        if agent.on_duty != agent.duty:
            agent.duty = agent.on_duty
            for name in agent.lines:
                self.lines[name].paced = float("-inf")
                self.stir(self.lines[name])

    def stir(self, line: Line) -> None:
        """Places or waits of a queue may have changed: its callers are told soon."""
        if not line.order:
            return
        line.dirty = True
        key = ("positions", line.name)
        if key not in self.timers:
            self.wake(key, max(self.now, line.swept + POSITIONS_EVERY))

    def reopen(self, entry: Entry, line: Line) -> None:
        """Have an agent looked for, for somebody who waits and for whom nobody rings."""
        if entry.talk is None and not entry.offers:
            line.open(entry)
            self.opened.append(entry)
