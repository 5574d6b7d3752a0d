"""How callers begin and cease to wait."""

from __future__ import annotations

from ivr.center.rules import callbacks
from ivr.center.rules.decisions import CallbackOver, Joined, Refusal, Refused
from ivr.center.rules.estimate import estimated
from ivr.center.rules.events import CallerJoined, CallerLeft
from ivr.center.rules.floor import MAX_CALLERS, Floor
from ivr.center.rules.lines import Entry, Line, Needs
from ivr.center.rules.offering import left, offer, over, release, set_aside, withdraw
from ivr.center.rules.routing import NORMAL_PRIORITY, Routing, needed_skills, route, tagged_skills
from ivr.settings import DEFAULT_QUEUE, Sound

__all__ = ["Chosen", "choose", "join", "leave", "objection"]

MAX_PRIORITY = 10


class Chosen:
    """Where a caller is to wait, and how."""

    __slots__ = ("line", "own_needs", "priority", "route", "sticky")

    def __init__(self, floor: Floor, event: CallerJoined) -> None:
        routing = Routing(None, "")
        if event.queue is None:
            routing = route(floor.config.routes, event.facts, floor.local())
        name = event.queue if routing.route is None else routing.route.queue
        line = floor.lines.get(name or DEFAULT_QUEUE)
        if line is not None and line.leaving:
            line = None
        if line is None and event.queue is None:
            line = floor.lines[DEFAULT_QUEUE]
        self.line: Line | None = line
        self.route: str = routing.name
        given = event.priority
        if given is None and routing.route is not None:
            given = routing.route.priority
        self.priority: int = min(MAX_PRIORITY, max(1, NORMAL_PRIORITY if given is None else given))
        needed = routing.route.skills if routing.route is not None else {}
        self.own_needs: Needs = needed_skills(needed, tagged_skills(event.facts.get("tags")))
        self.sticky: str = event.sticky or (line.config.sticky if line is not None else "off")


def choose(floor: Floor, event: CallerJoined) -> Chosen:
    """Where a caller is to wait."""
    return Chosen(floor, event)


def objection(floor: Floor, line: Line, needs: Needs) -> tuple[Refusal, str] | None:
    """Why nobody may begin to wait in a queue now: outcome and sentence."""
    hours = floor.opening.at(line.config.hours, floor.wall)
    if not hours.open:
        return "closed", hours.text
    waiting = len(floor.entries) - len(floor.talks)
    if waiting >= MAX_CALLERS:
        return "full", f"{waiting} callers wait in all queues together."
    if line.config.max_length is not None and line.waiting >= line.config.max_length:
        return "full", f"{line.waiting} callers wait in the queue {line.name} already."
    rule = line.config.join_when_empty
    if rule == "always":
        return None
    for name in line.pool:
        agent = floor.agents[name]
        if agent.meets(needs) and (agent.logged_in if rule == "logged_in" else agent.on_duty):
            return None
    what = "is logged in" if rule == "logged_in" else "is available"
    skilled = " who has the skills" if needs else ""
    return "no_agents", f"No agent of the queue {line.name}{skilled} {what}."


def join(floor: Floor, event: CallerJoined) -> None:
    """A caller wants to wait."""
    if event.caller in floor.entries or not event.caller:
        _refuse(floor, event, None, "error", "There is a caller of this name already.")
        return
    kept = floor.callbacks.get(event.callback) if event.callback is not None else None
    if kept is not None and not kept.caller:
        _come_back(floor, kept, event)
        return
    chosen = choose(floor, event)
    line = chosen.line
    if line is None:
        _refuse(floor, event, None, "error", f"There is no queue {event.queue}.")
        return
    floor.entries_made += 1
    back = event.lost_agent is not None
    entry = Entry(
        caller=event.caller,
        queue=line.name,
        priority=MAX_PRIORITY if back else chosen.priority,
        since=floor.now,
        seq=floor.entries_made,
        person=event.person,
        sticky="off" if back else chosen.sticky,
        strategy=event.strategy,
        joined=floor.now,
        own_needs=chosen.own_needs,
        facts=event.facts,
        route=chosen.route,
        asked=event.queue,
        routes=floor.config.routes,
        wall=floor.wall,
        secret=event.secret,
        back=back,
    )
    found = None if back else objection(floor, line, line.needed(entry.own_needs))
    if event.lost_agent:
        set_aside(floor, entry, event.lost_agent)
    if found is not None:
        _refuse(floor, event, line, *found)
        return
    line.add(entry)
    _stand(floor, entry, line)
    floor.reopen(entry, line)


def _refuse(floor: Floor, event: CallerJoined, line: Line | None, outcome: Refusal, text: str) -> None:
    away: Sound | None = None
    if line is not None:
        away = line.config.away if outcome == "closed" else None
        line.book.add(f"refused_{outcome}")
        floor.changed.add("queues")
    floor.out.append(Refused(event.caller, "" if line is None else line.name, outcome, text, away))


def _stand(floor: Floor, entry: Entry, line: Line) -> None:
    """A caller stands in a queue: he is counted and told."""
    floor.entries[entry.caller] = entry
    line.book.add("offered")
    floor.changed.add("queues")
    position = line.position(entry)
    entry.told = position, estimated(floor, line, position)
    strategy = floor.config.strategy(line.config, entry.strategy)
    floor.out.append(Joined(entry.caller, line.name, *entry.told, strategy, entry.priority, entry.route))
    floor.stir(line)


def _come_back(floor: Floor, entry: Entry, event: CallerJoined) -> None:
    """Somebody who was called back takes the place that was kept for him, and the agent who was held."""
    callback = entry.callback
    assert callback is not None
    line = floor.lines[entry.queue]
    del floor.callbacks[callback.name]
    floor.timers.clear(("callback", callback.name))
    line.callbacks -= 1
    entry.caller, entry.callback, entry.joined = event.caller, None, floor.now
    entry.person = event.person or entry.person
    entry.strategy = event.strategy or entry.strategy
    entry.facts = event.facts or entry.facts
    entry.secret = entry.secret or event.secret
    entry.tried.clear()
    line.place_anew(entry)  # he is on the line from now on
    line.book.add("callbacks_made")
    floor.changed.add("callbacks")
    floor.out.append(CallbackOver(callback.name, line.name, "made", callback.attempts))
    _stand(floor, entry, line)
    agent = floor.agents.get(callback.agent) if callback.agent is not None else None
    if agent is not None and agent.held == callback.name:
        release(floor, agent)
        if agent.ready:
            line.open(entry)
            offer(floor, entry, agent, line, "was held for this call back")
            return
        floor.touch(agent)
    floor.reopen(entry, line)


def leave(floor: Floor, event: CallerLeft) -> None:
    """A caller is there no more."""
    entry = floor.entries.get(event.caller)
    if entry is None:
        return
    if entry.talk is not None:
        over(floor, entry.talk, asked=event.asked)
        return
    line = floor.lines[entry.queue]
    for number in list(entry.offers.values()):
        withdraw(floor, floor.offers[number], "caller_left")
    del floor.entries[entry.caller]
    if entry.callback is None:
        left(floor, entry, line, event.reason)
        line.remove(entry)
        floor.stir(line)
        return
    left(floor, entry, line, "callback_scheduled")
    entry.caller = ""
    line.callbacks += 1
    line.place_anew(entry)
    entry.facts = {}
    floor.stir(line)
    callbacks.arm(floor, entry)
