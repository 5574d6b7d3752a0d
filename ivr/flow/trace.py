"""The trace of a call: the elements it went through and what they tell of themselves. Safe to store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ivr.flow.exchanges import shown_document
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import CallInfo

if TYPE_CHECKING:
    from ivr.flow.model import Flow

__all__ = ["WAITED_FOR", "Step", "digits", "made_of", "origin", "parts", "path"]

KEPT_IN_TRACE = 4 * 1024
"""Characters of what is known of a caller, and of what a flow was begun with, as JSON."""

HEADER_IN_TRACE = 200
"""Characters of one SIP header."""

HEADERS_IN_TRACE = 20
"""SIP headers of a call."""

MADE_IN_TRACE = 8 * 1024
"""Characters, as JSON, of the elements that a flow was made of for one call: what is longer has a document in it."""

INPUT_DETAILS = ("status", "digits", "keys")
INSIDE = ("twiml", "instructions", "failover")
"""Details that hold what ran inside an element."""

WAITED_FOR = {
    "call_api": "an answer",
    "collect": "keys",
    "forward_call": "the outcome of a forward",
    "notify": "an answer",
    "play": "the end of a prompt",
    "record_voicemail": "the end of a recording",
    "start_incoming_call": "ringing",
    "start_outgoing_call": "an attempt",
    "transfer_to_agent": "an agent",
    "transfer_to_ai_agent": "an AI agent",
    "transfer_to_chat": "an answer",
    "transfer_to_voice_application": "a voice application",
    "wait_for_date": "a date",
    "wait_for_event": "an event",
}
"""What an element waits for whose time has come; others wait for the time itself."""


@dataclass(slots=True)
class Step:
    """One element that the call went through. Safe to store: holds no sensitive value."""

    flow: str
    """Name of the flow."""
    element: str
    """Name of the element."""
    type: str
    """Its type."""
    entered_at: float
    """In the machine's time."""
    left_at: float | None = None
    """In the machine's time; None while it runs."""
    branch: str | None = None
    """The branch taken; None while it runs or when it was broken off."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the element says of itself: plain JSON values."""


def path(steps: Sequence[Step], epoch: float) -> list[dict[str, Any]]:
    """The way walked: element, type, entered_at and left_at (seconds of the epoch), branch, flow, and the details, in
    which times are seconds since the call began. `epoch` is what makes the machine's time seconds of the epoch."""
    return [
        {
            "element": step.element,
            "type": step.type,
            "entered_at": step.entered_at + epoch,
            "left_at": None if step.left_at is None else step.left_at + epoch,
            "branch": step.branch,
            "flow": step.flow,
            **step.details,
        }
        for step in steps
    ]


def digits(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Inputs of the caller: flow, element, status, digits, keys; what `reporting` hides is not there."""
    return [
        {"flow": step.flow, "element": step.element, **{key: part[key] for key in INPUT_DETAILS if key in part}}
        for step in steps
        for part in parts(step.details)
        if "keys" in part or "digits" in part
    ]


def parts(details: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The details of a step, and those of what ran inside it: verbs of documents, instructions from outside, members
    of `failover` and what ran inside these."""
    yield details
    for name in INSIDE:
        for inner in details.get(name) or ():
            yield from parts(inner)


def made_of(flow: Flow) -> dict[str, Any] | None:
    """What a flow was made of for one call, for a replay; None: it was not, or it is too much. Of the URL of a document
    what is secret is not there."""
    if flow.made is None or len(json.dumps(flow.made)) > MADE_IN_TRACE:
        return None
    return {name: _shown(fields) for name, fields in flow.made.items()}


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    document = fields.get("document")
    return dict(fields) if document is None else {**fields, "document": shown_document(document)}


def origin(
    call: CallInfo, flows: Mapping[str, Flow], profile: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, Any]:
    """What a replay needs to begin with, besides the numbers in the record; safe to store.

    `flows` are those that were walked, `profile` what was known of the caller, `properties` what the flow was begun
    with. What is hidden, or too long, is named under `hidden`.
    """
    found: dict[str, Any] = {
        "line": call.line,
        "flows": {name: {"version": flow.version, "number": flow.number or None} for name, flow in flows.items()},
    }
    if call.headers:
        names = list(call.headers)[:HEADERS_IN_TRACE]
        found["headers"] = {name: call.headers[name][:HEADER_IN_TRACE] for name in names}
    hidden: list[str] = []
    for what, values in (("profile", profile), ("properties", properties)):
        shown = {name: value for name, value in values.items() if type(value) is not Sensitive}
        hidden += [f"{what}.{name}" for name in values if name not in shown]
        if shown and len(json.dumps(shown, default=str)) > KEPT_IN_TRACE:
            hidden.append(what)
        elif shown:
            found[what] = shown
    if hidden:
        found["hidden"] = hidden
    return found
