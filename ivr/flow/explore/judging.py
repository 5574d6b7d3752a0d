"""What is wrong with a call that has come to its end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ivr.flow.context import LEFT_OUT
from ivr.flow.explore.watched import WatchedCall
from ivr.flow.sim.call import MAX_MOMENTS
from ivr.flow.sim.lost import lost_by

__all__ = ["DEAD_AIR", "Kind", "Wrong", "faults"]

Kind = Literal["crash", "endless_loop", "dead_air", "lost_caller", "broken_words"]

DEAD_AIR = 5.0
"""Seconds in which a caller hears nothing, and nothing was asked of him, after which he hangs up."""

ROUNDING = 1e-6
"""Seconds by which sums of times are off."""

_NAMED = re.compile(r"element (\S+)")
"""The element that a fault of the machine is about."""

LONG_WAITS = frozenset({"pause", "wait_for_date", "wait_for_event"})
"""Elements that may wait longer than a call lasts."""

LOOP_SHOWN = 6
"""Elements of a loop that a text names."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with a call."""

    kind: Kind
    """Sort of fault."""
    flow: str
    """Flow it is in."""
    element: str
    """Element it is at."""
    text: str
    """A sentence for people."""
    detail: str = ""
    """Branch that a caller is lost by, elements of a loop, or what is wrong with an expression."""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What makes two of them the same fault."""
        return self.kind, self.flow, "" if self.kind == "endless_loop" else self.element, self.detail


def faults(call: WatchedCall, *, subroutine: bool = False) -> list[Wrong]:
    """Everything that is wrong; `subroutine`: the flow is meant to be entered from another, and to go back there."""
    found = [*_dead_air(call), *_broken_words(call)]
    machine = call.machine
    last = machine.steps[-1]
    if machine.fault is not None:
        named = _NAMED.search(machine.fault)
        element = named[1] if named else last.element
        if machine.fault.startswith("limits."):
            loop = _loop(call, element)
            found.append(
                Wrong(
                    "endless_loop", last.flow, element, _endless(call, machine.fault, loop), " ".join(sorted({*loop}))
                )
            )
        else:
            found.append(Wrong("crash", last.flow, element, f"the flow breaks off: {machine.fault}"))
    elif not machine.finished and not call.ended:
        found.append(Wrong("endless_loop", last.flow, last.element, "the call waits here and nothing ever ends that"))
    elif not subroutine:
        found += _lost(call)
    return found


def _dead_air(call: WatchedCall) -> list[Wrong]:
    found = []
    for silence in call.silences:
        if silence.seconds > DEAD_AIR + ROUNDING:
            flow = next((step.flow for step in call.steps if step.element == silence.element), "")
            text = f"the caller hears nothing for {silence.seconds:.0f} s, and nothing was asked of him"
            found.append(Wrong("dead_air", flow, silence.element, text))
    return found


def _broken_words(call: WatchedCall) -> list[Wrong]:
    """Expressions of prompts that have no value, unless because of what the explorer made up."""
    found = []
    given = bool(call.given.profile or call.given.properties) or any(event.taken for event in call.events_log)
    asked = min((request.at for request in call.requests), default=None)
    for step in call.steps:
        told = given or (asked is not None and asked <= step.entered_at)
        for note in step.details.get("notes", ()):
            fault = note.removeprefix(LEFT_OUT)
            if fault != note and not _made_up(fault, told):
                text = f"an expression of a prompt has no value, and its words are left out: {fault}"
                found.append(Wrong("broken_words", step.flow, step.element, text, fault))
    return found


def _made_up(fault: str, told: bool) -> bool:
    """A text stands where a number or a date is needed, or null does after the world was asked or told something
    (`told`): what others really send may be right there."""
    return ", as in " in fault or (told if "null" in fault else "a text" in fault)


def _loop(call: WatchedCall, element: str) -> list[str]:
    """Elements of the last round."""
    path = call.path
    if element not in path:
        return path[-LOOP_SHOWN:]
    return path[len(path) - 1 - path[::-1].index(element) :]


def _endless(call: WatchedCall, limit: str, loop: list[str]) -> str:
    if "call_duration" in limit and call.steps[-1].type in LONG_WAITS and call.path.count(call.path[-1]) == 1:
        return "nothing goes round: the caller waits here longer than limits.call_duration, which ends the call"
    if "call_duration" in limit:
        return "a caller who does nothing stays here until limits.call_duration ends the call"
    if call.moments >= MAX_MOMENTS:
        return "the call does not come to an end"
    shown = [*loop, loop[0]] if len(loop) <= LOOP_SHOWN else [*loop[:LOOP_SHOWN], "...", loop[0]]
    return f"the call goes round until a limit ends it, with no input in between: {' -> '.join(shown)}"


def _lost(call: WatchedCall) -> list[Wrong]:
    lost = lost_by(call)
    if lost is None:
        return []
    step, branch = lost
    text = f"the caller is hung up: branch {branch} of {step.element} leads nowhere, and no hang_up is named for it"
    return [Wrong("lost_caller", step.flow, step.element, text, branch)]
