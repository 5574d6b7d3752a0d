"""The flow that calls a number through a line for a registered phone."""

from __future__ import annotations

from functools import cache

from ivr.flow import Flow, parse_flow

DIALLED = "(phone to line)"
"""Name in records; no file can be called so."""

_TEXT = """
description: A registered phone calls a number through a line.
elements:
  start: {type: start_incoming_call, numbers: ["*"], answer: early_media, next: dial}
  dial:
    type: forward_call
    to: "tel:{{ call.to }}"
    timeout: 120s
    branches: {busy: busy, call_not_forwarded: refuse}
  busy: {type: hang_up, cause: busy}
  refuse: {type: hang_up}
"""


@cache
def dialled_flow() -> Flow:
    """Rings the number in early media, so that the phone is answered when the number answers."""
    parsed = parse_flow(_TEXT, "dialled")
    return Flow(DIALLED, parsed.elements, parsed.description, version="built-in")
