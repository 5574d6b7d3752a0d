"""The contact centre: one writer that is told what happens and decides what is to be done.

    center = Center(CenterConfig.of(settings), now=loop.time(), wall=time.time())
    center.restore(kept)
    center.receive(CallerJoined("c1", {"from": "+49301234"}), now)
    for decision in center.decisions(): ...
    wake at center.next_timer() and receive(Tick(), now)

`now` is seconds of a clock that nobody sets (the loop's); that on the wall is told by :class:`ClockSet` and counts for
hours, stickiness, reports and the expiry of call backs. Everything that is asked of the centre answers at once, for the
moment that :meth:`Center.at` was given last, and changes nothing but by :meth:`receive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ivr.center.rules import callbacks, configuring, joining, keeping, offering, presence, reasons, reporting
from ivr.center.rules import events as told
from ivr.center.rules.config import CenterConfig
from ivr.center.rules.decisions import Decision
from ivr.center.rules.estimate import tell_positions
from ivr.center.rules.events import Event
from ivr.center.rules.explaining import Explanation
from ivr.center.rules.floor import Floor

__all__ = ["Center"]


class Center:
    """Agents, queues and callers."""

    def __init__(self, config: CenterConfig, now: float, wall: float) -> None:
        """An empty centre whose agents have their first status and no phone that can be rung."""
        self._floor = Floor(config, now, wall)
        configuring.configure(self._floor, config)
        reporting.begin_interval(self._floor)

    def receive(self, event: Event, now: float) -> None:
        """Take in what has happened; `now` never goes back (an earlier one counts as the last one)."""
        floor = self._floor
        floor.now = max(floor.now, now)
        self._run_timers()
        match event:
            case told.CallerJoined():
                joining.join(floor, event)
            case told.CallerLeft():
                joining.leave(floor, event)
            case told.OfferAnswered():
                offering.answer(floor, event.offer)
            case told.OfferPickedUp():
                offering.picked_up(floor, event.offer)
            case told.OfferFailed():
                offering.fail(floor, event.offer, event.reason)
            case told.CallOver():
                offering.over(floor, event.offer, asked=event.asked, lost=event.lost)
            case told.CallbackKept():
                callbacks.keep(floor, event)
            case told.CallbackAnswered():
                callbacks.answered(floor, event.callback)
            case told.CallbackFailed():
                callbacks.failed(floor, event.callback, event.reason, counted=event.counted)
            case told.CallbackCancelled():
                callbacks.cancel(floor, event.callback)
            case told.Configured():
                configuring.configure(floor, event.config)
            case told.ClockSet():
                reporting.clock_set(floor, event.wall)
            case told.Tick():
                pass
            case _:
                self._of_agent(event)
        self._settle()

    def _of_agent(
        self,
        event: told.AskingOver
        | told.AgentStatus
        | told.PhoneState
        | told.ConsoleState
        | told.AgentBusy
        | told.AgentFree
        | told.AgentOccupied
        | told.WrapUpDone
        | told.Disposition,
    ) -> None:
        floor = self._floor
        match event:
            case told.AskingOver():
                presence.asking_over(floor, event.agent, event.offer)
            case told.AgentStatus():
                presence.choose_status(floor, event)
            case told.PhoneState():
                presence.phone(floor, event)
            case told.ConsoleState():
                presence.console(floor, event)
            case told.AgentBusy():
                presence.busy(floor, event)
            case told.AgentFree():
                presence.no_longer_busy(floor, event)
            case told.AgentOccupied():
                presence.occupied(floor, event)
            case told.WrapUpDone():
                if event.agent in floor.agents:
                    presence.wrap_over(floor, floor.agents[event.agent])
            case told.Disposition():
                presence.dispose(floor, event)

    def _settle(self) -> None:
        """Bring callers and agents together, and let go of who and what has been waited for to go."""
        floor = self._floor
        offering.match(floor)
        if len(floor.lines) > len(floor.config.queues) or len(floor.agents) > len(floor.config.agents):
            configuring.tidy(floor)

    def _run_timers(self) -> None:
        floor = self._floor
        ran = False
        while (key := floor.timers.pop(floor.now)) is not None:
            self._run(key)
            ran = True
        if ran:
            self._settle()

    def _run(self, key: Any) -> None:
        floor = self._floor
        match key:
            case ("offer", number):
                offering.lease_over(floor, number)
            case ("wrap", name):
                presence.wrap_over(floor, floor.agents[name])
            case ("asked", name):
                presence.asking_over(floor, name, floor.agents[name].asked)
            case ("pause", name):
                floor.agents[name].paused = False
                floor.touch(floor.agents[name])
            case ("inactive", name):
                presence.inactive(floor, floor.agents[name])
            case ("retry", entry, _):
                if entry.lane is not None:
                    floor.opened.append(entry)
            case ("callback", name):
                callbacks.wake(floor, name)
            case ("positions", name):
                tell_positions(floor, floor.lines[name])
            case ("interval",):
                reporting.turn_interval(floor)

    def decisions(self) -> list[Decision]:
        """What was decided since this was asked last, in order."""
        found, self._floor.out = self._floor.out, []
        return found

    def next_timer(self) -> float | None:
        """When a :class:`Tick` is needed at the latest; it may come for nothing. None: never."""
        return self._floor.timers.next()

    # Questions

    def at(self, now: float) -> Center:
        """This centre, to be asked how it is now: between events waits, seconds and hours go on. What falls due by then
        is done with the next event, not by asking."""
        self._floor.now = max(self._floor.now, now)
        return self

    def objection(self, event: Event) -> str | None:
        """Why an event that a person causes would have no effect, as a sentence; None: it has one. Looks at
        :class:`AgentStatus` (no such agent or status), :class:`WrapUpDone`, :class:`Disposition`,
        :class:`CallbackCancelled` and :class:`CallbackKept`."""
        floor = self._floor
        match event:
            case told.AgentStatus() if event.agent not in floor.agents:
                return f"There is no agent {event.agent}."
            case told.AgentStatus() if floor.config.group(event.status) is None:
                return f"There is no status {event.status}."
            case told.WrapUpDone():
                agent = floor.agents.get(event.agent)
                if agent is None:
                    return f"There is no agent {event.agent}."
                return None if agent.wrap is not None else f"{event.agent} is not wrapping up."
            case told.Disposition():
                return presence.disposition_objection(floor, event)
            case told.CallbackCancelled() if event.callback not in floor.callbacks:
                return f"There is no call back {event.callback}."
            case told.CallbackKept():
                return callbacks.why_not(floor, event)
        return None

    def losses(self, config: CenterConfig) -> list[str]:
        """Why a configuration should be refused, as sentences: queues that it leaves out have calls in them."""
        return configuring.losses(self._floor, config)

    def unavailable(self, agent: str) -> str | None:
        """Why no call may be transferred to an agent (`agent:anna`), as a sentence; None: one may."""
        state = self._floor.agents.get(agent)
        if state is None:
            return f"There is no agent {agent}."
        if not state.enabled:
            return f"The agent {agent} is not enabled."
        if state.group == "unavailable":
            return f"The agent {agent} is not logged in."
        if state.talk is not None or state.others or state.asked:
            return f"The agent {agent} is on another call."
        return None if state.reachable else f"No phone of the agent {agent} can be reached."

    def dispositions(self, agent: str) -> list[str] | None:
        """Dispositions that the last conversation of an agent may be given; None: he has had none, or is not here."""
        return presence.dispositions_for(self._floor, agent)

    def free_agents(self, queue: str) -> int:
        """Agents of a queue who would get a new call now."""
        floor = self._floor
        line = floor.lines.get(queue)
        return 0 if line is None else sum(name in floor.free for name in line.pool)

    def look(self, queue: str) -> tuple[int, float]:
        """How many callers wait in a queue, and how many seconds those waited whom an agent took; 0 and 0.0 where there
        is no such queue, or nobody was taken."""
        line = self._floor.lines.get(queue)
        return (0, 0.0) if line is None else (line.waiting, line.book.mean_wait)

    def figures(self) -> dict[str, Any]:
        """The centre as it is now, as JSON: `queues` and `agents` by name; see :mod:`ivr.center.rules.figures`."""
        return reporting.figures(self._floor)

    def agent(self, name: str) -> dict[str, Any] | None:
        """One of the `agents` of :meth:`figures`; None: there is none of this name."""
        return reporting.agent(self._floor, name)

    def queue(self, name: str) -> dict[str, Any] | None:
        """One of the `queues` of :meth:`figures`; None: there is none of this name."""
        return reporting.queue(self._floor, name)

    def pool(self, queue: str) -> Sequence[str]:
        """Enabled agents of a queue."""
        return self._floor.config.pools.get(queue, ())

    def logged_in(self, agent: str) -> bool:
        """Whether the status of an agent lets calls come to him at all."""
        state = self._floor.agents.get(agent)
        return state is not None and state.group != "unavailable"

    def names(self) -> Iterable[str]:
        """Callers, those who wait and those who talk."""
        return self._floor.entries.keys()

    def caller(self, name: str) -> dict[str, Any] | None:
        """One of :meth:`callers`; None: he is not here."""
        return reporting.caller(self._floor, name)

    def caller_of(self, agent: str) -> dict[str, Any] | None:
        """The one of :meth:`callers` whom an agent talks to, who rings for him, or for whose call back he is held.
        None: there is none."""
        return reporting.caller_of(self._floor, agent)

    def callers(self, queue: str | None = None) -> list[dict[str, Any]]:
        """Who is in the queues, in order, as JSON: `caller`, `queue`, `position` (null once an agent talks to him),
        `priority`, `state` (`waiting`, `ringing`, `talking`, `callback`, `calling_back`), `waited`, `agents` (who
        rings or talks), `route`, `estimate`; of a call back `callback`, `attempts` and `expires`."""
        return reporting.callers(self._floor, queue)

    def intervals(self, since: float = 0.0) -> list[dict[str, Any]]:
        """Quarters of an hour that are kept here and began at or after `since` (seconds since the epoch), as JSON like
        :class:`IntervalOver`; the one under way comes last."""
        return reporting.intervals(self._floor, since)

    def explain(
        self,
        facts: Mapping[str, Any],
        *,
        queue: str | None = None,
        priority: int | None = None,
        sticky: str | None = None,
        person: str = "",
    ) -> Explanation:
        """What would become of a caller who joined now."""
        event = told.CallerJoined("?", facts, queue, priority, sticky, person=person)
        return reasons.explain(self._floor, event)

    def explain_caller(self, caller: str) -> Explanation | None:
        """Why somebody who waits or talks is where he is: the routes as they were looked at when he joined, the agents
        as they are now. None: he is not here."""
        entry = self._floor.entries.get(caller)
        return None if entry is None else reasons.explain_entry(self._floor, entry)

    # Keeping

    def snapshot(self, keys: frozenset[str] | None = None) -> dict[str, Any]:
        """What must outlive a restart, as JSON by key: statuses, who was served when, stickiness, figures, call backs.
        `keys`: only these."""
        return keeping.snapshot(self._floor, keys)

    def changed(self) -> frozenset[str]:
        """Keys of the snapshot whose values may have changed since this was asked last: each can be kept by itself."""
        floor = self._floor
        found = frozenset(floor.changed | floor.sticky.changed)
        floor.changed.clear()
        floor.sticky.changed.clear()
        return found | {"meta"} if found else found

    def restore(self, kept: Mapping[str, Any]) -> list[str]:
        """Take up a snapshot, before the first event: what cannot be read is left out, with a sentence each. Callers
        are not restored, and their agents are free, or wrap up as they did; people who were being called
        back wait again."""
        return keeping.restore(self._floor, kept)
