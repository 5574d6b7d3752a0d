"""What agents are: status, phones, other calls, wrapping up."""

from __future__ import annotations

from ivr.center.rules.decisions import Disposed, WithdrawReason
from ivr.center.rules.events import (
    AgentBusy,
    AgentFree,
    AgentOccupied,
    AgentStatus,
    ConsoleState,
    Disposition,
    PhoneState,
)
from ivr.center.rules.floor import Floor
from ivr.center.rules.offering import end_wrap, release, withdraw
from ivr.center.rules.people import AgentState, LastTalk, WrapUp

__all__ = [
    "asking_over",
    "busy",
    "choose_status",
    "console",
    "dispose",
    "disposition_objection",
    "dispositions_for",
    "inactive",
    "no_longer_busy",
    "occupied",
    "phone",
    "set_status",
    "take_back",
    "watch_activity",
    "wrap_over",
]

MAX_OTHER_CALLS = 20
"""Of one agent, that are not the centre's: more have got lost on the way."""
MAX_OCCUPANCY = 10_000
"""Of one channel of one agent."""


def choose_status(floor: Floor, event: AgentStatus) -> None:
    """Somebody chooses a status for an agent."""
    agent = floor.agents.get(event.agent)
    if agent is None or floor.config.group(event.status) is None:
        return
    agent.missed = 0
    set_status(floor, agent, event.status, "chosen", event.by)


def set_status(floor: Floor, agent: AgentState, status: str, reason: str, by: str = "") -> None:
    """An agent has another status. One that gets no calls stops his phone; who is available again, or logs out, has
    finished wrapping up."""
    group = floor.config.group(status)
    if group is None:
        return
    changed = status != agent.status
    if group == "available" and agent.group != "available":
        agent.idle_since = floor.now
    agent.status, agent.group = status, group
    if group in ("available", "unavailable"):
        end_wrap(floor, agent)
    if group != "available":
        take_back(floor, agent, "agent_status")
    floor.changed.add("agents")
    floor.touch(agent, reason if changed else "", by if changed else "")
    watch_activity(floor, agent)


def take_back(floor: Floor, agent: AgentState, reason: WithdrawReason) -> None:
    """Nobody is rung or held any more of what an agent was to take."""
    if agent.offer is not None:
        withdraw(floor, floor.offers[agent.offer], reason)
    release(floor, agent)


# Phones, consoles, activity


def phone(floor: Floor, event: PhoneState) -> None:
    """An agent's phones can be rung, or none of them."""
    agent = floor.agents.get(event.agent)
    if agent is None or agent.reachable == event.reachable:
        return
    agent.reachable = event.reachable
    if agent.reachable:
        agent.paused = False
        floor.timers.clear(("pause", agent.name))
    else:
        take_back(floor, agent, "unreachable")
    floor.touch(agent)
    watch_activity(floor, agent)


def console(floor: Floor, event: ConsoleState) -> None:
    """An agent has a console open, or not."""
    agent = floor.agents.get(event.agent)
    if agent is not None:
        agent.console = event.open
        watch_activity(floor, agent)


def watch_activity(floor: Floor, agent: AgentState) -> None:
    """Begin or end to wait for an agent who is not there."""
    key = ("inactive", agent.name)
    patience = agent.config.inactivity
    if agent.reachable or agent.console or not agent.logged_in or patience is None:
        floor.timers.clear(key)
    elif key not in floor.timers:
        floor.wake(key, floor.now + patience)


def inactive(floor: Floor, agent: AgentState) -> None:
    """An agent has not been there for long: he is logged out, unless he talks to somebody."""
    if agent.talk is not None or agent.others:
        watch_activity(floor, agent)
    else:
        set_status(floor, agent, "unavailable", "inactive")


# Calls that are not the centre's, and other channels


def busy(floor: Floor, event: AgentBusy) -> None:
    """An agent is on a call of another kind."""
    agent = floor.agents.get(event.agent)
    if agent is None or len(agent.others) >= MAX_OTHER_CALLS:
        return
    agent.others.add(event.call)
    take_back(floor, agent, "agent_busy")
    floor.touch(agent)


def no_longer_busy(floor: Floor, event: AgentFree) -> None:
    """It is over."""
    agent = floor.agents.get(event.agent)
    if agent is not None and event.call in agent.others:
        agent.others.discard(event.call)
        if not agent.others:
            agent.idle_since = floor.now
        if event.talked > 0:
            _took(floor, agent, event)
        floor.touch(agent)


def _took(floor: Floor, agent: AgentState, event: AgentFree) -> None:
    """A call that was transferred to an agent by name is over."""
    end_wrap(floor, agent)
    agent.calls += 1
    agent.missed = 0
    last = agent.last = LastTalk(0, event.caller, "")
    if agent.config.wrap_up > 0 and agent.logged_in and agent.talk is None:
        agent.queue, agent.caller = "", event.caller
        agent.wrap = WrapUp(last, floor.now, floor.now + agent.config.wrap_up, event.talked)
        floor.wake(("wrap", agent.name), agent.wrap.until)


def occupied(floor: Floor, event: AgentOccupied) -> None:
    """An agent has so much to do on another channel."""
    agent = floor.agents.get(event.agent)
    if agent is not None and event.channel in agent.config.channels:
        agent.occupied[event.channel] = max(0, min(event.occupancy, MAX_OCCUPANCY))


# Wrapping up


def wrap_over(floor: Floor, agent: AgentState) -> None:
    """The time for it is over, or the agent has finished: not before his phone is free."""
    if agent.asked and agent.wrap is not None:
        agent.wrap.done = True
        return
    end_wrap(floor, agent)
    floor.touch(agent)


def asking_over(floor: Floor, name: str, offer: int) -> None:
    """An agent is asked for a disposition no more."""
    agent = floor.agents.get(name)
    if agent is None or not agent.asked or agent.asked != offer:
        return
    agent.asked = 0
    floor.timers.clear(("asked", name))
    if agent.wrap is None or agent.wrap.done:
        agent.idle_since = floor.now
        end_wrap(floor, agent)
    floor.touch(agent)


def dispose(floor: Floor, event: Disposition) -> None:
    """An agent says how his conversation ended."""
    agent = floor.agents.get(event.agent)
    if agent is None or agent.last is None or disposition_objection(floor, event) is not None:
        return
    last = agent.last
    floor.out.append(Disposed(agent.name, last.caller, last.queue, last.offer, event.disposition, event.by))
    wrap_over(floor, agent)


def disposition_objection(floor: Floor, event: Disposition) -> str | None:
    """Why a disposition is none, as a sentence."""
    agent = floor.agents.get(event.agent)
    if agent is None:
        return f"There is no agent {event.agent}."
    disposition = floor.config.dispositions.get(event.disposition)
    if disposition is None:
        return f"There is no disposition {event.disposition}."
    if agent.last is None:
        return f"{event.agent} has had no conversation."
    if not disposition.fits(agent.last.queue):
        return f"The disposition {event.disposition} is not for calls of the queue {agent.last.queue}."
    return None


def dispositions_for(floor: Floor, name: str) -> list[str] | None:
    """Names of the dispositions that the last conversation of an agent may be given; None: he has had none."""
    agent = floor.agents.get(name)
    last = agent.last if agent is not None else None
    if last is None:
        return None
    return [each for each, disposition in floor.config.dispositions.items() if disposition.fits(last.queue)]
