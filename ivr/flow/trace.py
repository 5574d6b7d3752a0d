"""The trace of a call: the elements it went through and what they tell of themselves. Safe to store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["WAITED_FOR", "Step", "digits", "path"]

INPUT_DETAILS = ("status", "digits", "keys")

WAITED_FOR = {
    "call_api": "an answer",
    "collect": "keys",
    "forward_call": "the outcome of a forward",
    "notify": "an answer",
    "play": "the end of a prompt",
    "record_voicemail": "the end of a recording",
    "start_incoming_call": "ringing",
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
        {
            "flow": step.flow,
            "element": step.element,
            **{key: step.details[key] for key in INPUT_DETAILS if key in step.details},
        }
        for step in steps
        if "keys" in step.details or "digits" in step.details
    ]
