"""How long somebody is likely to wait, and telling him his place.

With `n` agents who serve a queue and conversations of `h` seconds, somebody leaves the queue every `h/n` seconds: who
stands at place `p` waits about `p·h/n`. `h` is the mean of what the last calls of the queue took an agent, ringing and
wrapping up included; an agent counts for a share of one where several of his queues have somebody waiting. Nothing is
told before a few conversations are over, and while no agent is on duty.
"""

from __future__ import annotations

from ivr.center.rules.decisions import Position
from ivr.center.rules.floor import POSITIONS_EVERY, Floor
from ivr.center.rules.lines import Line

__all__ = ["estimated", "pace_of", "tell_positions"]

ENOUGH = 3
"""Conversations from which a mean is told."""
PACE_HOLDS = 5.0
"""Seconds for which the pace of a queue is not worked out again."""
STEP = 5.0
"""Seconds that an estimate is rounded to."""
WORTH_TELLING = 0.2
"""Share by which an estimate must have changed, and at least three steps, to be told anew."""
AT_ONCE = 200
"""Callers looked at in one go, so that a long queue does not hold up decisions."""
NEXT_GO = 0.02
"""Seconds until the next go."""


def pace_of(floor: Floor, line: Line) -> float | None:
    """Seconds per place; None: not known."""
    if floor.now - line.paced >= PACE_HOLDS:
        line.paced = floor.now
        line.pace = _pace(floor, line)
    return line.pace


def _pace(floor: Floor, line: Line) -> float | None:
    if len(line.recent) < ENOUGH:
        return None
    lines = floor.lines
    hands = 0.0
    for name in line.pool:
        agent = floor.agents[name]
        if agent.on_duty:
            others = sum(bool(lines[other].order) for other in agent.lines if other != line.name)
            hands += 1 / (1 + others)
    return sum(line.recent) / len(line.recent) / hands if hands else None


def estimated(floor: Floor, line: Line, position: int) -> float | None:
    """Seconds that who stands at a place is likely to wait, rounded up; None: not known."""
    pace = pace_of(floor, line)
    return None if pace is None else max(STEP, -(-position * pace // STEP) * STEP)


def tell_positions(floor: Floor, line: Line) -> None:
    """Tell callers whose place, or wait, has changed."""
    if line.cursor == 0:
        line.dirty = False
    start, end = line.cursor, line.cursor + AT_ONCE
    for place, entry in enumerate(line.order[start:end], start + 1):
        if entry.caller:
            estimate = estimated(floor, line, place)
            known_place, known = entry.told
            if place != known_place or _differs(estimate, known):
                entry.told = place, estimate
                floor.out.append(Position(entry.caller, place, estimate))
    key = ("positions", line.name)
    if end < len(line.order):
        line.cursor = end
        floor.wake(key, floor.now + NEXT_GO)
        return
    line.cursor, line.swept = 0, floor.now
    if line.dirty:
        floor.wake(key, floor.now + POSITIONS_EVERY)


def _differs(estimate: float | None, known: float | None) -> bool:
    if estimate is None or known is None:
        return estimate is not known
    return abs(estimate - known) >= max(3 * STEP, WORTH_TELLING * known)
