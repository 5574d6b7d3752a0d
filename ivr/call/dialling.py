"""Built-in flows that call somebody: a number through a line for a registered phone, and whoever a request names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from ivr.flow import Flow, parse_flow

DIALLED = "(phone to line)"
"""Name in records; no file can be called so."""
CALLING = "(call)"
"""Name in records of the flow that calls for who asks."""
BUILT = 256
"""Ways of calling that are remembered, once their flow is made: that takes a few milliseconds."""

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


def built_in(name: str, options: Mapping[str, Any] | None) -> Flow | None:
    """A flow that is in no folder, by its name in records and what it was made for; None for those of the folder."""
    return calling_flow(json.dumps(options, sort_keys=True)) if name == CALLING and options is not None else None


@lru_cache(BUILT)
def calling_flow(options: str) -> Flow:
    """The flow that calls somebody for who asks: `options` are JSON, the fields of its start_outgoing_call and the
    `flow` that goes on with the call, else the text that is said (`say`)."""
    fields = json.loads(options)
    then, said = fields.pop("flow", None), fields.pop("say", None)
    talk: dict[str, Any] = {"type": "hang_up"}
    elements: dict[str, Any] = {
        "start": {"type": "start_from_audience", "next": "dial"},
        "dial": {"type": "start_outgoing_call", "to": "{{ call.to }}", **fields, "branches": {"call_answered": "talk"}},
    }
    if then is not None:
        talk = {"type": "transfer_to_flow", "flow": then}
    elif said is not None:
        talk = {"type": "play", "text": said, "next": "bye"}
        elements["bye"] = {"type": "hang_up"}
    elements["talk"] = talk
    parsed = parse_flow(json.dumps({"description": "Somebody asked for this call.", "elements": elements}), CALLING)
    return Flow(CALLING, parsed.elements, parsed.description, version="built-in")
