"""Built-in flows that live calls are moved to: a target is called, a queue joined, a flow entered, the call handed to
an AI agent or a voice application, or held for who controls it from outside.

They are made before the call is touched: what cannot be is said to who asks, and the call stays where it is. Where it
turns out later that nobody takes it, the call comes back to the element that had it, which begins again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ivr.errors import FlowLoadError, IvrError
from ivr.flow import Flow, FlowSet
from ivr.flow.making import DIALLED, made_flow
from ivr.settings import Settings

__all__ = [
    "MOVED",
    "TAKEN",
    "Goal",
    "GoalError",
    "MoveError",
    "NoGoalError",
    "Target",
    "document_flow",
    "goal_of",
    "taken_flow",
]

MOVED = "(moved)"
"""Name in records of flows that are made for a move; no file can be called so."""
TAKEN = "(taken)"
"""Name in records of the flow that holds a call for who controls it."""
START, DO, ELSE, BYE = "start", "do", "else", "bye"

Target = Literal["to", "queue", "flow", "ai_agent", "application"]

_SECTIONS: Mapping[str, str] = {"queue": "queues", "ai_agent": "ai_agents", "application": "applications"}
_ELEMENTS: Mapping[str, tuple[str, str, str]] = {
    "to": ("forward_call", "to", "call_not_forwarded"),
    "queue": ("transfer_to_agent", "queue", "call_not_forwarded"),
    "ai_agent": ("transfer_to_ai_agent", "agent", "returned"),
    "application": ("transfer_to_voice_application", "application", "call_not_transferred"),
}
"""Target to the element that sees to it, its field, and the branch by which the call comes back."""
_SERVED = "result.reason == 'callback_scheduled' or result.key == 'voicemail'"
"""Of who left a queue: nothing more is to be done for him."""


class NoGoalError(IvrError):
    """There is no flow, queue, agent or application of that name."""

    http_status = 404


class GoalError(IvrError):
    """What is asked for cannot be: the flow has no place to begin, a field does not hold."""

    http_status = 422


class MoveError(IvrError):
    """The call cannot be moved, or asked for something, as it stands."""

    http_status = 409


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a call is to go on."""

    flow: Flow
    entry: str
    variables: Mapping[str, Any] = field(default_factory=dict)


def goal_of(
    target: Target,
    value: str,
    flows: FlowSet,
    settings: Settings,
    *,
    fields: Mapping[str, Any] | None = None,
    otherwise: str | None = None,
    variables: Mapping[str, Any] | None = None,
    chosen: bool = False,
) -> Goal:
    """Where a call goes on that is moved to a target. `fields` are further ones of the element that sees to it;
    `otherwise` is the flow that gets the call where nobody takes it, by default it comes back to the element that has
    it; `variables` are those of a `flow`; `chosen`: an application names the target, so that for the outbound policy it
    is not one that stands in the flow. NoGoalError, GoalError."""
    if otherwise is not None:
        _entry(otherwise, flows)
    if target == "flow":
        flow, entry = _entry(value, flows)
        return Goal(flow, entry, variables or {})
    section = _SECTIONS.get(target)
    if section is not None and value not in getattr(settings, section) and (target, value) != ("queue", "default"):
        raise NoGoalError(f"there is no {target.replace('_', ' ')} {value[:64]}")
    if target == "to":
        _check_named(value, settings)
    return Goal(_built(target, value, fields or {}, otherwise, chosen), START)


def _entry(name: str, flows: FlowSet) -> tuple[Flow, str]:
    flow = flows.get(name)
    if flow is None:
        raise NoGoalError(f"there is no flow {name[:64]}")
    if flow.flow_entry is None:
        raise GoalError(f"the flow {name} cannot be entered by a transfer: it has no start_from_flow")
    return flow, flow.flow_entry


def _check_named(target: str, settings: Settings) -> None:
    """Phones and agents that are not there; everything else is found out when it is called."""
    kind, _, name = target.partition(":")
    known: Mapping[str, Mapping[str, Any]] = {"phone": settings.phones, "agent": settings.agents}
    if name and kind in known and name not in known[kind]:
        raise NoGoalError(f"there is no {kind} {name[:64]}")


def _has_expression(value: Any) -> bool:
    """Whether a text anywhere in it would be read as an expression."""
    if isinstance(value, str):
        return "{{" in value or "}}" in value
    if isinstance(value, Mapping):
        return any(map(_has_expression, (*value, *value.values())))
    return isinstance(value, list) and any(map(_has_expression, value))


def _built(target: Target, value: str, fields: Mapping[str, Any], otherwise: str | None, chosen: bool) -> Flow:
    kind, name, back = _ELEMENTS[target]
    if _has_expression([value, fields]):
        raise GoalError("expressions are for flows alone: leave out {{ and }}")
    elements: dict[str, dict[str, Any]] = {START: {"type": "start_from_flow", "next": DO}, BYE: {"type": "hang_up"}}
    branches = {}
    if otherwise is not None:
        elements[ELSE] = _ending(otherwise)
        branches[back] = ELSE
    elif target == "queue":
        # Who is called back, or has left a message, is done; what else leads nowhere goes back.
        elements[ELSE] = {"type": "branch", "conditions": [{"when": _SERVED, "to": BYE}]}
        branches[back] = ELSE
    elif target == "ai_agent":
        branches["completed"] = BYE
    sees_to = DIALLED if chosen and target == "to" else kind
    elements[DO] = {"type": sees_to, name: value, **fields, "branches": branches}
    if target != "ai_agent":
        elements[DO]["next"] = BYE
    try:
        return made_flow(MOVED, elements, "Somebody moved the call here.")
    except FlowLoadError as error:
        faults = "; ".join(f"{(fault.field or '').rpartition('.')[2]}: {fault.text}" for fault in error.faults)
        raise GoalError(faults) from None


def document_flow(application: str, document: str, method: Literal["GET", "POST"] = "POST") -> Goal:
    """The flow of a call whose application has put a document in place of what the call was doing; `document` is one,
    or the URL of one, and `method` how it is asked for."""
    shown = {"type": "document", "application": application, "document": document, "method": method, "next": BYE}
    return Goal(made_flow(MOVED, {"document": shown, **_ends(None)}), "document")


def taken_flow(by: str, idle: float, filler: Literal["music", "none"], back: str | None) -> Goal:
    """The flow of a call that is taken: it does what it is told, and goes to the flow `back` when nothing is asked of
    it for `idle` seconds; None: to the element that had it, which begins again."""
    control = {"type": "control", "by": by, "idle": idle, "filler": filler}
    if back is not None:
        control["next"] = BYE
    return Goal(made_flow(TAKEN, {"control": control, **_ends(back)}), "control")


def _ends(back: str | None) -> dict[str, dict[str, Any]]:
    """The elements of a flow that ends in a transfer to another one, or by hanging up."""
    return {START: {"type": "start_from_flow", "next": BYE}, BYE: _ending(back)}


def _ending(back: str | None) -> dict[str, Any]:
    return {"type": "hang_up"} if back is None else {"type": "transfer_to_flow", "flow": back}
