"""Whether a flow lost its caller: hung him up although it names neither an element nor a `hang_up` for what happened.

A prompt that ends a flow after its last word is taken for meant, unless it can be interrupted: then keys were to come.
"""

from __future__ import annotations

from ivr.flow.sim.call import SimulatedCall
from ivr.flow.trace import Step

__all__ = ["lost_by"]


def lost_by(call: SimulatedCall) -> tuple[Step, str] | None:
    """The step that lost the caller, and its branch (the one that it falls back to); None: he was not lost."""
    if call.cause != "ended_by_flow" or call.machine.fault is not None:
        return None
    if any(step.type == "hang_up" and step.branch == "next" for step in call.steps):
        return None
    last = call.steps[-1]
    flow = call.flow if last.flow == call.flow.name else call.flows.get(last.flow)
    element = None if flow is None else flow.elements.get(last.element)
    branch = last.branch or ""
    ways = {} if element is None else element.exits
    while branch in ways and (fallback := ways[branch].branch.fallback) is not None:
        branch = fallback
    if branch in ways and ways[branch].branch.call_begins and not ways[branch].branch.success:
        return None  # nobody but a machine was there
    if branch == "audio_played" and last.details.get("played") and getattr(element, "interruptible", False) is not True:
        return None
    return last, branch
