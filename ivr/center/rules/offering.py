"""Offers: who is rung for whom, and what comes of it.

One decision at a time. When agents become free or callers may be offered anew, each free agent gets the first caller of
all his queues (priority, then arrival), and of the agents who could take that caller the order of the queue chooses:
first the one who last spoke to him, then those who were not asked for him before, then those who were.
"""

from __future__ import annotations

from heapq import heappop, heappush

from ivr.center.rules.choosing import WORDS, best
from ivr.center.rules.decisions import (
    CallbackDue,
    CallbackOver,
    Connect,
    Left,
    LeftOutcome,
    Missed,
    Offer,
    Withdraw,
    WithdrawReason,
)
from ivr.center.rules.events import LeaveReason, OfferFault
from ivr.center.rules.floor import Floor, Ringing, Talk
from ivr.center.rules.lines import Entry, Key, Line
from ivr.center.rules.people import AgentState, LastTalk, WrapUp

__all__ = [
    "ASKED_SECONDS",
    "answer",
    "candidates",
    "end_wrap",
    "fail",
    "lease_over",
    "left",
    "match",
    "offer",
    "over",
    "picked_up",
    "release",
    "set_aside",
    "withdraw",
]

REOFFER_AFTER = 10.0
"""Seconds until a caller is offered again to an agent who did not take him, where nobody else is free: so that a phone
that declines by itself is not rung in a circle."""
PAUSE = 15.0
"""Seconds without offers for an agent whose phone was busy, could not be reached or failed: so that each caller does
not wait for the same fault."""
PICKED_UP_SECONDS = 30.0
"""Seconds that an agent who has picked up may listen to what he is told before he hears the caller."""
ASKED_SECONDS = 60.0
"""Seconds that an agent can be asked for a disposition on his phone: to hear the question twice, and three answers."""
CALLBACK_LEASE = 90.0
"""Seconds that an agent is held while somebody is called back: 45 s of ringing, and the time to be connected."""


# Matching


def match(floor: Floor) -> None:
    """Give callers to agents until nobody is left that fits: of all who stand open, whoever comes first is placed
    first, so that nobody is passed over by what else happens at the same moment."""
    found: list[tuple[Key, int, Entry, AgentState | None]] = []
    count = 0
    while floor.freed or floor.opened or found:
        for entry in floor.opened:
            count += 1
            heappush(found, (entry.key, count, entry, None))
        for agent in floor.freed:
            first = _first_for(floor, agent) if agent.free else None
            if first is not None:
                count += 1
                heappush(found, (first.key, count, first, agent))
        floor.opened, floor.freed = [], []
        if not floor.free:
            return
        if found:
            _, _, entry, for_agent = heappop(found)
            placed = True
            if entry.lane is not None and (for_agent is None or for_agent.free):
                placed = _place(floor, entry)
            if placed and for_agent is not None and for_agent.free:
                floor.freed.append(for_agent)


def _first_for(floor: Floor, agent: AgentState) -> Entry | None:
    """Who of all that he could take comes first."""
    found: Entry | None = None
    key: Key | None = None
    for name in agent.lines:
        for needs, lane in floor.lines[name].lanes.items():
            if (key is not None and lane[0].key > key) or (needs and not agent.meets(needs)):
                continue
            for entry in lane:
                if key is not None and entry.key > key:
                    break
                if _may_ring(floor, entry, agent):
                    found, key = entry, entry.key
                    break
    return found


def _may_ring(floor: Floor, entry: Entry, agent: AgentState) -> bool:
    """Whether a free agent with the skills may be offered somebody who is open for offers."""
    return agent.name not in entry.offers and entry.tried.get(agent.name, floor.now) <= floor.now


def candidates(floor: Floor, entry: Entry, line: Line) -> list[AgentState]:
    """Who could be rung for somebody: those who were not asked before, or, where there are none, those who were."""
    needs = line.needed(entry.own_needs)
    index = line.index
    found = [
        agent
        for agent in floor.free.values()
        if agent.name in index and (not needs or agent.meets(needs)) and _may_ring(floor, entry, agent)
    ]
    fresh = [agent for agent in found if agent.name not in entry.tried] if entry.tried else found
    return fresh or found


def _place(floor: Floor, entry: Entry) -> bool:
    """Ring somebody for an entry; False: there is nobody, or it is not to be served now."""
    line = floor.lines[entry.queue]
    found = candidates(floor, entry, line)
    if not found:
        return False
    callback = entry.callback if not entry.caller else None
    if callback is not None and not floor.opening.at(line.config.hours, floor.wall).open:
        line.close(entry)
        floor.wake(("callback", callback.name), floor.now)
        return True
    spoken = floor.sticky.agent(entry.person, entry.sticky, floor.wall)
    known = next((agent for agent in found if agent.name == spoken[0]), None) if spoken is not None else None
    chosen = known or best(line, line.needed(entry.own_needs), found, floor.now)
    if callback is not None:
        _hold(floor, entry, chosen, line)
    elif known is not None and spoken is not None:
        offer(floor, entry, known, line, f"spoke to this caller {_ago(spoken[1])} ago")
        line.close(entry)
    elif line.config.order == "ring_all":
        for agent in found:
            offer(floor, entry, agent, line, WORDS["ring_all"])
    else:
        why = WORDS[line.config.order] if len(found) > 1 else "is the only one who is free"
        offer(floor, entry, chosen, line, why)
    return True


def _ago(seconds: float) -> str:
    for size, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return "a moment"


# Offers


def offer(floor: Floor, entry: Entry, agent: AgentState, line: Line, why: str) -> None:
    """Ring a free agent for a caller."""
    floor.offers_made += 1
    number, until = floor.offers_made, floor.now + line.config.ring_timeout
    entry.offers[agent.name] = number
    agent.offer, agent.queue, agent.caller = number, line.name, entry.caller
    floor.offers[number] = Ringing(number, entry, agent, line, floor.now)
    if line.config.order != "ring_all":
        line.close(entry)
    line.last_rung = agent.name
    line.book.add("rings")
    agent.book.add("rings")
    floor.changed.update(("agents", "queues"))
    floor.wake(("offer", number), until)
    floor.out.append(Offer(number, entry.caller, agent.name, line.name, until, why))
    floor.touch(agent)


def _end(floor: Floor, ringing: Ringing) -> None:
    """An offer is over; the agent is not told of yet, and the caller not offered anew."""
    del floor.offers[ringing.offer]
    del ringing.entry.offers[ringing.agent.name]
    ringing.agent.offer = None
    floor.timers.clear(("offer", ringing.offer))


def withdraw(floor: Floor, ringing: Ringing, reason: WithdrawReason) -> None:
    """Stop ringing somebody; nobody has missed anything."""
    _end(floor, ringing)
    floor.out.append(Withdraw(ringing.offer, ringing.entry.caller, ringing.agent.name, reason))
    floor.touch(ringing.agent)
    floor.reopen(ringing.entry, ringing.line)


def picked_up(floor: Floor, number: int) -> None:
    """An agent hears the whisper: he has not missed the call, however long that takes."""
    if number in floor.offers:
        floor.wake(("offer", number), floor.now + PICKED_UP_SECONDS)


def lease_over(floor: Floor, number: int) -> None:
    """An agent has let it ring too long."""
    ringing = floor.offers.get(number)
    if ringing is not None:
        floor.out.append(Withdraw(number, ringing.entry.caller, ringing.agent.name, "no_answer"))
        fail(floor, number, "no_answer")


def fail(floor: Floor, number: int, reason: OfferFault) -> None:
    """An agent did not take a call."""
    ringing = floor.offers.get(number)
    if ringing is None:
        return
    entry, agent, line = ringing.entry, ringing.agent, ringing.line
    _end(floor, ringing)
    set_aside(floor, entry, agent.name)
    name = {"no_answer": "missed", "declined": "declined"}.get(reason, "failed")
    line.book.add(name)
    agent.book.add(name)
    if reason == "no_answer":
        agent.missed += 1
    if reason in ("no_answer", "declined"):
        agent.idle_since = floor.now
    else:
        _pause(floor, agent)
    floor.changed.add("agents")
    floor.out.append(Missed(agent.name, entry.caller, line.name, number, reason, agent.missed))
    limit = agent.config.missed_calls
    if reason == "no_answer" and limit and agent.missed >= limit and agent.group == "available":
        agent.status = agent.group = "away"
        floor.touch(agent, "missed_calls")
    else:
        floor.touch(agent)
    floor.reopen(entry, line)


def set_aside(floor: Floor, entry: Entry, agent: str) -> None:
    """Somebody is offered to an agent only where nobody else is free, and not at once."""
    entry.tried[agent] = floor.now + REOFFER_AFTER
    floor.wake(("retry", entry, agent), floor.now + REOFFER_AFTER)


def _pause(floor: Floor, agent: AgentState) -> None:
    """An agent's phone could not be rung, or is gone: no offers for some seconds."""
    agent.paused = True
    floor.wake(("pause", agent.name), floor.now + PAUSE)


# Conversations


def answer(floor: Floor, number: int) -> None:
    """An agent took a call."""
    ringing = floor.offers.get(number)
    if ringing is None:
        if number not in floor.talks:
            floor.out.append(Withdraw(number, "", "", "over"))
        return
    entry, agent, line = ringing.entry, ringing.agent, ringing.line
    _end(floor, ringing)
    for other in list(entry.offers.values()):
        rival = floor.offers[other]
        _end(floor, rival)
        floor.out.append(Withdraw(other, entry.caller, rival.agent.name, "answered_elsewhere"))
        floor.touch(rival.agent)
    line.remove(entry)
    floor.stir(line)
    end_wrap(floor, agent)
    entry.talk, entry.answered = number, floor.now
    agent.talk, agent.missed = number, 0
    agent.calls += 1
    agent.last = LastTalk(number, entry.caller, line.name)
    floor.talks[number] = Talk(number, entry, agent, line, floor.now, floor.now - ringing.began)
    line.talking += 1
    waited = floor.now - entry.joined
    line.book.add("answered")
    line.book.add("wait_answered_seconds", waited)
    line.book.longest(waited)
    if waited <= line.config.service_level.answer_within:
        line.book.add("answered_in_target")
    agent.book.add("answered")
    if entry.person:
        floor.sticky.remember(entry.person, agent.name, floor.wall)
    floor.changed.update(("agents", "queues"))
    floor.out.append(Connect(number, entry.caller, agent.name, line.name, waited))
    floor.touch(agent)
    if entry.callback is not None:
        callback, entry.callback = entry.callback, None
        del floor.callbacks[callback.name]
        floor.changed.add("callbacks")
        floor.out.append(CallbackOver(callback.name, line.name, "answered", callback.attempts))


def over(floor: Floor, number: int, *, asked: bool = False, lost: bool = False) -> None:
    """A conversation has ended: the agent wraps up, and is `asked` for its disposition on his phone. One whose phone is
    `lost` does neither."""
    talk = floor.talks.pop(number, None)
    if talk is None:
        return
    entry, agent, line = talk.entry, talk.agent, talk.line
    talked = floor.now - talk.began
    del floor.entries[entry.caller]
    line.talking -= 1
    line.book.add("talk_seconds", talked)
    line.book.add("handled")
    agent.book.add("handled")
    agent.talk = None
    agent.idle_since = floor.now
    floor.changed.update(("agents", "queues"))
    waited = entry.answered - entry.joined
    outcome: LeftOutcome = "agent_lost" if lost else "forwarded"
    floor.out.append(Left(entry.caller, line.name, outcome, waited, agent.name, talked, number))
    if entry.person:
        floor.sticky.remember(entry.person, agent.name, floor.wall)
    seconds = line.config.wrap_up if line.config.wrap_up is not None else agent.config.wrap_up
    wraps = seconds > 0 and agent.logged_in and not lost
    if lost:
        line.book.add("lost")
        agent.book.add("lost")
        _pause(floor, agent)
    if asked:
        agent.asked = number
        floor.wake(("asked", agent.name), floor.now + ASKED_SECONDS)
    if wraps or asked:
        last = LastTalk(number, entry.caller, line.name)
        until = floor.now + (seconds if wraps else ASKED_SECONDS)
        agent.wrap = WrapUp(last, floor.now, until, talk.rung + talked, done=not wraps)
        floor.wake(("wrap", agent.name), agent.wrap.until)
    else:
        line.recent.append(talk.rung + talked)
        line.paced = float("-inf")
    floor.touch(agent)


def end_wrap(floor: Floor, agent: AgentState) -> None:
    """An agent has written down what must be; harmless when he was not at it. He is not told of yet."""
    wrap = agent.wrap
    if wrap is None:
        return
    agent.wrap = None
    floor.timers.clear(("wrap", agent.name))
    if agent.config.wrapup_blocks_calls:
        agent.idle_since = floor.now
    line = floor.lines.get(wrap.talk.queue)
    if line is not None:
        line.book.add("wrap_seconds", floor.now - wrap.began)
        line.recent.append(wrap.taken + floor.now - wrap.began)
        line.paced = float("-inf")
    floor.changed.update(("agents", "queues"))


# Call backs


def _hold(floor: Floor, entry: Entry, agent: AgentState, line: Line) -> None:
    """It is the turn of somebody who is to be called back: an agent is held, and he is called."""
    callback = entry.callback
    assert callback is not None
    callback.under_way, callback.agent = True, agent.name
    callback.attempts += 1
    agent.held, agent.queue, agent.caller = callback.name, line.name, ""
    line.close(entry)
    line.last_rung = agent.name
    line.book.add("callbacks_due")
    until = floor.now + CALLBACK_LEASE
    floor.wake(("callback", callback.name), until)
    floor.changed.add("callbacks")
    sender = line.config.senders[0] if line.config.senders else None
    floor.out.append(
        CallbackDue(callback.name, callback.number, line.name, agent.name, callback.attempts, until, sender)
    )
    floor.touch(agent)


def release(floor: Floor, agent: AgentState) -> None:
    """An agent is no longer held for a call back, which goes on without him. He is not told of yet."""
    if agent.held is not None:
        entry = floor.callbacks.get(agent.held)
        if entry is not None and entry.callback is not None and entry.callback.agent == agent.name:
            entry.callback.agent = None
        agent.held = None


def left(floor: Floor, entry: Entry, line: Line, reason: LeaveReason) -> None:
    """Count and tell that a caller waits no more."""
    waited = floor.now - entry.joined
    line.book.add(reason)
    line.book.add("wait_left_seconds", waited)
    line.book.longest(waited)
    floor.changed.add("queues")
    floor.out.append(Left(entry.caller, line.name, reason, waited))
