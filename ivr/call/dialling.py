"""Built-in flows that call somebody: a number through a line for a registered phone, and whoever a request names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ivr.flow import Flow, parse_flow
from ivr.flow.twiml.element import DOCUMENT, DocumentElement

DIALLED = "(phone to line)"
"""Name in records; no file can be called so."""
CALLING = "(call)"
"""Name in records of the flow that calls for who asks."""
BUILT_IN = "built-in"
"""Version of such flows."""
BUILT = 256
"""Ways of calling that are remembered, once their flow is made: that takes a few milliseconds."""

_TEXT = """
description: A registered phone calls a number through a line.
elements:
  start: {type: start_incoming_call, numbers: ["*"], answer: early_media, next: dial}
  dial:
    type: forward_call
    to: "tel:{{ call.to }}"
    %(from)s
    timeout: 120s
    branches: {busy: busy, call_not_forwarded: refuse}
  busy: {type: hang_up, cause: busy}
  refuse: {type: hang_up}
"""


@lru_cache(BUILT)
def dialled_flow(sender: str | None = None) -> Flow:
    """Rings the number in early media, so that the phone is answered when the number answers; `sender` is the caller id
    that is shown, None: as the line says."""
    shown = "" if sender is None else f"from: {json.dumps(sender)}"
    parsed = parse_flow(_TEXT.replace("%(from)s", shown), "dialled")
    return Flow(DIALLED, parsed.elements, parsed.description, version=BUILT_IN)


def built_in(name: str, options: Mapping[str, Any] | None) -> Flow | None:
    """A flow that is in no folder, by its name in records and what it was made for; None for those of the folder."""
    return calling_flow(json.dumps(options, sort_keys=True)) if name == CALLING and options is not None else None


@lru_cache(BUILT)
def calling_flow(options: str) -> Flow:
    """The flow that calls a contact for who asks. `options` are JSON: `fields` of its start_outgoing_call; `flow` that
    goes on with the call, with properties of the contact as variables (`pass`); or `say`: the property of that name is
    said, and the call waits in a `queue` then, where one is named, with the properties `language` and `origin`; or
    `document`: fields of the element that runs the property of that name, a document or the URL of one.
    Nothing that came from outside stands in its text.
    FlowLoadError where a field does not hold."""
    wanted = json.loads(options)
    fields: dict[str, Any] = wanted.get("fields", {})
    passed: list[str] = wanted.get("pass", [])
    talk: dict[str, Any] = {"type": "hang_up"}
    elements: dict[str, Any] = {}
    if "flow" in wanted:
        talk = {"type": "transfer_to_flow", "flow": wanted["flow"], "pass": passed}
    elif "document" in wanted:
        passed = [DOCUMENT]
    elif wanted.get("say"):
        passed = ["say"]
        queue = wanted.get("queue")
        talk = {"type": "play", "text": "{{ say }}", "next": "bye" if queue is None else "queue"}
        elements["bye"] = {"type": "hang_up"}
        if queue is not None:
            passed = ["say", "language", "origin"]
            waits = {"type": "transfer_to_agent", "queue": queue, "origin": "{{ origin }}"}
            elements["queue"] = {**waits, "branches": {"call_not_forwarded": "bye"}}
    branches = {"call_answered": "talk"}
    if fields.get("machine_detection", "off") != "off":
        branches["voicemail"] = "talk"
    elements = {
        "start": {"type": "start_from_audience", "save": {name: name for name in passed}, "next": "dial"},
        "dial": {"type": "start_outgoing_call", **fields, "branches": branches},
        "talk": talk,
        **elements,
    }
    text = {"description": "Somebody asked for this call.", "elements": elements}
    if passed:
        text["variables"] = dict.fromkeys(passed, "")
    parsed = parse_flow(json.dumps(text), "call")
    made = dict(parsed.elements)
    if "document" in wanted:
        found = DocumentElement.model_validate({"type": "document", **wanted["document"], "next": "bye"})
        made |= {"talk": found, "bye": made["talk"]}
    return replace(parsed, elements=made, name=CALLING, version=BUILT_IN, source=None)
