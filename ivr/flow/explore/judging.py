"""What is wrong with a call that has come to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ivr.flow.explore.watched import DEAD_AIR, WatchedCall
from ivr.flow.sim.call import MAX_MOMENTS

__all__ = ["Kind", "Wrong", "faults"]

Kind = Literal["crash", "endless_loop", "dead_air", "lost_caller"]

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
    branch: str = ""
    """Branch that a caller is lost by."""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What makes two of them the same fault."""
        return self.kind, self.flow, self.element, self.branch


def faults(call: WatchedCall, *, subroutine: bool = False) -> list[Wrong]:
    """Everything that is wrong; `subroutine`: the flow is meant to be entered from another, and to go back there."""
    found = [*_dead_air(call)]
    machine = call.machine
    last = machine.steps[-1]
    if machine.fault is not None:
        if machine.fault.startswith("limits."):
            found.append(Wrong("endless_loop", last.flow, last.element, _endless(call, machine.fault)))
        else:
            found.append(Wrong("crash", last.flow, last.element, f"the flow breaks off: {machine.fault}"))
    elif not machine.finished and not call.ended:
        found.append(Wrong("endless_loop", last.flow, last.element, "the call waits here and nothing ever ends that"))
    elif machine.cause == "ended_by_flow" and not subroutine:
        found += _lost(call)
    return found


def _dead_air(call: WatchedCall) -> list[Wrong]:
    found = []
    for silence in (*call.silences, *call.dead_air):
        if silence.seconds > DEAD_AIR:
            flow = next((step.flow for step in call.steps if step.element == silence.element), "")
            text = f"the caller hears nothing for {silence.seconds:.0f} s, and nothing was asked of him"
            found.append(Wrong("dead_air", flow, silence.element, text))
    return found


def _endless(call: WatchedCall, limit: str) -> str:
    if "call_duration" in limit:
        return "a caller who does nothing stays here until limits.call_duration ends the call"
    if call.moments >= MAX_MOMENTS:
        return "the call does not come to an end"
    path = call.path
    last = path[-1]
    around = path[path.index(last) : -1] if path.count(last) > 1 else path[-LOOP_SHOWN:]
    again = next((size for size in range(1, len(path)) if path[-size - 1] == last), len(around))
    loop = path[-again - 1 :]
    shown = " -> ".join(loop if len(loop) <= LOOP_SHOWN + 1 else [*loop[:LOOP_SHOWN], "...", last])
    return f"the call goes round until a limit ends it, and nothing is asked in between: {shown}"


def _lost(call: WatchedCall) -> list[Wrong]:
    """A caller who is hung up although the flow names neither an element nor a hang_up for what happened.

    A prompt that ends the flow after its last word is taken for meant, unless it can be interrupted: then keys were
    to come.
    """
    if any(step.type == "hang_up" and step.branch == "next" for step in call.steps):
        return []
    last = call.steps[-1]
    flow = call.flow if last.flow == call.flow.name else call.flows.get(last.flow)
    element = None if flow is None else flow.elements.get(last.element)
    branch = last.branch or ""
    spoken = bool(last.details.get("played"))
    if branch == "audio_played" and spoken and getattr(element, "interruptible", False) is not True:
        return []
    text = f"the caller is hung up: branch {branch} of {last.element} leads nowhere, and no hang_up is named for it"
    return [Wrong("lost_caller", last.flow, last.element, text, branch)]
