"""Records of simulated calls, as the store gives those of live ones."""

from __future__ import annotations

import json
from typing import Any

from ivr.flow.sim import SimulatedCall

__all__ = ["record_of"]


def record_of(call: SimulatedCall) -> dict[str, Any]:
    """The record of a call that is over; what cannot be JSON fails here."""
    machine, info = call.machine, call.call_info
    started = info.started_at.timestamp()
    record = {
        "id": info.id,
        "short_id": info.short_id,
        "direction": info.direction,
        "started_at": started,
        "answered_at": None if call.answered_at is None else started + call.answered_at,
        "ended_at": None if call.ended_at is None else started + call.ended_at,
        "line": info.line,
        "caller": info.from_,
        "called": info.to,
        "cause": machine.cause,
        "sip_status": 200,
        "flow": call.flow.name,
        "flow_version": call.flow.version,
        "flow_number": None,
        "path": machine.path(),
        "digits": machine.digits(),
        "hand_offs": [],
        "quality": {},
        "details": {**machine.origin(), **({"fault": machine.fault} if machine.fault else {})},
    }
    kept: dict[str, Any] = json.loads(json.dumps(record))
    return kept
