"""Flows that are made for one call: out of elements as a file has them, and of elements that stand in no file.

    made_flow("(moved)", {"do": {"type": "transfer_to_agent", "queue": "support", "branches": {...}}, ...})

What such a flow was made of stays with it (`Flow.made`), and from there comes into the trace of its call: the same flow
can be made again to run the call once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ivr.flow.control import ControlElement
from ivr.flow.elements.base import Element
from ivr.flow.loader import parse_flow
from ivr.flow.model import Flow
from ivr.flow.twiml.dial import DialledElement
from ivr.flow.twiml.element import DocumentElement

__all__ = ["BUILT_IN", "DIALLED", "made_flow"]

KEPT = 256
"""Flows that are remembered, once they are read: that takes a few milliseconds."""

BUILT_IN = "built-in"
"""Version of flows that stand in no file."""

DIALLED = "dialled"
"""Type of a forward to whom an application names, in place of `forward_call`."""

_OWN: Mapping[str, type[Element]] = {"control": ControlElement, "document": DocumentElement}
"""Elements that stand in no file, by their type."""


def made_flow(name: str, elements: Mapping[str, Mapping[str, Any]], description: str = "") -> Flow:
    """A flow of these elements, called so in records; FlowLoadError where one of them does not hold."""
    plain = {
        key: {**fields, "type": "forward_call"} if fields["type"] == DIALLED else fields
        for key, fields in elements.items()
        if fields["type"] not in _OWN
    }
    parsed = _parsed(json.dumps({"description": description, "elements": plain}))
    made = dict(parsed.elements)
    for key, fields in elements.items():
        if fields["type"] in _OWN:
            made[key] = _OWN[fields["type"]].model_validate(fields)
        elif fields["type"] == DIALLED:
            made[key] = DialledElement.model_validate(plain[key])
    return replace(parsed, elements=made, name=name, version=BUILT_IN, source=None, made=elements)


@lru_cache(KEPT)
def _parsed(text: str) -> Flow:
    return parse_flow(text, "made")
