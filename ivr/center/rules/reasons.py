"""Why a caller goes to a queue, and who of its agents is rung: in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.center.rules.choosing import WORDS, ranked
from ivr.center.rules.events import CallerJoined
from ivr.center.rules.explaining import AgentVerdict, Explanation, RouteVerdict
from ivr.center.rules.floor import Floor
from ivr.center.rules.joining import choose, objection
from ivr.center.rules.lines import Entry, Line, Needs
from ivr.center.rules.people import AgentState
from ivr.center.rules.routing import examine, routed
from ivr.settings import DEFAULT_QUEUE

__all__ = ["explain", "explain_entry"]


def explain(floor: Floor, event: CallerJoined) -> Explanation:
    """What would become of a caller who joined now."""
    verdicts: tuple[RouteVerdict, ...] = ()
    if event.queue is None:
        verdicts = examine(floor.config.routes, event.facts, floor.local(), secret=event.secret)
    chosen = choose(floor, event)
    line = chosen.line
    if line is None:
        text = f"There is no queue {event.queue}."
        return Explanation((), "", "The flow names it.", chosen.priority, "error", text, "", ())
    needs = line.needed(chosen.own_needs)
    found = objection(floor, line, needs)
    outcome, text = found if found is not None else ("waits", "")
    agents = _agents(floor, line, needs, {}, floor.sticky.agent(event.person, chosen.sticky, floor.wall))
    why = _why(event.queue, verdicts)
    return Explanation(verdicts, line.name, why, chosen.priority, outcome, text, line.config.order, agents)


def explain_entry(floor: Floor, entry: Entry) -> Explanation:
    """Why somebody is where he is."""
    line = floor.lines[entry.queue]
    verdicts: tuple[RouteVerdict, ...] = ()
    if entry.asked is None:
        verdicts = examine(entry.routes, entry.facts, floor.local(entry.wall), secret=entry.secret)
    spoken = floor.sticky.agent(entry.person, entry.sticky, floor.wall)
    agents = _agents(floor, line, line.needed(entry.own_needs), entry.tried, spoken)
    text = ""
    if entry.talk is not None:
        text = f"He talks to {floor.talks[entry.talk].agent.name}."
    elif entry.offers:
        text = f"Rung for him: {', '.join(entry.offers)}."
    why = _why(entry.asked, verdicts)
    return Explanation(verdicts, line.name, why, entry.priority, "waits", text, line.config.order, agents)


def _why(asked: str | None, verdicts: tuple[RouteVerdict, ...]) -> str:
    if asked is not None:
        return "The flow names it."
    matched = routed(verdicts)
    if matched is None:
        return f"No rule matches, so it is {DEFAULT_QUEUE}." if verdicts else f"There are no rules: {DEFAULT_QUEUE}."
    return f"The rule {matched.name} matches: {matched.why}"


def _agents(
    floor: Floor, line: Line, needs: Needs, tried: Mapping[str, Any], spoken: tuple[str, float] | None
) -> tuple[AgentVerdict, ...]:
    """All agents of a queue: those who would be rung in order, then those who are not asked."""
    able: list[AgentState] = []
    others: list[AgentVerdict] = []
    for name in line.pool:
        agent = floor.agents[name]
        lacking = _lacking(agent, needs)
        reason = agent.why_not() or lacking
        if reason is None:
            able.append(agent)
        else:
            others.append(AgentVerdict(name, None, None, reason))
    scored = dict(ranked(line, needs, able, floor.now))
    first = [agent for agent in scored if spoken is not None and agent.name == spoken[0]]
    fresh = [agent for agent in scored if agent.name not in tried]
    rest = [agent for agent in scored if agent.name in tried]
    in_order = list(dict.fromkeys([*(agent for agent in first if agent in fresh), *fresh, *first, *rest]))
    verdicts = []
    for rank, agent in enumerate(in_order, 1):
        if agent in first:
            why = "He spoke to this caller last."
        elif agent.name in tried:
            why = "He was offered this call and did not take it; he is asked again where nobody else is free."
        else:
            why = _compared(line, rank == 1)
        verdicts.append(AgentVerdict(agent.name, rank, scored[agent], why))
    return (*verdicts, *others)


def _compared(line: Line, first: bool) -> str:
    order = line.config.order
    if order == "ring_all":
        return "All who are free are rung."
    return f"He {WORDS[order]}." if first else f"He is free; somebody else {WORDS[order]}."


def _lacking(agent: AgentState, needs: Needs) -> str | None:
    for name, level in needs:
        has = agent.config.skills.get(name, 0)
        if has < level:
            return f"He lacks the skill {name}: {level} is needed, he has {has}."
    return None
