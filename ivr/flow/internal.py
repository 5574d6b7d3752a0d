"""The flow for a call from phone to phone, which no flow of the folder has a number for."""

from __future__ import annotations

from functools import cache

from ivr.flow.elements.base import Element
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.hang_up import HangUpElement
from ivr.flow.elements.start import StartIncomingCallElement
from ivr.flow.model import Flow

__all__ = ["INTERNAL", "internal_flow"]

INTERNAL = "(phone to phone)"
"""Its name in records; no file can be called so."""


@cache
def internal_flow() -> Flow:
    """Rings the phone that was called, in early media so that the call is answered when that phone answers."""
    elements: dict[str, Element] = {
        "start": StartIncomingCallElement.model_validate(
            {"type": "start_incoming_call", "numbers": ["*"], "answer": "early_media", "next": "ring"}
        ),
        "ring": ForwardCallElement.model_validate(
            {
                "type": "forward_call",
                "to": "phone:{{ call.to }}",
                "branches": {"call_not_forwarded": "refuse", "busy": "busy"},
            }
        ),
        "busy": HangUpElement.model_validate({"type": "hang_up", "cause": "busy"}),
        "refuse": HangUpElement.model_validate({"type": "hang_up"}),
    }
    return Flow(INTERNAL, elements, "A registered phone calls another.", version="built-in")
